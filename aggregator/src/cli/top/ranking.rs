//! `Ranking`: a summary as a table with shares.

use super::summary::{Figures, Group, Summary};
use super::{Field, Order};
use crate::cli::error::CliError;
use crate::cli::output::{Output, Style};
use crate::cli::table::{Column, Row, Table};
use crate::cli::units::{self, Units};

/// How a summary is shown.
pub(super) struct Ranking<'a> {
    /// What flows are grouped by.
    pub by: &'a [Field],
    /// The figure that shares are of.
    pub order: Order,
    /// How bytes are shown.
    pub units: Units,
}

impl Ranking<'_> {
    /// Prints groups, the rest if there is any, and the whole.
    pub fn print(&self, summary: &Summary, output: &mut Output) -> Result<(), CliError> {
        if summary.total.groups == 0 {
            return output.line(Style::Plain, "There is nothing.");
        }
        Table::new(self.columns()).print(&self.rows(summary), output)
    }

    fn columns(&self) -> Vec<Column> {
        let fields = self.by.iter().map(|field| match field {
            Field::SrcApp => Column::text("SOURCE"),
            Field::DestApp => Column::text("DESTINATION"),
            Field::VpcId => Column::text("VPC"),
            Field::Hour => Column::text("HOUR"),
        });
        let figures = ["SENT", "RETURNED", "TOTAL", "FLOWS", "SHARE"].map(Column::number);
        fields.chain(figures).chain([Column::text("")]).collect()
    }

    fn rows(&self, summary: &Summary) -> Vec<Row> {
        let total = &summary.total;
        let mut rows = Vec::with_capacity(summary.rows.len() + 1);
        if let Some((rest, groups)) = summary.rows.split_last() {
            rows.extend(groups.iter().map(|group| self.group(group, total)));
            let figures = rest.figures();
            if figures.groups > 0 {
                let title = format!("({} more)", figures.groups);
                rows.push(self.aside(title, &figures, total, Style::Dim));
            }
        }
        rows.push(self.aside("total".to_owned(), total, total, Style::Bold));
        rows
    }

    fn group(&self, group: &Group, total: &Figures) -> Row {
        let fields = self.by.iter().map(|field| group.field(*field));
        let share = self.share(&group.figures(), total);
        let figures = self.figures(&group.figures(), total);
        Row::plain(fields.chain(figures).chain([units::bar(share)]).collect())
    }

    /// A row that is no group: its title stands where the first field is.
    fn aside(&self, title: String, figures: &Figures, total: &Figures, style: Style) -> Row {
        let blanks = self.by.iter().skip(1).map(|_| String::new());
        let figures = self.figures(figures, total);
        let cells = [title].into_iter().chain(blanks).chain(figures).chain([String::new()]);
        Row { cells: cells.collect(), style }
    }

    fn figures(&self, figures: &Figures, total: &Figures) -> [String; 5] {
        [
            self.units.bytes(figures.bytes_tx),
            self.units.bytes(figures.bytes_rx),
            self.units.bytes(figures.bytes_total),
            figures.flows.to_string(),
            units::percent(self.share(figures, total)),
        ]
    }

    fn share(&self, figures: &Figures, total: &Figures) -> f64 {
        units::share(figures.of(self.order), total.of(self.order))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(summary: &str, by: &[Field]) -> Vec<Row> {
        let summary: Summary = serde_json::from_str(summary).unwrap();
        Ranking { by, order: Order::BytesTx, units: Units::Exact }.rows(&summary)
    }

    #[test]
    fn the_rest_and_the_whole_come_last() {
        let rows = rows(
            r#"{"rows":[
                {"src_app":"_rest","hour":7,"bytes_tx":30,"bytes_rx":1,"bytes_total":31,"flows":2,"groups":1},
                {"src_app":"_rest","hour":null,"bytes_tx":10,"bytes_rx":0,"bytes_total":10,"flows":5,"groups":4}],
               "total":{"bytes_tx":40,"bytes_rx":1,"bytes_total":41,"flows":7,"groups":5}}"#,
            &[Field::SrcApp, Field::Hour],
        );
        let cells: Vec<_> = rows.iter().map(|row| row.cells.join("|")).collect();
        assert_eq!(
            cells,
            [
                "_rest|7|30|1|31|2|75.0%|█████████",
                "(4 more)||10|0|10|5|25.0%|",
                "total||40|1|41|7|100.0%|"
            ]
        );
        assert_eq!(rows[2].style, Style::Bold);
    }

    #[test]
    fn without_a_rest_there_is_no_row_for_it() {
        let rows = rows(
            r#"{"rows":[
                {"vpc_id":"v","bytes_tx":1,"bytes_rx":1,"bytes_total":2,"flows":1,"groups":1},
                {"vpc_id":"_rest","bytes_tx":0,"bytes_rx":0,"bytes_total":0,"flows":0,"groups":0}],
               "total":{"bytes_tx":1,"bytes_rx":1,"bytes_total":2,"flows":1,"groups":1}}"#,
            &[Field::VpcId],
        );
        assert_eq!(rows.len(), 2);
    }
}
