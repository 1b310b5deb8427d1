//! Batches on the wire: `POST /v1/batches`, version 1.
//!
//! ```json
//! {"version":1,"instance":"...","sequence":1,"reporter":"source","watermark_ms":0,
//!  "lost_bytes":0,"folded_bytes":0,
//!  "hours":[{"hour":0,"flows":[["src_app","dest_app","vpc_id",0,0]]}]}
//! ```
//!
//! The last batch of an instance has `"ended":true` before its hours.

use std::fmt;

use serde::de::{MapAccess, Visitor};

use super::error::{Place, Position, WireError, parse};
use super::field::{Field, FieldName};
use super::groups::Groups;
use super::scanner::Scanner;
use super::write::{push_integer, push_text};
use crate::batch::Batch;
use crate::flow::{Flow, Hour};
use crate::limits::{MAX_BATCH_FLOWS, MAX_COUNTER};
use crate::reporter::Reporter;

/// The version of the wire format that this crate writes and reads.
pub const VERSION: u64 = 1;

const BATCH_FIELDS: [&str; 9] = [
    "version",
    "instance",
    "sequence",
    "reporter",
    "watermark_ms",
    "lost_bytes",
    "folded_bytes",
    "ended",
    "hours",
];

/// Reads a batch. A batch without flows is well-formed: it carries a watermark.
///
/// # Errors
/// When it is not JSON, of another version, has more than [`MAX_BATCH_FLOWS`](crate::limits::MAX_BATCH_FLOWS) flows, or a field
/// is not what it must be.
pub fn decode_batch(bytes: &[u8]) -> Result<Batch<'_>, WireError> {
    scan_batch(bytes).map_or_else(|| parse_batch(bytes), Ok)
}

pub(super) fn parse_batch(bytes: &[u8]) -> Result<Batch<'_>, WireError> {
    let position = Position::default();
    parse(bytes, &position, BatchObject(&position))
}

/// Reads a batch that is written just as [`encode_batch`] writes it.
pub(super) fn scan_batch(bytes: &[u8]) -> Option<Batch<'_>> {
    let mut scanner = Scanner::new(bytes)?;
    let integer = |scanner: &mut Scanner<'_>, before| {
        let value = if scanner.take(before) { scanner.integer() } else { None };
        value.filter(|value| *value <= MAX_COUNTER)
    };
    if integer(&mut scanner, "{\"version\":")? != VERSION || !scanner.take(",\"instance\":") {
        return None;
    }
    let instance = scanner.name()?;
    let sequence = integer(&mut scanner, ",\"sequence\":").filter(|sequence| *sequence > 0)?;
    if !scanner.take(",\"reporter\":") {
        return None;
    }
    let reporter = Reporter::parse(&scanner.name()?)?;
    let watermark_ms = integer(&mut scanner, ",\"watermark_ms\":")?;
    let lost_bytes = integer(&mut scanner, ",\"lost_bytes\":")?;
    let folded_bytes = integer(&mut scanner, ",\"folded_bytes\":")?;
    let ended = scanner.take(ENDED);
    let flows = scan_groups(&mut scanner, bytes.len())?;
    let ends = scanner.take("}") && scanner.is_at_end();
    ends.then_some(Batch {
        instance,
        sequence,
        reporter,
        watermark_ms,
        lost_bytes,
        folded_bytes,
        ended,
        flows,
    })
}

/// What the last batch of an instance has, and no other.
const ENDED: &str = ",\"ended\":true";

fn scan_groups<'a>(scanner: &mut Scanner<'a>, size_bytes: usize) -> Option<Vec<Flow<'a>>> {
    if scanner.take(",\"hours\":[]") {
        return Some(Vec::new());
    }
    let mut flows = Vec::with_capacity((size_bytes / TYPICAL_ROW_BYTES).min(MAX_BATCH_FLOWS));
    let mut before_group = ",\"hours\":[{\"hour\":";
    while scanner.take(before_group) {
        let hour = Hour::try_from(scanner.integer()?).ok()?;
        let mut before_row = ",\"flows\":[";
        while scanner.take(before_row) {
            let (key, counters) = scanner.row()?;
            flows.push(Flow { key, hour, counters });
            before_row = ",";
        }
        if !scanner.take("]}") || flows.len() > MAX_BATCH_FLOWS {
            return None;
        }
        before_group = ",{\"hour\":";
    }
    (scanner.take("]") && !flows.is_empty()).then_some(flows)
}

/// What a flow takes in a batch, as a first guess.
const TYPICAL_ROW_BYTES: usize = 40;

