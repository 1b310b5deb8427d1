//! The state of one stream: its halves, its phase, and the properties that follow from these.
//! Calling the guest is left to `host`.

pub mod exchange;
pub(crate) mod half;

use std::{collections::BTreeMap, rc::Rc};

use crate::{
    process::kept::Share,
    properties::{
        Properties, PropertyValue,
        availability::{self, Phase, StreamKind},
    },
};
use exchange::Exchange;
use half::Half;

/// Which way data flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client: TCP downstream data, or an HTTP request.
    FromDownstream,
    /// From the server: TCP upstream data, or an HTTP response.
    FromUpstream,
}

/// A stream of one VM.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) kind: StreamKind,
    pub(crate) phase: Phase,
    /// The context of its root.
    pub(crate) root: u32,
    /// Its number, and the value of `connection.id`; 0 when an access logger shows it.
    pub(crate) id: u64,
    pub(crate) properties: Rc<Properties>,
    /// What the guest itself has set, by the NUL-joined path.
    pub(crate) own: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) request: Half,
    pub(crate) response: Half,
    /// The status of the response, known as soon as it has come.
    pub(crate) response_code: Option<i64>,
    /// While the stream is logged, all headers can be read.
    pub(crate) logging: bool,
    /// The plugin has answered the request itself: nothing more comes from either side.
    pub(crate) replied: bool,
    /// What the guest has added.
    pub(crate) share: Share,
}

impl Stream {
    pub(crate) fn new(
        kind: StreamKind,
        root: u32,
        id: u64,
        properties: impl Into<Rc<Properties>>,
    ) -> Self {
        Self {
            kind,
            phase: Phase::Opening,
            root,
            id,
            properties: properties.into(),
            own: BTreeMap::new(),
            request: Half::default(),
            response: Half::default(),
            response_code: None,
            logging: false,
            replied: false,
            share: Share::default(),
        }
    }

    /// Nobody will ask what data has moved on.
    pub(crate) fn set_lean(&mut self, is_lean: bool) {
        self.request.is_lean = is_lean;
        self.response.is_lean = is_lean;
    }

    pub(crate) fn half(&mut self, direction: Direction) -> &mut Half {
        match direction {
            Direction::FromDownstream => &mut self.request,
            Direction::FromUpstream => &mut self.response,
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
            ["connection", "id"] => Some(integer(self.id)),
            ["request", rest @ ..] => self.request_property(rest),
            ["response", rest @ ..] => self.response_property(rest),
            _ => None,
        }
    }

    fn request_property(&self, path: &[&str]) -> Option<PropertyValue> {
        let pseudo = match path {
            ["total_size"] => {
                return Some(integer(self.total_size(&self.request, self.request.data_bytes)));
            }
            // Envoy trusts the header as long as it sees one.
            ["size"] => {
                let length = self.request.header("content-length", self.logging);
                let length = length.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
                return Some(integer(length.unwrap_or(self.request.data_bytes)));
            }
            ["headers", "host"] => ":authority",
            ["headers", name] => name,
            ["query" | "url_path"] => return self.part_of_path(path == ["query"]),
            ["path"] => ":path",
            ["method"] => ":method",
            ["host"] => ":authority",
            ["scheme"] => ":scheme",
            ["id"] => "x-request-id",
            ["referer"] => "referer",
            ["useragent"] => "user-agent",
            _ => return None,
        };
        self.request.header(pseudo, self.logging).map(text)
    }

    /// What is before or behind the first question mark of the path.
    fn part_of_path(&self, is_query: bool) -> Option<PropertyValue> {
        let path = self.request.header(":path", self.logging)?;
        let mark = path.iter().position(|byte| *byte == b'?').unwrap_or(path.len());
        let (before, behind) = path.split_at(mark);
        Some(text(if is_query { behind.get(1..).unwrap_or_default() } else { before }))
    }

    fn response_property(&self, path: &[&str]) -> Option<PropertyValue> {
        match path {
            // Envoy counts what it has sent to the client, which what a guest sees has not been yet.
            ["total_size"] => {
                Some(integer(self.total_size(&self.response, self.response.sent_bytes())))
            }
            ["size"] => Some(integer(self.response.sent_bytes())),
            ["headers", name] => self.response.header(name, self.logging).map(text),
            ["code"] => self.response_code.map(PropertyValue::Integer),
            _ => None,
        }
    }

    /// A new connection has no size yet, whatever came with it (measured with Envoy 1.40).
    fn total_size(&self, half: &Half, data_bytes: u64) -> u64 {
        match (self.kind, self.phase) {
            (StreamKind::Tcp, Phase::Opening) => 0,
            _ => data_bytes.saturating_add(half.pairs_bytes(self.logging)),
        }
    }

    /// After `on_log` the headers of an HTTP stream are gone, and the sizes no longer count them;
    /// those that are still held back stay (measured).
    pub(crate) fn end(&mut self) {
        self.phase = Phase::Ended;
        self.logging = false;
    }

    /// What has moved on, in the end.
    pub(crate) fn into_exchange(self) -> Exchange {
        let (request, response) = (self.request.into_sent(), self.response.into_sent());
        Exchange { request, response, reset: false }
    }

    /// What has moved on so far.
    pub(crate) fn exchange(&self) -> Exchange {
        Exchange { request: self.request.sent(), response: self.response.sent(), reset: false }
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

    fn stream() -> Stream {
        Stream::new(StreamKind::Http, 1, 1, Properties::new())
    }

    #[test]
    fn total_size_counts_headers_that_can_be_seen() {
        let mut stream = stream();
        stream.request.receive_headers(vec![(b":path".to_vec(), b"/".to_vec())], false);
        stream.request.receive(vec![0; 100], false);
        let size = |stream: &Stream| stream.property(&["request", "total_size"]);
        assert_eq!(size(&stream), Some(106.into()));
        stream.request.hide_headers();
        stream.end();
        assert_eq!(size(&stream), Some(100.into()));
        stream.logging = true;
        assert_eq!(size(&stream), Some(106.into()));
    }

    #[test]
    fn the_size_of_a_request_is_what_its_header_says() {
        let mut stream = stream();
        let length = vec![(b"content-length".to_vec(), b"7".to_vec())];
        stream.request.receive_headers(length, false);
        stream.request.receive(vec![0; 3], false);
        assert_eq!(stream.property(&["request", "size"]), Some(7.into()));
        stream.request.hide_headers();
        assert_eq!(stream.property(&["request", "size"]), Some(3.into()));
    }
}
