//! Records as `fas` takes them, as whole HTTP requests.

use std::fmt::Write as _;

use crate::record::Record;

/// A `POST /flows` of these records.
pub fn write_request(records: &[Record], hour: u32) -> Vec<u8> {
    let mut body = String::with_capacity(records.len() * 128);
    for record in records {
        body.push(if body.is_empty() { '[' } else { ',' });
        let (key, tx, rx) = (record.key, record.bytes_tx, record.bytes_rx);
        let (src, dest, vpc) = (key.src_app(), key.dest_app(), key.vpc_id());
        push(
            &mut body,
            format_args!(
                "{{\"src_app\":\"{src}\",\"dest_app\":\"{dest}\",\"vpc_id\":\"{vpc}\",\
                 \"bytes_tx\":{tx},\"bytes_rx\":{rx},\"hour\":{hour}}}"
            ),
        );
    }
    body.push(']');
    post("/flows", &body)
}

/// What a batch has beside its flows.
#[derive(Clone, Copy, Debug)]
pub struct BatchHead<'a> {
    /// The instance's id.
    pub instance: &'a str,
    /// The batch's number.
    pub sequence: u64,
    /// `source` or `destination`.
    pub reporter: &'a str,
}

/// A `POST /v1/batches` of these records, by docs/protocol.md.
pub fn batch_request(head: BatchHead<'_>, records: &[Record], hour: u32) -> Vec<u8> {
    let BatchHead { instance, sequence, reporter } = head;
    let mut body = format!(
        "{{\"version\":1,\"instance\":\"{instance}\",\"sequence\":{sequence},\
         \"reporter\":\"{reporter}\",\"watermark_ms\":1764000123456,\"lost_bytes\":0,\
         \"folded_bytes\":0,\"hours\":[{{\"hour\":{hour},\"flows\":["
    );
    for (n, record) in records.iter().enumerate() {
        if n > 0 {
            body.push(',');
        }
        let (key, tx, rx) = (record.key, record.bytes_tx, record.bytes_rx);
        let (src, dest, vpc) = (key.src_app(), key.dest_app(), key.vpc_id());
        push(&mut body, format_args!("[\"{src}\",\"{dest}\",\"{vpc}\",{tx},{rx}]"));
    }
    body.push_str("]}]}");
    post("/v1/batches", &body)
}

/// A `GET`, with what the client wants to have.
pub fn get_request(path: &str, accept: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: fas\r\naccept: {accept}\r\n\r\n").into_bytes()
}

fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: fas\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = text.write_fmt(arguments);
}
