//! Flows as a JSON array, and as NDJSON.

use flow_model::Flow;
use flow_model::wire::encode_flow;

use super::Encoder;
use crate::store::ReadError;

/// A JSON array of flows.
#[derive(Default)]
pub(super) struct Array {
    has_flows: bool,
}

impl Encoder for Array {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), ReadError> {
        out.push(b'[');
        Ok(())
    }

    fn flow(&mut self, flow: &Flow<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
        if std::mem::replace(&mut self.has_flows, true) {
            out.push(b',');
        }
        encode_flow(flow, out);
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ReadError> {
        out.push(b']');
        Ok(())
    }
}

/// A flow on each line.
pub(super) struct Lines;

impl Encoder for Lines {
    fn begin(&mut self, _: &mut Vec<u8>) -> Result<(), ReadError> {
        Ok(())
    }

    fn flow(&mut self, flow: &Flow<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
        encode_flow(flow, out);
        out.push(b'\n');
        Ok(())
    }

    fn end(&mut self, _: &mut Vec<u8>) -> Result<(), ReadError> {
        Ok(())
    }
}
