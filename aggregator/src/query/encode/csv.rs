//! Flows as CSV (RFC 4180): a header line, lines that end with CR LF, quotes where they are needed.

use std::io::Write;

use flow_model::Flow;

use super::Encoder;
use crate::store::ReadError;

pub(super) struct Csv;

impl Encoder for Csv {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), ReadError> {
        out.extend_from_slice(b"src_app,dest_app,vpc_id,bytes_tx,bytes_rx,hour\r\n");
        Ok(())
    }

    fn flow(&mut self, flow: &Flow<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
        for name in [&flow.key.src_app, &flow.key.dest_app, &flow.key.vpc_id] {
            push_field(name, out);
            out.push(b',');
        }
        let (tx, rx) = (flow.counters.bytes_tx(), flow.counters.bytes_rx());
        // A vector takes everything.
        let _ = write!(out, "{tx},{rx},{}\r\n", flow.hour);
        Ok(())
    }

    fn end(&mut self, _: &mut Vec<u8>) -> Result<(), ReadError> {
        Ok(())
    }
}

/// Appends a name. It has no line breaks, so commas and quotes are all that must be quoted.
fn push_field(name: &str, out: &mut Vec<u8>) {
    if !name.bytes().any(|byte| byte == b',' || byte == b'"') {
        return out.extend_from_slice(name.as_bytes());
    }
    out.push(b'"');
    for byte in name.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
