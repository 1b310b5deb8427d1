//! A scenario: a proxy, what happens to it, and what must come of it, as a YAML file says it.
//! Reading is strict: a field that is not known is an error. The file itself, with parameters and
//! cases, is in `document`; running is left to `runner`.

pub(crate) mod chunk;
mod document;
mod expand;
pub(crate) mod expect;
pub(crate) mod grpc;
pub(crate) mod matcher;
mod node;
pub(crate) mod reader;
pub(crate) mod scalar;
mod schema;
pub(crate) mod step;

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    abi::Status,
    callouts::{
        cluster::{Backend, Cluster},
        fault::Fault,
        network::Network,
        reply::Reply,
    },
    host::builder::FailurePolicy,
    properties::Properties,
};
pub use document::{Document, ScenarioError, Settings};
use grpc::GrpcTarget;
use reader::Placed;
pub use reader::ReadError;
use scalar::{Chance, Latency, When};
pub use schema::schema;
use step::Step;

/// A scenario, as it is written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// What it shows, for people.
    #[serde(default)]
    pub about: String,
    /// Which case of its file it is.
    #[serde(skip)]
    pub case: Option<String>,
    /// The file that it is from.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// What chance goes by; another seed makes other things go wrong.
    #[serde(default)]
    pub seed: u64,
    /// The plugin, relative to the file of the scenario.
    #[serde(default)]
    pub plugin: Option<PathBuf>,
    /// How many workers.
    #[serde(default = "one")]
    pub workers: usize,
    /// When it begins.
    pub(crate) start: When,
    /// The proxy's node.
    #[serde(default)]
    pub(crate) node: Node,
    /// The plugin's configuration: text as it is, anything else as JSON.
    #[serde(default)]
    pub(crate) configuration: Value,
    /// The VM's configuration, in the same way.
    #[serde(default)]
    pub(crate) vm_configuration: Value,
    /// The VM's id.
    #[serde(default)]
    pub(crate) vm_id: String,
    /// The plugin's name.
    #[serde(default)]
    pub(crate) plugin_name: String,
    /// The root's id.
    #[serde(default)]
    pub(crate) root_id: String,
    /// Further plugins in the same VM: the same module, configured otherwise.
    #[serde(default)]
    pub(crate) other_plugins: Vec<OtherPlugin>,
    /// The variables of the environment that the plugin can read.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// What becomes of streams when the plugin has failed.
    #[serde(default)]
    pub(crate) failure_policy: FailurePolicy,
    /// The clusters that the plugin can call.
    #[serde(default)]
    pub(crate) callouts: BTreeMap<String, CalloutTarget>,
    /// Functions that the proxy adds to the ABI, by name.
    #[serde(default)]
    pub(crate) foreign_functions: BTreeMap<String, ForeignAnswer>,
    /// Named properties, for streams that are alike.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, BTreeMap<String, Value>>")]
    pub(crate) streams: BTreeMap<String, Properties>,
    /// What happens.
    pub(crate) steps: Vec<Placed<Step>>,
}

/// A further plugin in the same VM.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OtherPlugin {
    /// The plugin's name.
    #[serde(default)]
    pub plugin_name: String,
    /// The root's id.
    #[serde(default)]
    pub root_id: String,
    /// The plugin's configuration: text as it is, anything else as JSON.
    #[serde(default)]
    pub configuration: Value,
}

/// What a function of the proxy answers, whatever it is given.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ForeignAnswer {
    /// It gives this text.
    Text(String),
    /// It fails with this status of the ABI.
    Status(Status),
}

/// The proxy's node.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Node {
    /// `xds.node.id`.
    #[serde(default)]
    pub id: String,
    /// `xds.node.cluster`.
    #[serde(default)]
    pub cluster: String,
    /// `xds.node.metadata`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub metadata: Properties,
}

