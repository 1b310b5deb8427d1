//! The rows that the server sends, and how each looks in a table.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::table::Column;
use super::time;
use super::units::Units;

/// A kind of row.
pub(super) trait TableRow: DeserializeOwned {
    /// The table's columns.
    fn columns() -> Vec<Column>;

    /// A cell for each column.
    fn cells(&self, units: Units) -> Vec<String>;
}

/// A flow as it is now.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(super) struct FlowRow {
    pub src_app: String,
    pub dest_app: String,
    pub vpc_id: String,
    pub bytes_tx: u64,
    pub bytes_rx: u64,
    pub hour: u64,
}

impl TableRow for FlowRow {
    fn columns() -> Vec<Column> {
        let names = ["SOURCE", "DESTINATION", "VPC"].map(Column::text);
        let figures = ["HOUR", "SENT", "RETURNED"].map(Column::number);
        let [hour, sent, returned] = figures;
        [hour].into_iter().chain(names).chain([sent, returned]).collect()
    }

    fn cells(&self, units: Units) -> Vec<String> {
        vec![
            self.hour.to_string(),
            self.src_app.clone(),
            self.dest_app.clone(),
            self.vpc_id.clone(),
            units.bytes(self.bytes_tx.into()),
            units.bytes(self.bytes_rx.into()),
        ]
    }
}

/// The totals of an hour.
#[derive(Debug, Deserialize)]
pub(super) struct HourRow {
    hour: u64,
    /// None if it is too far off for a date.
    start: Option<String>,
    flows: u64,
    bytes_tx: u128,
    bytes_rx: u128,
    bytes_total: u128,
    complete: Option<bool>,
}

impl TableRow for HourRow {
    fn columns() -> Vec<Column> {
        let figures = ["FLOWS", "SENT", "RETURNED", "TOTAL"].map(Column::number);
        let start = [Column::number("HOUR"), Column::text("FROM (UTC)")];
        start.into_iter().chain(figures).chain([Column::text("COMPLETE")]).collect()
    }

    fn cells(&self, units: Units) -> Vec<String> {
        let bytes = [self.bytes_tx, self.bytes_rx, self.bytes_total];
        [
            self.hour.to_string(),
            self.start.as_deref().map(time::to_the_minute).unwrap_or_default(),
            self.flows.to_string(),
        ]
        .into_iter()
        .chain(bytes.map(|bytes| units.bytes(bytes)))
        .chain([self.complete.map_or("not known", yes_or_no).to_owned()])
        .collect()
    }
}

