//! Direct writes and reads: flows with the six named fields, as a JSON array, or one a line.

use std::fmt;

use serde::de::{SeqAccess, Visitor};

use super::error::{Place, Position, WireError, parse, parse_seed};
use super::row::FlowObject;
use super::scanner::Scanner;
use super::write::{push_integer, push_text};
use crate::flow::Flow;

/// Reads a JSON array of flows. Names borrow from `bytes` where they have no escapes.
///
/// # Errors
/// When it is not JSON, not an array, empty, or an element is not a flow.
pub fn decode_flows(bytes: &[u8]) -> Result<Vec<Flow<'_>>, WireError> {
    scan_array(bytes).map_or_else(|| parse_flows(bytes), Ok)
}

/// Reads flows as JSON objects, one a line (NDJSON). Empty lines are passed over.
///
/// # Errors
/// When a line is not JSON or not a flow, or there are none. A flow's position counts flows, not
/// lines.
pub fn decode_flow_lines(bytes: &[u8]) -> Result<Vec<Flow<'_>>, WireError> {
    let mut flows = Vec::with_capacity(bytes.len() / TYPICAL_FLOW_BYTES);
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        let flow = scan_line(line).map_or_else(|| parse_line(line, flows.len()), Ok)?;
        flows.push(flow);
    }
    if flows.is_empty() {
        let reason = "there must be at least one flow".to_owned();
        return Err(WireError::Invalid { index: None, field: None, reason });
    }
    Ok(flows)
}

/// What a flow takes as JSON, as a first guess.
const TYPICAL_FLOW_BYTES: usize = 96;

pub(super) fn scan_array(bytes: &[u8]) -> Option<Vec<Flow<'_>>> {
    let mut scanner = Scanner::new(bytes)?;
    let mut flows = Vec::with_capacity(bytes.len() / TYPICAL_FLOW_BYTES);
    scanner.space();
    let mut before = "[";
    loop {
        if !scanner.take(before) {
            break;
        }
        flows.push(scanner.flow()?);
        scanner.space();
        before = ",";
    }
    let ends = scanner.take("]");
    scanner.space();
    (ends && scanner.is_at_end() && !flows.is_empty()).then_some(flows)
}

pub(super) fn scan_line(line: &[u8]) -> Option<Flow<'_>> {
    let mut scanner = Scanner::new(line)?;
    let flow = scanner.flow()?;
    scanner.space();
    scanner.is_at_end().then_some(flow)
}

pub(super) fn parse_flows(bytes: &[u8]) -> Result<Vec<Flow<'_>>, WireError> {
    let position = Position::default();
    parse(bytes, &position, FlowArray(&position))
}

pub(super) fn parse_line(line: &[u8], index: usize) -> Result<Flow<'_>, WireError> {
    let position = Position::default();
    let flow = parse_seed(line, &position, FlowObject::at(&position, index));
    flow.map_err(|error| match error {
        WireError::Malformed(reason) => {
            let reason = format!("malformed JSON: {reason}");
            WireError::Invalid { index: Some(index), field: None, reason }
        }
        other => other,
    })
}

/// Writes flows as a JSON array, in the given order.
pub fn encode_flows<'a>(flows: impl IntoIterator<Item = &'a Flow<'a>>) -> Vec<u8> {
    let mut out = vec![b'['];
    for (index, flow) in flows.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        encode_flow(flow, &mut out);
    }
    out.push(b']');
    out
}

/// Appends one flow as a JSON object.
pub fn encode_flow(flow: &Flow<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"src_app\":");
    push_text(&flow.key.src_app, out);
    out.extend_from_slice(b",\"dest_app\":");
    push_text(&flow.key.dest_app, out);
    out.extend_from_slice(b",\"vpc_id\":");
    push_text(&flow.key.vpc_id, out);
    out.extend_from_slice(b",\"bytes_tx\":");
    push_integer(flow.counters.bytes_tx(), out);
    out.extend_from_slice(b",\"bytes_rx\":");
    push_integer(flow.counters.bytes_rx(), out);
    out.extend_from_slice(b",\"hour\":");
    push_integer(flow.hour.into(), out);
    out.push(b'}');
}

struct FlowArray<'p>(&'p Position);

impl<'de> Visitor<'de> for FlowArray<'_> {
    type Value = Vec<Flow<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of flows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut flows = Vec::new();
        while let Some(flow) = seq.next_element_seed(FlowObject::at(self.0, flows.len()))? {
            flows.push(flow);
        }
        if flows.is_empty() {
            return Err(self.0.refuse(Place::default(), "the array of flows must not be empty"));
        }
        Ok(flows)
    }
}
