//! The steps that are traffic.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    abi::Peer,
    properties::Properties,
    scenario::{chunk::Chunk, scalar::Span},
};

/// The schema of properties: named values, nested as one likes.
type AnyMapping = BTreeMap<String, Value>;

/// A client connects.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// What later steps call the stream.
    pub stream: String,
    /// On which worker.
    #[serde(default)]
    pub worker: usize,
    /// Of which plugin of the VM: 0 is the first, then those of `other_plugins`.
    #[serde(default)]
    pub plugin: usize,
    /// Named properties to begin with.
    #[serde(default)]
    pub with: Option<String>,
    /// Properties laid over these.
    #[serde(default)]
    #[schemars(with = "AnyMapping")]
    pub properties: Properties,
}

/// A request begins, and stays open between steps.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What later steps call the stream.
    pub stream: String,
    /// On which worker.
    #[serde(default)]
    pub worker: usize,
    /// Of which plugin of the VM: 0 is the first, then those of `other_plugins`.
    #[serde(default)]
    pub plugin: usize,
    /// Named properties to begin with.
    #[serde(default)]
    pub with: Option<String>,
    /// Properties laid over these.
    #[serde(default)]
    #[schemars(with = "AnyMapping")]
    pub properties: Properties,
    /// The headers, laid over the usual pseudo-headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Whether it has no body.
    #[serde(default)]
    pub end: bool,
}

/// The response to a request begins.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// To which request.
    pub stream: String,
    /// The headers, laid over `:status: 200`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Whether it has no body.
    #[serde(default)]
    pub end: bool,
}

/// The trailers of a request or a response, and with them its end.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trailers {
    /// Of which request.
    pub stream: String,
    /// The trailers.
    pub trailers: BTreeMap<String, String>,
}

/// Data on a connection, or of a body.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// On which stream.
    pub stream: String,
    /// How many zero bytes.
    #[serde(default)]
    pub bytes: u64,
    /// What instead of zero bytes.
    #[serde(default)]
    pub text: Option<String>,
    /// Whether this side says no more.
    #[serde(default)]
    pub end: bool,
}

/// A connection or a request ends.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// Which.
    pub stream: String,
    /// Who ends it, if it is a connection.
    #[serde(default)]
    pub by: Peer,
}

/// More becomes known about a stream.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetProperties {
    /// About which.
    pub stream: String,
    /// What; null takes away.
    #[schemars(with = "AnyMapping")]
    pub properties: Properties,
}

/// A whole request with its response.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// What later expectations call it; it needs no name otherwise.
    #[serde(default)]
    pub stream: Option<String>,
    /// On which worker.
    #[serde(default)]
    pub worker: usize,
    /// Of which plugin of the VM: 0 is the first, then those of `other_plugins`.
    #[serde(default)]
    pub plugin: usize,
    /// Named properties to begin with.
    #[serde(default)]
    pub with: Option<String>,
    /// Properties laid over these.
    #[serde(default)]
    #[schemars(with = "AnyMapping")]
    pub properties: Properties,
    /// The request.
    #[serde(default)]
    pub request: Message,
    /// The response.
    #[serde(default)]
    pub response: Message,
    /// How long the server takes, in virtual time.
    #[serde(default)]
    pub takes: Span,
}

/// A request or a response.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The headers, laid over the usual pseudo-headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body's chunks.
    #[serde(default)]
    pub body: Vec<Chunk>,
    /// The trailers.
    #[serde(default)]
    pub trailers: BTreeMap<String, String>,
}

impl Message {
    /// Whether its headers are its end.
    #[must_use]
    pub fn is_only_headers(&self) -> bool {
        self.body.is_empty() && self.trailers.is_empty()
    }
}

/// An entry of an access logger: a connection, or with a request, that request.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessLog {
    /// On which worker.
    #[serde(default)]
    pub worker: usize,
    /// Of which plugin of the VM: 0 is the first, then those of `other_plugins`.
    #[serde(default)]
    pub plugin: usize,
    /// Named properties to begin with.
    #[serde(default)]
    pub with: Option<String>,
    /// Properties laid over these.
    #[serde(default)]
    #[schemars(with = "AnyMapping")]
    pub properties: Properties,
    /// The headers of the request, laid over the usual pseudo-headers.
    #[serde(default)]
    pub request_headers: Option<BTreeMap<String, String>>,
    /// The headers of the response, laid over `:status: 200`.
    #[serde(default)]
    pub response_headers: Option<BTreeMap<String, String>>,
    /// The trailers of the response.
    #[serde(default)]
    pub response_trailers: Option<BTreeMap<String, String>>,
}
