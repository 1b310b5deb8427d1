//! The steps of a scenario.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{expect::Expect, scalar::Span};
use crate::{abi::Peer, callouts::fault::Fault, properties::Properties};

/// One step.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Time passes; ticks and answers come on the way.
    Advance(Span),
    /// A client connects.
    Open(Open),
    /// Data from the client.
    Downstream(Data),
    /// Data from the server.
    Upstream(Data),
    /// A connection ends.
    Close(Close),
    /// More becomes known about a stream.
    SetProperties(SetProperties),
    /// A whole request with its response.
    Http(Http),
    /// The next calls to a cluster go wrong.
    Fault(NextFaults),
    /// A cluster refuses connections for a while.
    Away(Away),
    /// Steps that happen several times.
    Repeat(Repeat),
    /// Something must hold.
    Expect(Expect),
    /// A remark for the timeline.
    Note(String),
    /// The listener is replaced: the roots end when they are ready.
    Drain,
    /// The proxy gets SIGTERM: the roots end at once.
    Terminate,
}

/// A client connects.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// What later steps call the stream.
    pub stream: String,
    /// On which worker.
    #[serde(default)]
    pub worker: usize,
    /// Named properties to begin with.
    #[serde(default)]
    pub with: Option<String>,
    /// Properties laid over these.
    #[serde(default)]
    pub properties: Properties,
}

/// Data on a connection.
#[derive(Clone, Debug, Deserialize)]
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

/// A connection ends.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// Which.
    pub stream: String,
    /// Who ends it.
    #[serde(default)]
    pub by: Peer,
}

/// More becomes known about a stream.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetProperties {
    /// About which.
    pub stream: String,
    /// What; null takes away.
    pub properties: Properties,
}

/// A whole request with its response.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// On which worker.
    #[serde(default)]
    pub worker: usize,
    /// Named properties to begin with.
    #[serde(default)]
    pub with: Option<String>,
    /// Properties laid over these.
    #[serde(default)]
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
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The headers, laid over the usual pseudo-headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The sizes of the body's chunks, in bytes.
    #[serde(default)]
    pub body: Vec<u64>,
}

/// The next calls to a cluster go wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NextFaults {
    /// To which.
    pub cluster: String,
    /// In which ways, one after the other.
    pub next: Vec<Fault>,
}

/// A cluster refuses connections for a while.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Away {
    /// Which.
    pub cluster: String,
    /// How long from now.
    #[serde(rename = "for")]
    pub duration: Span,
}

/// Steps that happen several times.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// How often.
    pub times: u64,
    /// What.
    pub steps: Vec<Step>,
}
