//! Reading: from a snapshot to bytes of JSON, a piece at a time, so that an hour of any size
//! costs a fixed amount of memory beyond the snapshot. Knows the store, not HTTP.

use flow_model::Flow;
use flow_model::wire::encode_flow;

use crate::limits::STREAM_CHUNK_BYTES;
use crate::store::{ReadError, Scan, Selection, Store};

/// The selected flows as a JSON array, in order of hour and key, in pieces.
pub(crate) async fn flows_of_hour(
    store: &dyn Store,
    selection: Selection,
) -> Result<FlowArray, ReadError> {
    let scan = store.scan(selection, None, None).await?;
    Ok(FlowArray { scan, state: State::Start })
}

/// The pieces of a JSON array of flows.
pub(crate) struct FlowArray {
    scan: Box<dyn Scan>,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Start,
    Rows,
    End,
}

impl Iterator for FlowArray {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.state == State::End {
            return None;
        }
        let mut piece = Vec::with_capacity(STREAM_CHUNK_BYTES + 1024);
        while piece.len() < STREAM_CHUNK_BYTES {
            let Ok(Some(row)) = self.scan.next() else {
                let end: &[u8] = if self.state == State::Start { b"[]" } else { b"]" };
                piece.extend_from_slice(end);
                self.state = State::End;
                break;
            };
            piece.push(if self.state == State::Start { b'[' } else { b',' });
            self.state = State::Rows;
            let flow = Flow { key: row.key, hour: row.hour, counters: row.sides.reconciled() };
            encode_flow(&flow, &mut piece);
        }
        Some(piece)
    }
}
