//! `Records`: the flows of an input, one after the other, whatever its format; and how one is
//! read that is written as JSON.

use flow_model::wire::{WireError, decode_flows, encode_flow};

use super::fault::{Fault, Wrong};

/// The flows of an input.
pub(super) trait Records {
    /// Appends the next flow to `out` as a line of JSON in its one standard form: the same flows
    /// make the same bytes in every format. Gives its place; none after the last.
    fn append_next(&mut self, out: &mut Vec<u8>) -> Result<Option<Place>, Fault>;
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Its line, from 1, where the format has lines.
    pub line: Option<u64>,
}

/// Reads flows that are written as JSON objects, one at a time.
#[derive(Default)]
pub(super) struct JsonRecord {
    array: Vec<u8>,
}

impl JsonRecord {
    /// Checks a flow and appends it as a line in its standard form.
    pub fn append(&mut self, json: &[u8], out: &mut Vec<u8>) -> Result<(), Wrong> {
        // As an array of one, it is read by the very rules of the server.
        self.array.clear();
        self.array.push(b'[');
        self.array.extend_from_slice(json);
        self.array.push(b']');
        let flows = decode_flows(&self.array).map_err(wrong)?;
        let [flow] = flows.as_slice() else {
            return Err(Wrong::record("there is more than one flow"));
        };
        encode_flow(flow, out);
        out.push(b'\n');
        Ok(())
    }
}

fn wrong(error: WireError) -> Wrong {
    match error {
        WireError::Invalid { field, reason, .. } => {
            Wrong { field: field.map(str::to_owned), reason }
        }
        // The line and column are those of the array of one, which nobody else knows.
        WireError::Malformed(reason) => {
            let reason = reason.split(" at line ").next().unwrap_or_default();
            Wrong::record(format!("malformed JSON: {reason}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_brought_into_its_standard_form() {
        let mut out = Vec::new();
        let json = br#" {"hour":3, "bytes_tx":1,"bytes_rx":2,"vpc_id":"\u0076","dest_app":"b","src_app":"a"}"#;
        JsonRecord::default().append(json, &mut out).unwrap();
        let line =
            r#"{"src_app":"a","dest_app":"b","vpc_id":"v","bytes_tx":1,"bytes_rx":2,"hour":3}"#;
        assert_eq!(String::from_utf8(out).unwrap(), format!("{line}\n"));
    }

    #[test]
    fn what_is_wrong_is_told_by_field() {
        let mut record = JsonRecord::default();
        let mut refuse = |json: &str| record.append(json.as_bytes(), &mut Vec::new()).unwrap_err();
        let flow =
            r#"{"src_app":"a","dest_app":"b","vpc_id":"v","bytes_tx":1,"bytes_rx":2,"hour":3}"#;
        let wrong = refuse(&flow.replace(":3", ":-3"));
        assert_eq!(wrong.field.as_deref(), Some("hour"));
        let wrong = refuse(&flow[..20]);
        assert!(wrong.reason.starts_with("malformed JSON: "), "{wrong}");
        assert!(!wrong.reason.contains(" line "), "{wrong}");
        assert_eq!(refuse(&format!("{flow},{flow}")).reason, "there is more than one flow");
        for bad in ["", "[]", "7", &format!("{flow}],[{flow}")] {
            refuse(bad);
        }
    }
}