/// A cluster that the plugin can call.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CalloutTarget {
    /// The base URL of a real server.
    #[serde(default)]
    pub server: Option<String>,
    /// A canned answer instead.
    #[serde(default)]
    pub reply: Option<Reply>,
    /// A canned answer to gRPC.
    #[serde(default)]
    pub grpc: Option<GrpcTarget>,
    /// How long an answer takes, in virtual time.
    #[serde(default)]
    pub latency: Latency,
    /// How likely it is that a call or its answer is lost: the plugin sees a timeout.
    #[serde(default)]
    pub loss: Chance,
    /// How likely it is that a call arrives twice.
    #[serde(default)]
    pub duplication: Chance,
    /// How likely it is that a call is reset, before or after it has arrived.
    #[serde(default)]
    pub reset: Chance,
    /// How the first calls go.
    #[serde(default)]
    pub script: Vec<Fault>,
}

impl CalloutTarget {
    /// The cluster, if it is known who answers. A server that is given from outside comes first.
    #[must_use]
    pub(crate) fn cluster(&self, server: Option<&String>, seed: u64) -> Option<Cluster> {
        let server = server.or(self.server.as_ref()).cloned().map(Backend::Server);
        let backend = server.or_else(|| self.reply.clone().map(Backend::Reply));
        let mut cluster = match (backend, &self.grpc) {
            (Some(backend), None) => Cluster::new(backend),
            (backend, Some(grpc)) => {
                let mut cluster = Cluster::grpc(grpc.upstream());
                cluster.backend = backend.unwrap_or(cluster.backend);
                cluster
            }
            (None, None) => return None,
        };
        let mut network = Network::new(seed);
        network.loss = self.loss.0;
        network.duplication = self.duplication.0;
        network.reset = self.reset.0;
        network.latency_ns = (self.latency.from_ns, self.latency.to_ns);
        *cluster.network() = network;
        cluster.script(self.script.iter().cloned());
        Some(cluster)
    }
}

impl Scenario {
    /// Its name, and its case in brackets.
    #[must_use]
    pub fn full_name(&self) -> String {
        match &self.case {
            Some(case) => format!("{} [{case}]", self.name),
            None => self.name.clone(),
        }
    }

    /// Reads a scenario that has no cases and takes no parameters from outside.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        Document::parse(text)?.only()
    }
}

/// A configuration as the plugin reads it.
pub(crate) fn configuration_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn one() -> usize {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "name: small\nstart: 2026-03-01T10:00:00Z\nsteps: []\n";

    #[test]
    fn little_is_required() {
        let scenario = Scenario::parse(SMALL).unwrap();
        assert_eq!((scenario.workers, scenario.steps.len()), (1, 0));
        assert_eq!(configuration_text(&scenario.configuration), "");
    }

    #[test]
    fn unknown_fields_are_named() {
        for (text, field) in [
            ("colour: red\n", "colour"),
            ("node: {name: x}\n", "name"),
            ("callouts: {c: {reply: {state: 200}}}\n", "state"),
        ] {
            let error = Scenario::parse(&format!("{SMALL}{text}")).unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
        let steps = "name: x\nstart: 2026-03-01T10:00:00Z\nsteps:\n";
        for (text, field) in [
            ("- jump: 5s", "jump"),
            ("- close: {stream: a, reason: b}", "reason"),
            ("- repeat: {times: 2, steps: [{advance: 5s, wait: 3}]}", "wait"),
            ("- expect: {log: {contain: x}}", "contain"),
            ("- expect: {metric: {name: x, value: {atleast: 1}}}", "atleast"),
        ] {
            let error = Scenario::parse(&format!("{steps}{text}\n")).unwrap_err().to_string();
            assert!(error.contains(field), "{text}: {error}");
        }
    }

    #[test]
    fn configurations_become_json() {
        let text = format!("{SMALL}configuration: {{mode: tcp, n: 5, list: [a, {{b: true}}]}}\n");
        let configuration = Scenario::parse(&text).unwrap().configuration;
        let expected = serde_json::json!({"mode": "tcp", "n": 5, "list": ["a", {"b": true}]});
        assert_eq!(configuration, expected);
        assert_eq!(configuration_text(&configuration), expected.to_string());
    }

    #[test]
    fn a_cluster_needs_someone_who_answers() {
        assert!(CalloutTarget::default().cluster(None, 0).is_none());
        let server = "http://127.0.0.1:1".to_owned();
        let target = CalloutTarget { reply: Some(Reply::default()), ..CalloutTarget::default() };
        let backend = target.cluster(Some(&server), 0).unwrap().backend;
        assert!(matches!(backend, Backend::Server(url) if url == server));
    }
}
