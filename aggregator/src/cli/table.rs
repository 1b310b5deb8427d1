//! `Table`: rows of text in columns that line up, page after page.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Width, presets};

use super::error::CliError;
use super::output::{Output, Style};

/// A column's title and where its cells stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    title: String,
    alignment: CellAlignment,
}

impl Column {
    /// A column of words.
    pub fn text(title: impl Into<String>) -> Self {
        Self { title: title.into(), alignment: CellAlignment::Left }
    }

    /// A column of numbers.
    pub fn number(title: impl Into<String>) -> Self {
        Self { title: title.into(), alignment: CellAlignment::Right }
    }
}

/// The cells of a row, and how it looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// A cell for each column.
    pub cells: Vec<String>,
    /// How it looks.
    pub style: Style,
}

impl Row {
    /// A row that looks as it is.
    pub fn plain(cells: Vec<String>) -> Self {
        Self { cells, style: Style::Plain }
    }
}

/// A table that is printed in pages. Columns grow with their contents and never shrink, so that
/// memory is for one page, however many there are.
pub(super) struct Table {
    columns: Vec<Column>,
    widths: Vec<u16>,
    is_started: bool,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: Vec<Column>) -> Self {
        let widths = vec![0; columns.len()];
        Self { columns, widths, is_started: false }
    }

    /// Whether no row was printed.
    pub fn is_empty(&self) -> bool {
        !self.is_started
    }

    /// Prints more rows, the titles before the first.
    pub fn print(&mut self, rows: &[Row], output: &mut Output) -> Result<(), CliError> {
        for (style, line) in self.lay_out(rows) {
            output.line(style, &line)?;
        }
        Ok(())
    }

    fn lay_out(&mut self, rows: &[Row]) -> Vec<(Style, String)> {
        if rows.is_empty() {
            return Vec::new();
        }
        let mut page = comfy_table::Table::new();
        page.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        let mut styles = Vec::with_capacity(rows.len() + 1);
        if !self.is_started {
            page.add_row(self.columns.iter().map(|column| column.title.as_str()));
            styles.push(Style::Bold);
            self.is_started = true;
        }
        for row in rows {
            page.add_row(row.cells.iter().map(|cell| super::output::printable(cell)));
            styles.push(row.style);
        }
        self.size(&mut page);
        styles.into_iter().zip(page.lines().map(|line| line.trim_end().to_owned())).collect()
    }

    fn size(&mut self, page: &mut comfy_table::Table) {
        let needed = page.column_max_content_widths();
        for (width, needed) in self.widths.iter_mut().zip(needed) {
            *width = needed.max(*width);
        }
        let settings = self.columns.iter().zip(&self.widths);
        for (column, (settings, width)) in page.column_iter_mut().zip(settings) {
            column.set_padding((0, GAP));
            column.set_cell_alignment(settings.alignment);
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width + GAP)));
        }
    }
}

/// Spaces between columns.
const GAP: u16 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(cells: &[[&str; 3]]) -> Vec<Row> {
        cells.iter().map(|row| Row::plain(row.map(str::to_owned).to_vec())).collect()
    }

    fn text(lines: Vec<(Style, String)>) -> Vec<String> {
        lines.into_iter().map(|(_, line)| line).collect()
    }

    #[test]
    fn numbers_stand_right_and_pages_line_up() {
        let columns = vec![Column::text("NAME"), Column::number("N"), Column::text("END")];
        let mut table = Table::new(columns);
        assert!(table.lay_out(&[]).is_empty() && table.is_empty());
        let first = table.lay_out(&rows(&[["a", "100", "x"], ["日本", "1", ""]]));
        assert_eq!(first[0].0, Style::Bold);
        assert_eq!(text(first), ["NAME    N  END", "a     100  x", "日本    1"]);
        assert_eq!(text(table.lay_out(&rows(&[["b", "2", "y"]]))), ["b       2  y"]);
        assert_eq!(
            text(table.lay_out(&rows(&[["longer-name", "3", "z"]]))),
            ["longer-name    3  z"]
        );
    }

    #[test]
    fn a_cell_cannot_break_its_line() {
        let mut table = Table::new(vec![Column::text("A")]);
        let lines = table.lay_out(&[Row::plain(vec!["a\nb".to_owned()])]);
        assert_eq!(text(lines), ["A", "a\u{fffd}b"]);
    }
}
