//! Answers of a bounded number of rows: one JSON document, or only its rows as NDJSON or CSV.

use serde::Serialize;

use super::Format;
use crate::store::ReadError;

/// A JSON document around some rows.
pub(crate) trait Document: Serialize {
    /// The rows in it.
    type Row: Serialize;

    /// The names of their fields, which CSV has also when there are no rows.
    const COLUMNS: &[&str];

    /// The rows.
    fn rows(&self) -> &[Self::Row];
}

/// A document as bytes.
///
/// # Errors
/// When it cannot be written in this format.
pub(crate) fn render<D: Document>(document: &D, format: Format) -> Result<Vec<u8>, ReadError> {
    match format {
        Format::Json => serde_json::to_vec(document).map_err(failed),
        Format::Ndjson => ndjson(document.rows()),
        Format::Csv => csv(document),
        #[cfg(feature = "arrow")]
        Format::Arrow => Err(ReadError("only flows can be had in Arrow's format".to_owned())),
    }
}

fn ndjson(rows: &[impl Serialize]) -> Result<Vec<u8>, ReadError> {
    let mut out = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut out, row).map_err(failed)?;
        out.push(b'\n');
    }
    Ok(out)
}

fn csv<D: Document>(document: &D) -> Result<Vec<u8>, ReadError> {
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    if document.rows().is_empty() {
        writer.write_record(D::COLUMNS).map_err(failed)?;
    }
    document.rows().iter().try_for_each(|row| writer.serialize(row)).map_err(failed)?;
    writer.into_inner().map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> ReadError {
    ReadError(format!("an answer cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Hints, HourRow, Hours, SummaryReport};
    use crate::store::{Group, GroupBy, GroupKey, Summary, Totals};

    fn text(document: &impl Document, format: Format) -> String {
        String::from_utf8(render(document, format).unwrap()).unwrap()
    }

    #[test]
    fn sums_are_written_in_full_and_hours_as_times() {
        let totals = Totals { flows: 3, bytes_tx: u128::from(u64::MAX), bytes_rx: 2 };
        let hours = Hours {
            hours: [0, 498_752, u32::MAX].map(|h| HourRow::new(h, &totals, Some(h == 0))).into(),
        };
        let csv = text(&hours, Format::Csv);
        let lines: Vec<&str> = csv.split("\r\n").collect();
        assert_eq!(lines[0], Hours::COLUMNS.join(","));
        let sums = "3,18446744073709551615,2,18446744073709551617";
        assert_eq!(lines[1], format!("0,1970-01-01T00:00:00Z,{sums},true"));
        assert_eq!(lines[2], format!("498752,2026-11-24T08:00:00Z,{sums},false"));
        assert_eq!(lines[3], format!("4294967295,,{sums},false"), "beyond the calendar");
        assert_eq!(lines[4..], [""]);
        let json = text(&hours, Format::Json);
        assert!(
            json.starts_with(r#"{"hours":[{"hour":0,"start":"1970-01-01T00:00:00Z","flows":3,"#)
        );
        assert!(json.contains(r#""bytes_total":18446744073709551617,"complete":true}"#), "{json}");
        assert_eq!(text(&hours, Format::Ndjson).lines().count(), 3);
    }

    #[test]
    fn csv_has_a_header_also_without_rows() {
        let hints = Hints::new(Summary::default());
        assert_eq!(text(&hints, Format::Csv), "value,bytes_total\r\n");
        assert_eq!(text(&hints, Format::Ndjson), "");
        assert_eq!(text(&hints, Format::Json), r#"{"hints":[]}"#);
    }

    #[test]
    fn a_summary_has_the_fields_that_it_is_grouped_by_and_ends_with_the_rest() {
        let group_by = GroupBy { names: [true, false, false], hour: true };
        let key = GroupKey { names: [Some("_rest".into()), None, None], hour: Some(7) };
        let totals = Totals { flows: 1, bytes_tx: 5, bytes_rx: 1 };
        let groups = vec![Group { key, totals }];
        let summary = Summary { groups, rest_groups: 4, rest: totals };
        let report = SummaryReport::new(summary, group_by);
        assert_eq!(
            text(&report, Format::Csv),
            "src_app,hour,bytes_tx,bytes_rx,bytes_total,flows,groups\r\n\
             _rest,7,5,1,6,1,1\r\n_rest,,5,1,6,1,4\r\n"
        );
        let json = text(&report, Format::Json);
        let total =
            r#""total":{"bytes_tx":10,"bytes_rx":2,"bytes_total":12,"flows":2,"groups":5}}"#;
        assert!(json.ends_with(total), "{json}");
        assert!(json.contains(r#"{"src_app":"_rest","hour":null,"bytes_tx":5,"#), "{json}");
    }
}