/// Writes a batch. The same batch always gives the same bytes. Flows of one hour are grouped
/// where they stand together.
pub fn encode_batch(batch: &Batch<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + batch.flows.len() * 64);
    out.extend_from_slice(b"{\"version\":");
    push_integer(VERSION, &mut out);
    out.extend_from_slice(b",\"instance\":");
    push_text(&batch.instance, &mut out);
    out.extend_from_slice(b",\"sequence\":");
    push_integer(batch.sequence, &mut out);
    out.extend_from_slice(b",\"reporter\":");
    push_text(batch.reporter.as_str(), &mut out);
    out.extend_from_slice(b",\"watermark_ms\":");
    push_integer(batch.watermark_ms, &mut out);
    out.extend_from_slice(b",\"lost_bytes\":");
    push_integer(batch.lost_bytes, &mut out);
    out.extend_from_slice(b",\"folded_bytes\":");
    push_integer(batch.folded_bytes, &mut out);
    if batch.ended {
        out.extend_from_slice(ENDED.as_bytes());
    }
    out.extend_from_slice(b",\"hours\":[");
    for (index, group) in batch.flows.chunk_by(|a, b| a.hour == b.hour).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_group(group, &mut out);
    }
    out.extend_from_slice(b"]}");
    out
}

fn push_group(group: &[Flow<'_>], out: &mut Vec<u8>) {
    for (index, flow) in group.iter().enumerate() {
        if index == 0 {
            out.extend_from_slice(b"{\"hour\":");
            push_integer(flow.hour.into(), out);
            out.extend_from_slice(b",\"flows\":[[");
        } else {
            out.extend_from_slice(b",[");
        }
        push_text(&flow.key.src_app, out);
        out.push(b',');
        push_text(&flow.key.dest_app, out);
        out.push(b',');
        push_text(&flow.key.vpc_id, out);
        out.push(b',');
        push_integer(flow.counters.bytes_tx(), out);
        out.push(b',');
        push_integer(flow.counters.bytes_rx(), out);
        out.push(b']');
    }
    out.extend_from_slice(b"]}");
}

struct BatchObject<'p>(&'p Position);

impl<'de> Visitor<'de> for BatchObject<'_> {
    type Value = Batch<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a batch")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Batch<'de>, A::Error> {
        let position = self.0;
        let (mut version, mut instance, mut sequence) = (None, None, None);
        let (mut reporter, mut watermark_ms) = (None, None);
        let (mut lost_bytes, mut folded_bytes) = (None, None);
        let (mut ended, mut flows) = (None, None);
        let next = || position.seed(Place::default(), FieldName(&BATCH_FIELDS));
        while let Some(name) = map.next_key_seed(next())? {
            let field = Field::of_message(position, name);
            let integer = field.integer(MAX_COUNTER);
            let repeated = match name {
                "version" => {
                    let given = map.next_value_seed(integer)?;
                    if given != VERSION {
                        return Err(field.refuse(format_args!("must be {VERSION}, not {given}")));
                    }
                    version.replace(given).is_some()
                }
                "instance" => instance.replace(map.next_value_seed(field.name())?).is_some(),
                "sequence" => sequence.replace(map.next_value_seed(field.ordinal())?).is_some(),
                "reporter" => {
                    let word = field.word(Reporter::parse, "\"source\" or \"destination\"");
                    reporter.replace(map.next_value_seed(word)?).is_some()
                }
                "watermark_ms" => watermark_ms.replace(map.next_value_seed(integer)?).is_some(),
                "lost_bytes" => lost_bytes.replace(map.next_value_seed(integer)?).is_some(),
                "folded_bytes" => folded_bytes.replace(map.next_value_seed(integer)?).is_some(),
                "ended" => ended.replace(map.next_value_seed(field.flag())?).is_some(),
                _ => flows.replace(map.next_value_seed(Groups::read(position))?).is_some(),
            };
            if repeated {
                return Err(field.refuse("is given twice"));
            }
        }
        position.required(version, "version")?;
        Ok(Batch {
            instance: position.required(instance, "instance")?,
            sequence: position.required(sequence, "sequence")?,
            reporter: position.required(reporter, "reporter")?,
            watermark_ms: position.required(watermark_ms, "watermark_ms")?,
            lost_bytes: position.required(lost_bytes, "lost_bytes")?,
            folded_bytes: position.required(folded_bytes, "folded_bytes")?,
            ended: ended.unwrap_or(false),
            flows: position.required(flows, "hours")?,
        })
    }
}
