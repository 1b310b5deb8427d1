//! What came out of a stream behind the plugin: what the server and the client were finally given.

use crate::{limits::KEPT_BODY_BYTES, pairs::Pair};

/// One direction of a stream, behind the plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// The headers, once they have moved on.
    pub headers: Option<Vec<Pair>>,
    /// The data that has moved on: its first [`KEPT_BODY_BYTES`].
    pub body: Vec<u8>,
    /// All the data that has moved on, in bytes.
    pub body_bytes: u64,
    /// The trailers, once they have moved on.
    pub trailers: Option<Vec<Pair>>,
    /// The end has moved on too.
    pub complete: bool,
}

impl Sent {
    /// Data moves on.
    pub(crate) fn push(&mut self, mut data: Vec<u8>) {
        self.body_bytes = self.body_bytes.saturating_add(data.len() as u64);
        data.truncate(KEPT_BODY_BYTES.saturating_sub(self.body.len()));
        if self.body.is_empty() {
            self.body = data;
        } else {
            self.body.extend_from_slice(&data);
        }
    }

    /// Data moves on that nobody will ask for.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.body_bytes = self.body_bytes.saturating_add(bytes as u64);
    }

    /// The value of a header, as text; the first one, if there are several.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let mut headers = self.headers.iter().flatten();
        let found = headers.find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }
}

/// Both directions of a stream, behind the plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// What the server was given: the request, or the data from downstream.
    pub request: Sent,
    /// What the client was given: the response, or the data from upstream.
    pub response: Sent,
    /// The stream was reset or its connection closed by the proxy, before its end.
    pub reset: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_much_of_a_body_is_kept_and_all_is_counted() {
        let mut sent = Sent::default();
        sent.push(vec![1; KEPT_BODY_BYTES - 1]);
        sent.push(vec![2; 1]);
        assert_eq!((sent.body.len(), sent.body_bytes), (KEPT_BODY_BYTES, KEPT_BODY_BYTES as u64));
        sent.push(vec![3; 5]);
        assert_eq!(sent.body.len(), KEPT_BODY_BYTES);
        assert_eq!(sent.body_bytes, KEPT_BODY_BYTES as u64 + 5);
        let mut at_once = Sent::default();
        at_once.push(vec![1; KEPT_BODY_BYTES + 5]);
        assert_eq!(at_once.body.len(), KEPT_BODY_BYTES);
    }
}