fn yes_or_no(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

/// A flow whose sides disagree.
#[derive(Debug, Deserialize)]
pub(super) struct AuditRow {
    hour: u64,
    src_app: String,
    dest_app: String,
    vpc_id: String,
    reported_by: String,
    source_bytes_tx: u64,
    source_bytes_rx: u64,
    destination_bytes_tx: u64,
    destination_bytes_rx: u64,
    difference_bytes: u128,
}

impl TableRow for AuditRow {
    fn columns() -> Vec<Column> {
        let names = ["SOURCE", "DESTINATION", "VPC", "REPORTED BY"].map(Column::text);
        let figures =
            ["SENT (SRC)", "SENT (DEST)", "RETURNED (SRC)", "RETURNED (DEST)", "DIFFERENCE"];
        let figures = figures.map(Column::number);
        [Column::number("HOUR")].into_iter().chain(names).chain(figures).collect()
    }

    fn cells(&self, units: Units) -> Vec<String> {
        let names = [&self.src_app, &self.dest_app, &self.vpc_id, &self.reported_by];
        let bytes = [
            self.source_bytes_tx,
            self.destination_bytes_tx,
            self.source_bytes_rx,
            self.destination_bytes_rx,
        ];
        [self.hour.to_string()]
            .into_iter()
            .chain(names.map(String::clone))
            .chain(bytes.map(|bytes| units.bytes(bytes.into())))
            .chain([units.bytes(self.difference_bytes)])
            .collect()
    }
}

/// An instance that reports.
#[derive(Debug, Deserialize)]
pub(super) struct InstanceRow {
    id: String,
    sequence: u64,
    reporter: String,
    watermark_ms: i64,
    lost_bytes: u64,
    folded_bytes: u64,
    last_seen: String,
    #[serde(default)]
    ended: bool,
    clock_offset_ms: Option<i64>,
}

impl TableRow for InstanceRow {
    fn columns() -> Vec<Column> {
        vec![
            Column::text("INSTANCE"),
            Column::text("SIDE"),
            Column::number("SEQUENCE"),
            Column::text("COMPLETE TO (UTC)"),
            Column::text("LAST SEEN (UTC)"),
            Column::number("LOST"),
            Column::number("FOLDED"),
            Column::number("CLOCK"),
            Column::text("ENDED"),
        ]
    }

    fn cells(&self, units: Units) -> Vec<String> {
        let watermark = jiff::Timestamp::from_millisecond(self.watermark_ms);
        let watermark = watermark.map(|time| time::to_the_second(&time.to_string()));
        vec![
            self.id.clone(),
            self.reporter.clone(),
            self.sequence.to_string(),
            watermark.unwrap_or_else(|_| self.watermark_ms.to_string()),
            time::to_the_second(&self.last_seen),
            units.bytes(self.lost_bytes.into()),
            units.bytes(self.folded_bytes.into()),
            self.clock_offset_ms.map(offset).unwrap_or_default(),
            yes_or_no(self.ended).to_owned(),
        ]
    }
}

/// How far a clock is ahead.
fn offset(offset_ms: i64) -> String {
    format!("{:+.1} s", offset_ms as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_beyond_64_bits_are_read_in_full() {
        let row: HourRow = serde_json::from_str(
            r#"{"hour":1,"start":"1970-01-01T01:00:00Z","flows":2,
                "bytes_tx":36893488147419103230,"bytes_rx":0,"bytes_total":36893488147419103230}"#,
        )
        .unwrap();
        let cells = row.cells(Units::Exact);
        assert_eq!(
            cells,
            [
                "1",
                "1970-01-01 01:00",
                "2",
                "36893488147419103230",
                "0",
                "36893488147419103230",
                "not known"
            ]
        );
        assert_eq!(cells.len(), HourRow::columns().len());
    }

    #[test]
    fn an_instance_is_shown_with_what_it_could_not_deliver() {
        let row: InstanceRow = serde_json::from_str(
            r#"{"id":"i","sequence":7,"reporter":"source","watermark_ms":61000,"lost_bytes":5,
                "folded_bytes":2000,"last_seen":"1970-01-01T00:02:00.123Z","ended":true,"clock_offset_ms":-1500}"#,
        )
        .unwrap();
        let [seen, figures] = [
            ["i", "source", "7", "1970-01-01 00:01:01", "1970-01-01 00:02:00"].as_slice(),
            &["5 B", "2.00 kB", "-1.5 s", "yes"],
        ];
        assert_eq!(row.cells(Units::Human), [seen, figures].concat());
        assert_eq!(InstanceRow::columns().len(), seen.len() + figures.len());
    }

    #[test]
    fn an_hour_too_far_off_for_a_date_is_shown_without_one() {
        let row: HourRow = serde_json::from_str(
            r#"{"hour":4294967295,"start":null,"flows":1,"bytes_tx":2,"bytes_rx":3,
                "bytes_total":5,"complete":false}"#,
        )
        .unwrap();
        assert_eq!(row.cells(Units::Exact), ["4294967295", "", "1", "2", "3", "5", "no"]);
    }

    #[test]
    fn a_disagreement_is_shown_side_by_side() {
        let row: AuditRow = serde_json::from_str(
            r#"{"hour":7,"src_app":"a","dest_app":"b","vpc_id":"v","reported_by":"both",
                "source_bytes_tx":1,"source_bytes_rx":2,"destination_bytes_tx":4,
                "destination_bytes_rx":8,"difference_bytes":9}"#,
        )
        .unwrap();
        let expected = ["7", "a", "b", "v", "both", "1", "4", "2", "8", "9"];
        assert_eq!(row.cells(Units::Exact), expected);
        assert_eq!(AuditRow::columns().len(), expected.len());
    }
}
