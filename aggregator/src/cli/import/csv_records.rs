//! Flows as CSV (RFC 4180): the first line names the columns, which may stand in any order.

use std::io::{self, BufRead};
use std::rc::Rc;

use csv::{ByteRecord, Reader, ReaderBuilder};
use flow_model::limits::MAX_COUNTER;
use flow_model::wire::encode_flow;
use flow_model::{Counters, Flow, FlowKey, Hour, Name};

use super::csv_lines::{LinePosition, Lines};
use super::fault::{Fault, Wrong};
use super::record::{Place, Records};

/// The columns in the order of a flow's fields.
const COLUMNS: [&str; 6] = ["src_app", "dest_app", "vpc_id", "bytes_tx", "bytes_rx", "hour"];

/// The flows of lines of CSV.
pub(super) struct CsvRecords<R> {
    reader: Reader<Lines<R>>,
    position: Rc<LinePosition>,
    record: ByteRecord,
    /// Where each of [`COLUMNS`] stands; none before the first line was read.
    positions: Option<[usize; COLUMNS.len()]>,
    /// Records that were read.
    index: u64,
}

impl<R: BufRead> CsvRecords<R> {
    /// Reads from `reader`.
    pub fn new(reader: R) -> Self {
        let position = Rc::default();
        let lines = Lines::new(reader, Rc::clone(&position));
        let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(lines);
        Self { reader, position, record: ByteRecord::new(), positions: None, index: 0 }
    }

    /// Reads the next line; whether there is one.
    fn read_record(&mut self) -> Result<bool, Fault> {
        self.position.begin_record();
        self.reader.read_byte_record(&mut self.record).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) if error.kind() != io::ErrorKind::InvalidData => {
                Fault::unreadable(self.index, &error)
            }
            csv::ErrorKind::Io(error) => {
                Wrong::record(error.to_string()).at(self.index, self.line())
            }
            other => Wrong::record(format!("malformed CSV: {other:?}")).at(self.index, self.line()),
        })
    }

    fn line(&self) -> Option<u64> {
        Some(self.position.line())
    }

    fn positions(&mut self) -> Result<Option<[usize; COLUMNS.len()]>, Fault> {
        if self.positions.is_none() {
            if !self.read_record()? {
                return Ok(None);
            }
            let positions = positions(&self.record);
            let place = |wrong| Fault { index: None, line: self.line(), wrong };
            self.positions = Some(positions.map_err(place)?);
        }
        Ok(self.positions)
    }
}

impl<R: BufRead> Records for CsvRecords<R> {
    fn append_next(&mut self, out: &mut Vec<u8>) -> Result<Option<Place>, Fault> {
        let Some(positions) = self.positions()? else { return Ok(None) };
        if !self.read_record()? {
            return Ok(None);
        }
        let line = self.line();
        let flow = flow(&self.record, positions).map_err(|wrong| wrong.at(self.index, line))?;
        encode_flow(&flow, out);
        out.push(b'\n');
        self.index += 1;
        Ok(Some(Place { line }))
    }
}

/// Where the columns stand, by the names in the first line.
fn positions(names: &ByteRecord) -> Result<[usize; COLUMNS.len()], Wrong> {
    let names: Vec<_> = names.iter().map(String::from_utf8_lossy).collect();
    if let Some(unknown) = names.iter().find(|name| !COLUMNS.contains(&name.as_ref())) {
        return Err(Wrong::record(format!(
            "there is no column {unknown:?}; the columns are {}",
            COLUMNS.join(", ")
        )));
    }
    let mut positions = [0; COLUMNS.len()];
    for (column, position) in COLUMNS.iter().zip(&mut positions) {
        let mut found = names.iter().enumerate().filter(|(_, name)| name.as_ref() == *column);
        let first = found.next().ok_or_else(|| Wrong::field(column, "the column is missing"))?;
        *position = first.0;
        if found.next().is_some() {
            return Err(Wrong::field(column, "the column is there twice"));
        }
    }
    Ok(positions)
}

