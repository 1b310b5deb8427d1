//! A stream of a case in the simulator: what is known of it, and what came out of it.

use host_sim::{Exchange, Host, LogEntry, Properties, Sent, StreamId};
use serde_json::json;

use super::super::transcript::Message;
use super::properties;

pub(super) struct Stream {
    pub id: StreamId,
    pub is_http: bool,
    pub is_open: bool,
    /// Whether the client and the server of a connection have sent their last.
    pub ended: [bool; 2],
    /// What has moved on, as long as the stream was open.
    pub exchange: Exchange,
    /// The entry of an access logger, which takes the place of a filter.
    pub logged: Option<LogEntry>,
}

impl Stream {
    /// A connection reaches the server though it sends nothing; a logger lets everything through.
    pub fn is_quiet(&self) -> bool {
        self.logged.is_some() || !self.is_http
    }
}

/// Remembers what has moved on. A request is over once its response is.
pub(super) fn look(host: &mut Host, stream: &mut Stream) {
    stream.exchange = host.exchange(stream.id).expect("it is open");
    let is_over = stream.exchange.response.complete || stream.exchange.reset;
    if stream.is_http && is_over {
        stream.is_open = false;
        host.finish_http(stream.id).expect("it ends");
    }
}

/// What a proxy would know of a stream.
pub(super) fn stream_properties(kind: &str) -> Properties {
    let route = json!({
        "xds": { "route_name": "a-route", "virtual_host_name": "a-host" },
    });
    let mut all = properties(json!({
        "xds": {
            "cluster_name": "upstream",
            "listener_direction": 2,
        },
        "source": { "address": "127.0.0.1:1" },
        "destination": { "address": "127.0.0.1:2" },
        "upstream": { "address": "127.0.0.1:3" },
        "connection": { "mtls": false },
    }));
    if kind == "http" {
        all.merge(properties(route));
    }
    all
}

pub(super) fn pair(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.into(), value.into())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What the client was given.
pub(super) fn client_line(stream: &Stream) -> String {
    let mut message = message(&stream.exchange.response, stream);
    message.complete |= !stream.is_http && (stream.exchange.reset || !stream.is_open);
    message.line()
}

/// Half of an exchange.
pub(super) fn message(sent: &Sent, stream: &Stream) -> Message {
    let texts = |pairs: &Option<Vec<(Vec<u8>, Vec<u8>)>>| -> Vec<(String, String)> {
        pairs.iter().flatten().map(|(name, value)| (text(name), text(value))).collect()
    };
    let start = match (sent.header(":status"), sent.header(":method"), sent.header(":path")) {
        (Some(status), ..) => Some(status),
        (_, Some(method), Some(path)) => Some(format!("{method} {path}")),
        _ => None,
    };
    Message {
        start,
        headers: texts(&sent.headers),
        body: sent.body.clone(),
        trailers: texts(&sent.trailers),
        complete: sent.complete || (!stream.is_http && !stream.is_open),
    }
}
