//! The events of a stream, as text (HTML, section 9.2: Server-sent events).

use flow_model::Flow;
use flow_model::wire::encode_flow;

use crate::limits::MAX_STREAM_EVENT_ROWS;
use crate::store::{ChangeSet, ChangedRow};

/// The first event: where the stream begins.
pub(super) fn hello(id: u64) -> Vec<u8> {
    format!("event: hello\nid: {id}\ndata: {{}}\n\n").into_bytes()
}

/// Changes were missed: the reader should read anew, and goes on from here.
pub(super) fn reset(id: u64) -> Vec<u8> {
    let reason = "more has changed than is remembered; read anew";
    format!("event: reset\nid: {id}\ndata: {{\"reason\":\"{reason}\"}}\n\n").into_bytes()
}

/// The last event for a reader that was too slow.
pub(super) fn dropped() -> Vec<u8> {
    let reason = "the reader was too slow; connect again with the last id";
    format!("event: dropped\ndata: {{\"reason\":\"{reason}\"}}\n\n").into_bytes()
}

/// A comment that shows the connection alive. An id without data is noted by readers and fires
/// nothing, so that a quiet stream can be resumed, too.
pub(super) fn keep_alive(id: Option<u64>) -> Vec<u8> {
    match id {
        Some(id) => format!(": keep-alive\nid: {id}\n\n").into_bytes(),
        None => b": keep-alive\n\n".to_vec(),
    }
}

/// The events of a set of changes. Only the last has the id, because a reader that loses the
/// connection in between must be given all again.
pub(super) fn flows(changes: &ChangeSet) -> impl Iterator<Item = Vec<u8>> {
    let chunks = changes.rows.chunks(MAX_STREAM_EVENT_ROWS);
    let last = chunks.len();
    let up_to = changes.up_to;
    (1..).zip(chunks).map(move |(n, rows)| part(rows, (n == last).then_some(up_to)))
}

fn part(rows: &[ChangedRow], id: Option<u64>) -> Vec<u8> {
    let mut out = b"event: flows\n".to_vec();
    if let Some(id) = id {
        out.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    out.extend_from_slice(b"data: {\"flows\":[");
    for (n, row) in rows.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        let counters = row.sides.reconciled();
        encode_flow(&Flow { key: row.key.clone(), hour: row.hour, counters }, &mut out);
    }
    out.extend_from_slice(b"]}\n\n");
    out
}
