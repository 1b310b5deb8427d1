//! The steps in which something goes wrong, or is replaced.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    callouts::fault::Fault,
    scenario::scalar::{Chance, Latency, Span},
};

/// The next calls to a cluster go wrong.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NextFaults {
    /// To which.
    pub cluster: String,
    /// In which ways, one after the other.
    pub next: Vec<Fault>,
}

/// A cluster is not there for a while.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Away {
    /// Which.
    pub cluster: String,
    /// How long from now.
    #[serde(rename = "for")]
    pub duration: Span,
}

/// From now on, the network before a cluster is like this; what is not said stays as it is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkChange {
    /// Before which cluster.
    pub cluster: String,
    /// How likely it is that a call or its answer is lost.
    #[serde(default)]
    pub loss: Option<Chance>,
    /// How likely it is that a call arrives twice.
    #[serde(default)]
    pub duplication: Option<Chance>,
    /// How likely it is that a call is reset, before or after it has arrived.
    #[serde(default)]
    pub reset: Option<Chance>,
    /// How long an answer takes.
    #[serde(default)]
    pub latency: Option<Latency>,
}

/// How far the proxy's wall clock is off; timers do not go by it.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// It shows a later time.
    Ahead(Span),
    /// It shows an earlier time.
    Behind(Span),
}

/// A thread of the proxy.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnThread {
    /// The main thread.
    Main,
    /// A worker, from 0.
    Worker(usize),
}

/// The plugin's configuration is replaced. The old roots end once their streams have ended and
/// the drain time has passed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reload {
    /// The new configuration; the old one unless said otherwise.
    #[serde(default)]
    pub configuration: Option<Value>,
    /// The drain time.
    #[serde(default)]
    pub drain_time: Span,
}
