//! What a scenario expects. Checking is left to `runner`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::scalar::Amount;
use crate::abi::LogLevel;

/// One expectation.
#[derive(Clone, Debug, Deserialize)]
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
    /// What a real server answers.
    HttpGet(HttpGetExpect),
}

/// Which lines of the log are counted, and how many there must be.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogExpect {
    /// Those with this text.
    #[serde(default)]
    pub contains: String,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
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
#[derive(Clone, Debug, Default, Deserialize)]
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
    /// Those whose JSON body has these values at these JSON pointers.
    #[serde(default)]
    pub json: BTreeMap<String, Value>,
    /// How many; one or more unless said otherwise.
    #[serde(default)]
    pub count: Amount,
}

/// The value of a metric.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricExpect {
    /// Its name, as the plugin defined it.
    pub name: String,
    /// Its value; a metric that nobody defined has none.
    pub value: Amount,
}

/// What a real server answers to a GET.
#[derive(Clone, Debug, Deserialize)]
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
