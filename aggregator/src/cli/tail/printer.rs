//! `Printer`: a line for each flow that has changed.

use jiff::Timestamp;
use serde::Serialize;

use super::figures::{Change, Figures};
use crate::cli::error::CliError;
use crate::cli::output::{Format, Output, OutputOptions, Style};
use crate::cli::rows::FlowRow;
use crate::cli::table::{Column, Row, Table};
use crate::cli::units::Units;

/// Prints changes as they come.
pub(super) struct Printer {
    output: Output,
    format: Format,
    units: Units,
    table: Table,
    figures: Figures,
    /// Lines that may still be printed.
    left: u64,
}

/// A change for programs: the flow as it is now, and by how much that is more than before; no
/// figures there when it was not seen before.
#[derive(Serialize)]
struct ChangeRecord<'a> {
    src_app: &'a str,
    dest_app: &'a str,
    vpc_id: &'a str,
    bytes_tx: u64,
    bytes_rx: u64,
    hour: u64,
    change_tx: Option<u64>,
    change_rx: Option<u64>,
}

const CSV_HEADER: &str = "src_app,dest_app,vpc_id,bytes_tx,bytes_rx,hour,change_tx,change_rx\n";

impl Printer {
    /// A printer of at most `limit` lines.
    pub fn new(options: &OutputOptions, limit: Option<u64>) -> Self {
        Self {
            output: Output::new(),
            format: options.output,
            units: options.units(),
            table: Table::new(columns()),
            figures: Figures::default(),
            left: limit.unwrap_or(u64::MAX),
        }
    }

    /// Whether all lines are printed.
    pub fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Prints what comes before the first change.
    pub fn begin(&mut self, heading: &str) -> Result<(), CliError> {
        match self.format {
            Format::Table => self.output.line(Style::Bold, heading)?,
            Format::Csv => self.output.write(CSV_HEADER.as_bytes())?,
            Format::Json | Format::Ndjson => {}
        }
        self.output.flush()
    }

    /// Prints flows that have changed.
    pub fn flows(&mut self, flows: &[FlowRow]) -> Result<(), CliError> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(flows.len());
        let flows = flows.iter().take(wanted);
        self.left -= wanted as u64;
        let changes: Vec<_> = flows.map(|flow| (flow, self.figures.change(flow))).collect();
        if self.format == Format::Table {
            let clock = Timestamp::now().strftime("%H:%M:%S").to_string();
            let rows: Vec<Row> =
                changes.iter().map(|(flow, change)| self.row(&clock, flow, *change)).collect();
            self.table.print(&rows, &mut self.output)?;
        } else {
            let lines = encode(&changes, self.format);
            self.output.write(&lines?)?;
        }
        self.output.flush()
    }

    fn row(&self, clock: &str, flow: &FlowRow, change: Option<Change>) -> Row {
        let plus = |bytes: fn(Change) -> u64| match change.map(bytes) {
            Some(bytes) => format!("+{}", self.units.bytes(bytes.into())),
            // It was not seen before: how much of it is new is not known.
            None => "-".to_owned(),
        };
        let mut cells = vec![clock.to_owned(), flow.hour.to_string()];
        cells.extend([&flow.src_app, &flow.dest_app, &flow.vpc_id].map(String::clone));
        cells.extend([plus(|change| change.bytes_tx), plus(|change| change.bytes_rx)]);
        cells.extend([flow.bytes_tx, flow.bytes_rx].map(|bytes| self.units.bytes(bytes.into())));
        Row::plain(cells)
    }
}

fn columns() -> Vec<Column> {
    let text = ["SOURCE", "DESTINATION", "VPC"].map(Column::text);
    let numbers = ["+SENT", "+RETURNED", "SENT", "RETURNED"].map(Column::number);
    [Column::text("AT (UTC)"), Column::number("HOUR")]
        .into_iter()
        .chain(text)
        .chain(numbers)
        .collect()
}

fn encode(changes: &[(&FlowRow, Option<Change>)], format: Format) -> Result<Vec<u8>, CliError> {
    let records = changes.iter().map(|(flow, change)| ChangeRecord {
        src_app: &flow.src_app,
        dest_app: &flow.dest_app,
        vpc_id: &flow.vpc_id,
        bytes_tx: flow.bytes_tx,
        bytes_rx: flow.bytes_rx,
        hour: flow.hour,
        change_tx: change.map(|change| change.bytes_tx),
        change_rx: change.map(|change| change.bytes_rx),
    });
    let mut out = Vec::new();
    if format == Format::Csv {
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(&mut out);
        for record in records {
            writer.serialize(record).map_err(|error| CliError::Unexpected(error.to_string()))?;
        }
        writer.flush().map_err(CliError::writing)?;
        drop(writer);
    } else {
        for record in records {
            serde_json::to_writer(&mut out, &record)
                .map_err(|error| CliError::Unexpected(error.to_string()))?;
            out.push(b'\n');
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_get_the_figures_and_the_change() {
        let flow = FlowRow {
            src_app: "a,b".to_owned(),
            dest_app: "c".to_owned(),
            vpc_id: "v".to_owned(),
            bytes_tx: 7,
            bytes_rx: 8,
            hour: 9,
        };
        let changes = [(&flow, None), (&flow, Some(Change { bytes_tx: 1, bytes_rx: 0 }))];
        let text = |format| String::from_utf8(encode(&changes, format).unwrap()).unwrap();
        assert_eq!(text(Format::Csv), "\"a,b\",c,v,7,8,9,,\n\"a,b\",c,v,7,8,9,1,0\n");
        let lines = text(Format::Ndjson);
        let last = lines.lines().last().unwrap();
        assert_eq!(
            last,
            r#"{"src_app":"a,b","dest_app":"c","vpc_id":"v","bytes_tx":7,"bytes_rx":8,"hour":9,"change_tx":1,"change_rx":0}"#
        );
    }
}
