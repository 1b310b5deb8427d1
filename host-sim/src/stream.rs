//! The state of one stream: its halves (buffer, headers, byte counts), its phase, and the
//! properties that follow from these. Calling the guest is left to `host`.

use std::collections::BTreeMap;

use crate::{
    abi::Action,
    pairs::Pair,
    properties::{
        Properties, PropertyValue,
        availability::{self, Phase, StreamKind},
    },
};

/// One direction: TCP downstream or an HTTP request; TCP upstream or an HTTP response.
#[derive(Debug, Default)]
pub(crate) struct Half {
    /// There once the headers have arrived.
    pub(crate) headers: Option<Vec<Pair>>,
    /// There once the trailers have arrived.
    pub(crate) trailers: Option<Vec<Pair>>,
    /// There while a data callback runs, or while the guest holds the data back.
    pub(crate) buffer: Option<Vec<u8>>,
    /// Bytes that arrived in all, each counted once.
    pub(crate) data_bytes: u64,
    /// The guest holds this half back.
    pub(crate) paused: bool,
}

impl Half {
    /// New data arrives behind what is held back; gives what a callback then sees, in bytes.
    pub(crate) fn receive(&mut self, data: Vec<u8>) -> usize {
        self.data_bytes = self.data_bytes.saturating_add(data.len() as u64);
        match &mut self.buffer {
            Some(held) => held.extend_from_slice(&data),
            none => *none = Some(data),
        }
        self.buffer.as_ref().map_or(0, Vec::len)
    }

    /// What the guest decided about the data: it moves on, or stays to be delivered again.
    pub(crate) fn settle(&mut self, action: Action) {
        self.paused = action == Action::Pause;
        if !self.paused {
            self.buffer = None;
        }
    }

    fn total_size(&self) -> u64 {
        let headers = self.headers.iter().chain(&self.trailers).flatten();
        headers.fold(self.data_bytes, |sum, (key, value)| {
            sum.saturating_add((key.len() + value.len()) as u64)
        })
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        let headers = self.headers.as_ref()?;
        let found = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| value.as_slice())
    }
}

/// A stream of one VM.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) kind: StreamKind,
    pub(crate) phase: Phase,
    pub(crate) properties: Properties,
    /// What the guest itself has set, by the NUL-joined path.
    pub(crate) own: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) connection_id: u64,
    pub(crate) request: Half,
    pub(crate) response: Half,
}

impl Stream {
    pub(crate) fn new(kind: StreamKind, connection_id: u64, properties: Properties) -> Self {
        Self {
            kind,
            phase: Phase::Opening,
            properties,
            own: BTreeMap::new(),
            connection_id,
            request: Half::default(),
            response: Half::default(),
        }
    }

    /// The property at `path`, if Envoy would know it in this phase. What was given comes before
    /// what follows from the stream.
    pub(crate) fn property(&self, path: &[&str]) -> Option<PropertyValue> {
        if !availability::is_known(self.kind, self.phase, path) {
            return None;
        }
        self.properties.get(path).cloned().or_else(|| self.derived(path))
    }

    fn derived(&self, path: &[&str]) -> Option<PropertyValue> {
        match path {
            ["connection", "id"] => Some(integer(self.connection_id)),
            ["request", rest @ ..] => self.request_property(rest),
            ["response", rest @ ..] => self.response_property(rest),
            _ => None,
        }
    }

    fn request_property(&self, path: &[&str]) -> Option<PropertyValue> {
        let pseudo = match path {
            ["total_size"] => return Some(integer(self.total_size(&self.request))),
            ["size"] => return Some(integer(self.request.data_bytes)),
            ["headers", name] => name,
            ["path"] => ":path",
            ["method"] => ":method",
            ["host"] => ":authority",
            ["scheme"] => ":scheme",
            _ => return None,
        };
        self.request.header(pseudo).map(text)
    }

    fn response_property(&self, path: &[&str]) -> Option<PropertyValue> {
        match path {
            ["total_size"] => Some(integer(self.total_size(&self.response))),
            ["size"] => Some(integer(self.response.data_bytes)),
            ["headers", name] => self.response.header(name).map(text),
            ["code"] => {
                let status = std::str::from_utf8(self.response.header(":status")?).ok()?;
                status.parse().ok().map(PropertyValue::Integer)
            }
            _ => None,
        }
    }

    /// A new connection has no size yet, whatever came with it (measured with Envoy 1.40).
    fn total_size(&self, half: &Half) -> u64 {
        match (self.kind, self.phase) {
            (StreamKind::Tcp, Phase::Opening) => 0,
            _ => half.total_size(),
        }
    }

    /// After `on_log` the headers of an HTTP stream are gone, and the sizes no longer count them.
    pub(crate) fn end(&mut self) {
        self.phase = Phase::Ended;
        for half in [&mut self.request, &mut self.response] {
            half.headers = None;
            half.trailers = None;
            half.buffer = None;
        }
    }
}

fn integer(value: u64) -> PropertyValue {
    PropertyValue::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

fn text(bytes: &[u8]) -> PropertyValue {
    PropertyValue::Text(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_data_is_delivered_again_and_counted_once() {
        let mut half = Half::default();
        assert_eq!(half.receive(vec![0; 10]), 10);
        half.settle(Action::Pause);
        assert_eq!(half.receive(vec![0; 5]), 15);
        half.settle(Action::Continue);
        assert_eq!(half.receive(vec![0; 1]), 1);
        assert_eq!(half.data_bytes, 16);
    }

    #[test]
    fn total_size_counts_headers_until_they_are_gone() {
        let mut stream = Stream::new(StreamKind::Http, 1, Properties::new());
        stream.request.headers = Some(vec![(b":path".to_vec(), b"/".to_vec())]);
        stream.request.receive(vec![0; 100]);
        let size = |stream: &Stream| stream.property(&["request", "total_size"]);
        assert_eq!(size(&stream), Some(106.into()));
        stream.end();
        assert_eq!(size(&stream), Some(100.into()));
    }
}
