//! HTTP requests through the frontend's sidecar.

use std::time::Duration;

use ureq::{Agent, Body, SendBody, http::Response};

use super::agent;
use crate::bytes::Bytes;
use crate::payload::{check, payload};

/// A client with a connection of its own, kept open between requests. Each call returns what was
/// sent and what came back, and panics unless that is a 200 with the right body.
pub struct HttpClient {
    agent: Agent,
    base: String,
}

impl HttpClient {
    /// A client of the listener on `port`.
    pub fn new(port: u16) -> Self {
        Self { agent: agent(Duration::from_secs(30)), base: format!("http://127.0.0.1:{port}") }
    }

    /// Asks for `size` bytes.
    pub fn get(&self, size: usize) -> Bytes {
        self.fetch(&format!("/bytes/{size}"), size)
    }

    /// Asks for `size` bytes in chunks.
    pub fn get_chunked(&self, size: usize) -> Bytes {
        self.fetch(&format!("/chunked/{size}"), size)
    }

    /// Asks for an answer with `count` headers, and returns its status.
    pub fn get_headers(&self, count: usize) -> u16 {
        let answer = self.agent.get(self.url(&format!("/headers/{count}"))).call();
        answer.unwrap_or_else(|error| panic!("a request failed: {error}")).status().as_u16()
    }

    /// Sends `size` bytes, which come back.
    pub fn post(&self, size: usize) -> Bytes {
        let answer = self.agent.post(self.url("/echo")).send(payload(size));
        Self::check(answer, size);
        Bytes::new(size, size)
    }

    /// Sends `size` bytes in chunks, which come back whole.
    pub fn post_chunked(&self, size: usize) -> Bytes {
        // A reader has no known length, so it is sent in chunks.
        let body = payload(size);
        let answer = self.agent.post(self.url("/echo")).send(SendBody::from_reader(&mut &body[..]));
        Self::check(answer, size);
        Bytes::new(size, size)
    }

    /// Sends `size` bytes, and none come back.
    pub fn upload(&self, size: usize) -> Bytes {
        let answer = self.agent.post(self.url("/sink")).send(payload(size));
        Self::check(answer, 0);
        Bytes::new(size, 0)
    }

    fn fetch(&self, path: &str, size: usize) -> Bytes {
        Self::check(self.agent.get(self.url(path)).call(), size);
        Bytes::new(0, size)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn check(answer: Result<Response<Body>, ureq::Error>, size: usize) {
        let mut answer = answer.unwrap_or_else(|error| panic!("a request failed: {error}"));
        assert_eq!(answer.status(), 200, "a request was not answered with 200");
        let body = answer.body_mut().with_config().limit(u64::MAX).read_to_vec();
        check(&body.unwrap_or_else(|error| panic!("a body broke off: {error}")), size);
    }
}
