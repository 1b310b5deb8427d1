//! Answers to calls: canned ones, those that Envoy makes itself, and what a guest sees of them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    CallRequest,
    template::{Template, TemplateError},
};
use crate::pairs::Pair;

/// A response as the guest sees it; without headers it is a reset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallResponse {
    /// The headers, `:status` included.
    pub headers: Vec<Pair>,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Vec<Pair>,
}

impl CallResponse {
    /// A response with this status, these headers and this body.
    #[must_use]
    pub fn new(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let status = (b":status".to_vec(), status.to_string().into_bytes());
        let headers =
            headers.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into()));
        Self {
            headers: std::iter::once(status).chain(headers).collect(),
            body: body.to_vec(),
            trailers: Vec::new(),
        }
    }

    /// This response with trailers.
    #[must_use]
    pub fn with_trailers(mut self, trailers: &[(&str, &str)]) -> Self {
        let trailers = trailers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        self.trailers = trailers.collect();
        self
    }

    /// A reset in mid-response: Envoy drops what had arrived.
    #[must_use]
    pub fn reset() -> Self {
        Self::default()
    }

    /// What Envoy answers when the cluster refuses the connection.
    #[must_use]
    pub fn refused() -> Self {
        let body = b"upstream connect error or disconnect/reset before headers. \
            reset reason: remote connection failure";
        Self::local(503, body)
    }

    /// What Envoy answers when the timeout of a call has passed.
    #[must_use]
    pub fn timeout() -> Self {
        Self::local(504, b"upstream request timeout")
    }

    fn local(status: u16, body: &[u8]) -> Self {
        let length = body.len().to_string();
        Self::new(status, &[("content-length", &length), ("content-type", "text/plain")], body)
    }

    /// Envoy says in a server's answer how many milliseconds it took.
    pub(crate) fn add_service_time(&mut self, latency_ns: u64) {
        if self.status().is_some() {
            let milliseconds = (latency_ns / 1_000_000).to_string().into_bytes();
            self.headers.push((b"x-envoy-upstream-service-time".to_vec(), milliseconds));
        }
    }

    /// The status; none for a reset.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let (_, value) = self.headers.iter().find(|(name, _)| name == b":status")?;
        std::str::from_utf8(value).ok()?.parse().ok()
    }
}

/// A canned answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Reply {
    /// The HTTP status, 200 unless said otherwise.
    #[serde(default = "ok")]
    pub status: u16,
    /// Headers besides `:status`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body, in which `${body.field}` stands for a field of the JSON request.
    #[serde(default)]
    #[schemars(with = "String")]
    pub body: Template,
}

fn ok() -> u16 {
    200
}

impl Reply {
    /// An answer with this status, no other headers and no body.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// With a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With this body; `${body.field}` in it stands for a field of the request's JSON body.
    pub fn with_body(mut self, template: &str) -> Result<Self, TemplateError> {
        self.body = template.to_owned().try_into()?;
        Ok(self)
    }

    /// This answer to `request`.
    #[must_use]
    pub fn answer(&self, request: &CallRequest) -> CallResponse {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        CallResponse::new(self.status, &headers, self.body.render(&request.body).as_bytes())
    }
}
