//! What a scenario expects. Checking is left to `runner`.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{matcher::Matcher, scalar::Amount};
use crate::abi::LogLevel;

/// One expectation.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// So many lines of the guests' log.
    Log(LogExpect),
    /// So many calls.
    Callouts(CalloutExpect),
    /// The value of a metric.
    Metric(MetricExpect),
    /// So many failures of the plugin. Where a scenario does not say so, there must be none.
    Failures(Amount),
    /// A property of an open stream.
    Property(PropertyExpect),
    /// The request of a stream that is or was open, as it left for the server.
    Request(MessageExpect),
    /// The response of such a stream, as it left for the client.
    Response(MessageExpect),
    /// What happened, compared with a file; `--update` writes it.
    Golden(GoldenExpect),
    /// What a real server answers.
    HttpGet(HttpGetExpect),
}

/// Which lines of the log are counted, and how many there must be.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogExpect {
    /// Those with this text.
    #[serde(default)]
    pub contains: String,
    /// Those whose text is so.
    #[serde(default)]
    pub text: Matcher,
    /// Those of this level.
    #[serde(default)]
    pub level: Option<LogLevel>,
    /// Those of this worker.
    #[serde(default)]
    pub worker: Option<usize>,
    /// How many; one or more unless said otherwise.
    #[serde(default)]
    pub count: Amount,
}

/// What the guest saw of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalloutOutcome {
    /// Nothing yet.
    Pending,
    /// A response, whatever its status.
    Answered,
    /// A callback without headers.
    Reset,
    /// The host function itself failed.
    Refused,
}

/// Which calls are counted, and how many there must be.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalloutExpect {
    /// Those to this cluster.
    #[serde(default)]
    pub cluster: Option<String>,
    /// Those of this worker.
    #[serde(default)]
    pub worker: Option<usize>,
    /// Those that ended so.
    #[serde(default)]
    pub outcome: Option<CalloutOutcome>,
    /// Those whose status, as the guest saw it, is this.
    #[serde(default)]
    pub status: Option<u16>,
    /// Those that met this fault; `none` for no fault.
    #[serde(default)]
    pub fault: Option<String>,
    /// Those that the backend got so many times.
    #[serde(default)]
    pub deliveries: Option<u32>,
    /// Those whose body has this text.
    #[serde(default)]
    pub body_contains: String,
    /// Those whose body is so.
    #[serde(default)]
    pub body: Matcher,
    /// Those whose headers are so; null for one that is not there.
    #[serde(default)]
    pub headers: BTreeMap<String, Option<Matcher>>,
    /// Those whose JSON body has these values at these JSON pointers.
    #[serde(default)]
    pub json: BTreeMap<String, Value>,
    /// How many; one or more unless said otherwise.
    #[serde(default)]
    pub count: Amount,
}

/// The value of a metric.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricExpect {
    /// Its name, as the plugin defined it.
    pub name: String,
    /// Its value; a metric that nobody defined has none.
    pub value: Amount,
}

/// A property of an open stream, as the plugin would read it. What is not said does not count.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PropertyExpect {
    /// Of which stream.
    pub stream: String,
    /// Its path, with a dot between the parts.
    #[serde(default)]
    pub name: String,
    /// Its path part by part, where a part has a dot.
    #[serde(default)]
    pub path: Vec<String>,
    /// Whether it is there.
    #[serde(default = "yes")]
    pub present: bool,
    /// How its text is.
    #[serde(default)]
    pub text: Option<Matcher>,
    /// Its integer: 8 bytes, little-endian.
    #[serde(default)]
    pub integer: Option<i64>,
    /// Its truth value: one byte.
    #[serde(default)]
    pub bool: Option<bool>,
}

impl PropertyExpect {
    /// The parts of the path.
    #[must_use]
    pub fn parts(&self) -> Vec<&str> {
        match self.path.is_empty() {
            true => self.name.split('.').collect(),
            false => self.path.iter().map(String::as_str).collect(),
        }
    }
}

fn yes() -> bool {
    true
}

/// A message as the plugin let it go.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageExpect {
    /// Of which stream; the name of one that has ended stands for the last that had it.
    pub stream: String,
    /// Its headers; null for one that is not there.
    #[serde(default)]
    pub headers: BTreeMap<String, Option<Matcher>>,
    /// Its trailers; null for one that is not there.
    #[serde(default)]
    pub trailers: BTreeMap<String, Option<Matcher>>,
    /// Its body, or what went this way on a connection; the first MiB at the most.
    #[serde(default)]
    pub body: Option<Matcher>,
    /// The size of the body in bytes.
    #[serde(default)]
    pub body_bytes: Option<Amount>,
    /// Whether its end has come out too.
    #[serde(default)]
    pub complete: Option<bool>,
    /// Whether the stream was reset, or its connection closed by the proxy, before its end.
    #[serde(default)]
    pub reset: Option<bool>,
}

/// A part of what happened, compared with a file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GoldenExpect {
    /// The file, relative to the scenario.
    pub file: PathBuf,
    /// Which part.
    #[serde(default)]
    pub of: GoldenPart,
}

/// What a golden file can hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GoldenPart {
    /// Everything that happened.
    #[default]
    Timeline,
    /// The lines that the plugin logged.
    Logs,
    /// The calls with their headers, bodies and outcomes.
    Callouts,
    /// The metrics.
    Metrics,
}

/// What a real server answers to a GET.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpGetExpect {
    /// Behind which cluster it is.
    pub cluster: String,
    /// The path, with its query.
    pub path: String,
    /// Headers of the request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The status.
    #[serde(default = "ok")]
    pub status: u16,
    /// The JSON body, exactly; not compared when it is not given.
    #[serde(default)]
    pub json: Option<Value>,
}

fn ok() -> u16 {
    200
}
