//! A server that goes away before the end of its response: what the client is given in its place.

use super::{Host, HostError, StreamAction, StreamId};
use crate::{
    grpc::status, pairs::Pair, properties::availability::StreamKind, stream::exchange::Sent,
    vm::state::LocalResponse,
};

/// What Envoy tells the client (measured).
const BODY: &[u8] =
    b"upstream connect error or disconnect/reset before headers. reset reason: remote reset";

impl Host {
    /// The server resets the stream of a request. If its response has not begun, Envoy gives a 503
    /// in its place, which passes the plugin as a response does. If the plugin holds its headers,
    /// the 503 goes past it to the client; later, the stream is reset.
    pub fn reset_by_server(&mut self, id: StreamId) -> Result<(), HostError> {
        let entry = self.entry(id, StreamKind::Http)?;
        let thread = entry.thread;
        if entry.over {
            return Ok(());
        }
        let Some((_, context)) = self.guest(id) else {
            self.break_off_without_guest(id);
            return Ok(());
        };
        let response = LocalResponse {
            status: 503,
            headers: Vec::new(),
            body: BODY.to_vec(),
            grpc_status: Some(status::UNAVAILABLE),
        };
        self.act_on_stream(thread, context, StreamAction::Reply(response));
        self.settle(thread);
        self.run_due()
    }

    fn break_off_without_guest(&mut self, id: StreamId) {
        let Some(entry) = self.streams.get(&id) else { return };
        let mut exchange = entry.exchange.clone();
        if exchange.response.headers.is_some() {
            exchange.reset = true;
        } else {
            let pair = |name: &str, value: &str| -> Pair { (name.into(), value.into()) };
            let length = BODY.len().to_string();
            let mut sent = Sent { complete: true, ..Sent::default() };
            sent.headers = Some(vec![
                pair(":status", "503"),
                pair("content-length", &length),
                pair("content-type", "text/plain"),
            ]);
            sent.push(BODY.to_vec());
            exchange.response = sent;
        }
        self.mark_over(id, exchange);
    }
}