fn flow(record: &ByteRecord, positions: [usize; COLUMNS.len()]) -> Result<Flow<'_>, Wrong> {
    if record.len() != COLUMNS.len() {
        let reason = format!("there are {} values in {} columns", record.len(), COLUMNS.len());
        return Err(Wrong::record(reason));
    }
    let [src_app, dest_app, vpc_id, bytes_tx, bytes_rx, hour] =
        positions.map(|position| record.get(position).unwrap_or_default());
    let key = FlowKey {
        src_app: name(src_app, "src_app")?,
        dest_app: name(dest_app, "dest_app")?,
        vpc_id: name(vpc_id, "vpc_id")?,
    };
    let bytes_tx = integer(bytes_tx, "bytes_tx", MAX_COUNTER)?;
    let bytes_rx = integer(bytes_rx, "bytes_rx", MAX_COUNTER)?;
    let counters = Counters::new(bytes_tx, bytes_rx)
        .map_err(|error| Wrong::field(error.field, error.to_string()))?;
    let hour = integer(hour, "hour", Hour::MAX.into())?;
    let hour = Hour::try_from(hour).map_err(|error| Wrong::field("hour", error))?;
    Ok(Flow { key, hour, counters })
}

fn name<'a>(value: &'a [u8], field: &str) -> Result<Name<'a>, Wrong> {
    let text = str::from_utf8(value).map_err(|_| Wrong::field(field, "must be UTF-8"))?;
    Name::new(text).map_err(|error| Wrong::field(field, error))
}

fn integer(value: &[u8], field: &str, max: u64) -> Result<u64, Wrong> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(value).ok().filter(|_| digits);
    let integer = text.and_then(|text| text.parse().ok()).filter(|integer| *integer <= max);
    integer.ok_or_else(|| {
        let value = String::from_utf8_lossy(value);
        Wrong::field(field, format!("must be an integer from 0 to {max}, not {value:?}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_RECORD_BYTES;

    const HEADER: &str = "src_app,dest_app,vpc_id,bytes_tx,bytes_rx,hour\n";

    fn read(text: &str) -> Result<(String, Vec<Option<u64>>), Fault> {
        let mut records = CsvRecords::new(text.as_bytes());
        let (mut out, mut lines) = (Vec::new(), Vec::new());
        while let Some(place) = records.append_next(&mut out)? {
            lines.push(place.line);
        }
        Ok((String::from_utf8(out).unwrap(), lines))
    }

    #[test]
    fn columns_stand_in_any_order() {
        let text = "hour,vpc_id,src_app,dest_app,bytes_rx,bytes_tx\r\n\
                    3,v,\"a,\"\"1\"\"\",b,2,1\r\n\r\n4,v,ü,b,0,0\n \n";
        let (out, lines) = read(text).unwrap();
        assert_eq!(
            out.lines().next(),
            Some(
                r#"{"src_app":"a,\"1\"","dest_app":"b","vpc_id":"v","bytes_tx":1,"bytes_rx":2,"hour":3}"#
            )
        );
        assert_eq!(lines, [Some(2), Some(4)]);
        let long = format!("{HEADER}{},b,v,1,2,3\n", "\"\"".repeat(20_000));
        assert_eq!(read(&long).unwrap_err().place(), "index 0 (line 2), field src_app");
        assert_eq!(read("").unwrap().1, [] as [Option<u64>; 0]);
        assert_eq!(read(HEADER).unwrap().1, [] as [Option<u64>; 0]);
    }

    #[test]
    fn a_fault_has_its_line_and_field() {
        for (text, place) in [
            (format!("{HEADER}a,b,v,1,2,3\na,b,v,1,-2,3\n"), "index 1 (line 3), field bytes_rx"),
            (format!("{HEADER}a,,v,1,2,3\n"), "index 0 (line 2), field dest_app"),
            (format!("{HEADER}a,b,v,1,2,4294967296\n"), "index 0 (line 2), field hour"),
            (format!("{HEADER}a,b,v,1,2,+3\n"), "index 0 (line 2), field hour"),
            (
                format!("{HEADER}a,b,v,9223372036854775808,2,3\n"),
                "index 0 (line 2), field bytes_tx",
            ),
            (format!("{HEADER}a,b,v,1,2\n"), "index 0 (line 2)"),
            (HEADER.replace("hour", "hours"), "line 1"),
            (HEADER.replace(",hour", ""), "line 1, field hour"),
            (HEADER.replace("hour", "vpc_id"), "line 1, field vpc_id"),
            (format!("{HEADER}\"{}", "x".repeat(2 * MAX_RECORD_BYTES)), "index 0 (line 2)"),
            (format!("{HEADER}\r\n\"a\n\",b,v,1,2,3\n"), "index 0 (line 3)"),
        ] {
            assert_eq!(read(&text).unwrap_err().place(), place, "{}", &text[..60.min(text.len())]);
        }
    }
}
