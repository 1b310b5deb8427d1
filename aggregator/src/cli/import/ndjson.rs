//! Flows as lines of JSON. Blank lines are skipped.

use std::io::{BufRead, Read};

use super::fault::{Fault, Wrong};
use super::record::{JsonRecord, Place, Records};
use crate::limits::MAX_RECORD_BYTES;

/// The flows of lines of JSON.
pub(super) struct Ndjson<R> {
    reader: R,
    text: Vec<u8>,
    record: JsonRecord,
    /// Records that were read.
    index: u64,
    /// Lines that were read.
    line: u64,
}

impl<R: BufRead> Ndjson<R> {
    /// Reads from `reader`.
    pub fn new(reader: R) -> Self {
        Self { reader, text: Vec::new(), record: JsonRecord::default(), index: 0, line: 0 }
    }

    /// Reads the next line; whether there is one.
    fn read_line(&mut self) -> Result<bool, Fault> {
        self.text.clear();
        let mut bounded = (&mut self.reader).take(MAX_RECORD_BYTES as u64 + 1);
        let read = bounded
            .read_until(b'\n', &mut self.text)
            .map_err(|error| Fault::unreadable(self.index, &error))?;
        self.line += 1;
        if read > MAX_RECORD_BYTES {
            let reason = format!("the line is longer than {MAX_RECORD_BYTES} bytes");
            return Err(Wrong::record(reason).at(self.index, Some(self.line)));
        }
        Ok(read > 0)
    }
}

impl<R: BufRead> Records for Ndjson<R> {
    fn append_next(&mut self, out: &mut Vec<u8>) -> Result<Option<Place>, Fault> {
        while self.read_line()? {
            let line = Some(self.line);
            let text = self.text.trim_ascii();
            if text.is_empty() {
                continue;
            }
            self.record.append(text, out).map_err(|wrong| wrong.at(self.index, line))?;
            self.index += 1;
            return Ok(Some(Place { line }));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: &str =
        r#"{"src_app":"a","dest_app":"b","vpc_id":"v","bytes_tx":1,"bytes_rx":2,"hour":3}"#;

    #[test]
    fn blank_lines_count_as_lines_and_not_as_records() {
        let text = format!("\n{FLOW}\r\n  \n{FLOW}");
        let mut records = Ndjson::new(text.as_bytes());
        let mut out = Vec::new();
        assert_eq!(records.append_next(&mut out), Ok(Some(Place { line: Some(2) })));
        assert_eq!(records.append_next(&mut out), Ok(Some(Place { line: Some(4) })));
        assert_eq!(records.append_next(&mut out), Ok(None));
        assert_eq!(out, format!("{FLOW}\n{FLOW}\n").into_bytes());
    }

    #[test]
    fn a_fault_has_its_index_and_line() {
        let text = format!("{FLOW}\n\n{}\n", FLOW.replace("\"hour\":3", "\"hour\":true"));
        let mut records = Ndjson::new(text.as_bytes());
        records.append_next(&mut Vec::new()).unwrap();
        let fault = records.append_next(&mut Vec::new()).unwrap_err();
        assert_eq!(fault.place(), "index 1 (line 3), field hour");
        let mut endless = Ndjson::new(std::io::BufReader::new(std::io::repeat(b'x')));
        let fault = endless.append_next(&mut Vec::new()).unwrap_err();
        assert!(fault.wrong.reason.contains("longer"), "{fault:?}");
    }
}
