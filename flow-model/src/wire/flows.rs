//! Direct writes and reads: a JSON array of flows with the six named fields.

use std::fmt;

use serde::de::{SeqAccess, Visitor};

use super::error::{Place, Position, WireError, parse};
use super::row::FlowObject;
use super::write::{push_integer, push_text};
use crate::flow::Flow;

/// Reads a JSON array of flows. Names borrow from `bytes` where they have no escapes.
///
/// # Errors
/// When it is not JSON, not an array, empty, or an element is not a flow.
pub fn decode_flows(bytes: &[u8]) -> Result<Vec<Flow<'_>>, WireError> {
    let position = Position::default();
    parse(bytes, &position, FlowArray(&position))
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
