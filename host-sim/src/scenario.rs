//! A scenario: a proxy, what happens to it, and what must come of it, as a YAML file says it.
//! Reading is strict: a field that is not known is an error. Running is left to `runner`.

pub mod expect;
pub mod scalar;
pub mod step;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    callouts::{
        cluster::{Backend, Cluster},
        fault::Fault,
        reply::Reply,
    },
    host::builder::FailurePolicy,
    properties::Properties,
};
use scalar::{Span, When};
use step::Step;

/// A scenario, as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// What it shows, for people.
    #[serde(default)]
    pub about: String,
    /// The plugin, relative to the file of the scenario.
    #[serde(default)]
    pub plugin: Option<PathBuf>,
    /// How many workers.
    #[serde(default = "one")]
    pub workers: usize,
    /// When it begins.
    pub start: When,
    /// The proxy's node.
    #[serde(default)]
    pub node: Node,
    /// The plugin's configuration: text as it is, anything else as JSON.
    #[serde(default)]
    pub configuration: Value,
    /// The VM's configuration, in the same way.
    #[serde(default)]
    pub vm_configuration: Value,
    /// The VM's id.
    #[serde(default)]
    pub vm_id: String,
    /// The plugin's name.
    #[serde(default)]
    pub plugin_name: String,
    /// The root's id.
    #[serde(default)]
    pub root_id: String,
    /// What becomes of streams when the plugin has failed.
    #[serde(default)]
    pub failure_policy: FailurePolicy,
    /// The clusters that the plugin can call.
    #[serde(default)]
    pub callouts: BTreeMap<String, CalloutTarget>,
    /// Named properties, for streams that are alike.
    #[serde(default)]
    pub streams: BTreeMap<String, Properties>,
    /// What happens.
    pub steps: Vec<Step>,
}

/// The proxy's node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// `xds.node.id`.
    #[serde(default)]
    pub id: String,
    /// `xds.node.cluster`.
    #[serde(default)]
    pub cluster: String,
    /// `xds.node.metadata`.
    #[serde(default)]
    pub metadata: Properties,
}

/// A cluster that the plugin can call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalloutTarget {
    /// The base URL of a real server.
    #[serde(default)]
    pub server: Option<String>,
    /// A canned answer instead.
    #[serde(default)]
    pub reply: Option<Reply>,
    /// How long an answer takes, in virtual time.
    #[serde(default)]
    pub latency: Span,
    /// How the first calls go.
    #[serde(default)]
    pub script: Vec<Fault>,
}

/// Why there is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The text is not a scenario.
    #[error("not a scenario: {0}")]
    Parse(String),
}

impl Scenario {
    /// Reads a scenario from text.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        serde_saphyr::from_str(text).map_err(|error| ScenarioError::Parse(error.to_string()))
    }

    /// Reads a scenario from a file; its plugin becomes relative to where the host runs.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ScenarioError::Read { path: path.to_owned(), error })?;
        let mut scenario = Self::parse(&text).map_err(|error| match error {
            ScenarioError::Parse(reason) => {
                ScenarioError::Parse(format!("{}: {reason}", path.display()))
            }
            other => other,
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        scenario.plugin = scenario.plugin.map(|plugin| folder.join(plugin));
        Ok(scenario)
    }
}

impl CalloutTarget {
    /// The cluster, if it is known who answers. A server that is given from outside comes first.
    #[must_use]
    pub fn cluster(&self, server: Option<&String>) -> Option<Cluster> {
        let server = server.or(self.server.as_ref()).cloned().map(Backend::Server);
        let backend = server.or_else(|| self.reply.clone().map(Backend::Reply))?;
        let mut cluster = Cluster::new(backend).latency_ns(self.latency.0);
        cluster.script(self.script.iter().cloned());
        Some(cluster)
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
        assert!(CalloutTarget::default().cluster(None).is_none());
        let server = "http://127.0.0.1:1".to_owned();
        let target = CalloutTarget { reply: Some(Reply::default()), ..CalloutTarget::default() };
        let backend = target.cluster(Some(&server)).unwrap().backend;
        assert!(matches!(backend, Backend::Server(url) if url == server));
    }
}
