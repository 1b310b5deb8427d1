//! What the guest can see of a half, and change. The rules are those of Envoy's Wasm context: headers
//! only in their own callback and as long as they are held, and all of them in the log.

use super::Half;
use crate::pairs::Pair;

impl Half {
    /// The guest does not see the headers any more.
    pub(crate) fn hide_headers(&mut self) {
        self.headers_shown = false;
    }

    /// The guest sees the trailers.
    pub(crate) fn show_trailers(&mut self) -> usize {
        self.trailers_shown = true;
        self.trailers.as_ref().map_or(0, Vec::len)
    }

    /// The guest does not see anything of this half any more.
    pub(crate) fn hide(&mut self) {
        self.headers_shown = false;
        self.trailers_shown = false;
        self.chunk_hidden = true;
    }

    /// The body that the guest sees.
    pub(crate) fn body(&self) -> Option<&[u8]> {
        let body = if self.buffering { self.held.as_deref() } else { self.chunk.as_deref() };
        body.filter(|_| self.buffering || !self.chunk_hidden)
    }

    /// The body that the guest sees, to be changed.
    pub(crate) fn body_mut(&mut self) -> Option<&mut Vec<u8>> {
        let is_seen = self.buffering || !self.chunk_hidden;
        let body = if self.buffering { self.held.as_mut() } else { self.chunk.as_mut() };
        body.filter(|_| is_seen)
    }

    /// The headers, if the guest can read them.
    pub(crate) fn readable_headers(&self, logging: bool) -> Option<&Vec<Pair>> {
        self.headers.as_ref().filter(|_| self.headers_shown || logging)
    }

    /// The trailers, if the guest can read them.
    pub(crate) fn readable_trailers(&self, logging: bool) -> Option<&Vec<Pair>> {
        self.trailers.as_ref().filter(|_| self.trailers_shown || logging)
    }

    /// The headers, if the guest can change them.
    pub(crate) fn headers_mut(&mut self) -> Option<&mut Vec<Pair>> {
        self.headers.as_mut().filter(|_| self.headers_shown)
    }

    /// The trailers, if the guest can change them. The callback with the last data may add them.
    pub(crate) fn trailers_mut(&mut self) -> Option<&mut Vec<Pair>> {
        if self.trailers.is_none() && self.chunk.is_some() && !self.chunk_hidden && self.ended {
            self.trailers_shown = true;
            self.trailers = Some(Vec::new());
        }
        self.trailers.as_mut().filter(|_| self.trailers_shown)
    }

    /// A header that the guest can read; names have no case.
    pub(crate) fn header(&self, name: &str, logging: bool) -> Option<&[u8]> {
        let headers = self.readable_headers(logging)?;
        let found = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| value.as_slice())
    }

    /// The bytes of the data that has moved on.
    pub(crate) fn sent_bytes(&self) -> u64 {
        self.moved.body_bytes
    }

    /// The bytes of what can be seen of headers and trailers.
    pub(crate) fn pairs_bytes(&self, logging: bool) -> u64 {
        let headers = self.readable_headers(logging).into_iter();
        let pairs = headers.chain(self.readable_trailers(logging)).flatten();
        pairs.fold(0_u64, |sum, (key, value)| sum.saturating_add((key.len() + value.len()) as u64))
    }
}
