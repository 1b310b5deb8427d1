//! A table for people: columns as wide as their widest cell, numbers to the right.

/// A table of text, row by row.
pub struct Table {
    rows: Vec<Vec<String>>,
    /// How many columns from the left hold text, not numbers.
    text_columns: usize,
}

impl Table {
    /// A table with a heading, whose first `text_columns` columns hold text.
    pub fn new(heading: &[&str], text_columns: usize) -> Self {
        Self { rows: vec![heading.iter().map(|&cell| cell.to_owned()).collect()], text_columns }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The lines, with a rule under the heading.
    pub fn lines(&self) -> Vec<String> {
        let widths = self.widths();
        let mut lines: Vec<String> = self.rows.iter().map(|row| self.line(row, &widths)).collect();
        let rules: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
        lines.insert(1, self.line(&rules, &widths));
        lines
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths = Vec::new();
        for row in &self.rows {
            widths.resize(row.len().max(widths.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        widths
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, &width))| {
            match column < self.text_columns {
                true => format!("{cell:<width$}"),
                false => format!("{cell:>width$}"),
            }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }
}

/// A number with its thousands set apart: `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
