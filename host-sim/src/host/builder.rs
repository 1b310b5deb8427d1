//! Configuring a host. Starting it is left to `start`.

mod start;

use std::{collections::BTreeMap, rc::Rc};

use serde::Deserialize;

pub use super::worker::RootError;
use super::{Plugin, Properties};
use crate::{
    abi::Status,
    callouts::cluster::Cluster,
    capability::foreign::{ForeignCall, ForeignFunctions},
    limits::{
        CALLBACK_FUEL, CALLBACK_SECONDS, MAX_KEPT_BYTES, MAX_PLUGINS, MAX_VM_MEMORY_BYTES,
        MAX_WORKERS,
    },
    properties::PropertyValue,
    timeline::{Event, Thread},
    timestamp::Timestamp,
};

/// What becomes of streams when the plugin has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailurePolicy {
    /// They are refused (Envoy's default).
    #[default]
    FailClosed,
    /// Those that begin later pass by without the plugin; those that are open are refused.
    FailOpen,
    /// The next one starts a new VM, at most once a second; until then they are refused.
    FailReload,
}

/// Why there is no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A root did not start.
    #[error("on {thread}: {error}")]
    Root {
        /// Where.
        thread: Thread,
        /// Why.
        error: RootError,
    },
    /// More than [`MAX_WORKERS`].
    #[error("{0} workers are more than {MAX_WORKERS}")]
    Workers(usize),
    /// More than [`MAX_PLUGINS`].
    #[error("{0} plugins in one VM are more than {MAX_PLUGINS}")]
    Plugins(usize),
}

/// A plugin of the VM: the same code can serve several, each with a root of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginSettings {
    /// Its name in the proxy's configuration.
    pub name: String,
    /// Its root id in the proxy's configuration.
    pub root_id: String,
    /// Its configuration.
    pub configuration: String,
}

/// A start that failed, with what the plugin had to say.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
#[non_exhaustive]
pub struct StartFailure {
    /// Why.
    pub error: StartError,
    /// What happened until then.
    pub timeline: Vec<Event>,
}

/// A host to be.
pub struct HostBuilder {
    plugin: Plugin,
    workers: usize,
    start: Timestamp,
    failure_policy: FailurePolicy,
    first: PluginSettings,
    others: Vec<PluginSettings>,
    vm_configuration: String,
    vm_id: String,
    properties: Properties,
    environment: Vec<(String, String)>,
    seed: u64,
    foreign: ForeignFunctions,
    clusters: BTreeMap<String, Cluster>,
    callback_fuel: u64,
    callback_seconds: u64,
    memory_bytes: usize,
    kept_bytes: u64,
    wall_clock_ahead_ns: i64,
    lean: bool,
}

impl HostBuilder {
    pub(super) fn new(plugin: Plugin) -> Self {
        Self {
            plugin,
            workers: 1,
            start: Timestamp::default(),
            failure_policy: FailurePolicy::default(),
            first: PluginSettings::default(),
            others: Vec::new(),
            vm_configuration: String::new(),
            vm_id: String::new(),
            properties: Properties::new(),
            environment: Vec::new(),
            seed: 0,
            foreign: ForeignFunctions::default(),
            clusters: BTreeMap::new(),
            callback_fuel: CALLBACK_FUEL,
            callback_seconds: CALLBACK_SECONDS,
            memory_bytes: MAX_VM_MEMORY_BYTES,
            kept_bytes: MAX_KEPT_BYTES,
            wall_clock_ahead_ns: 0,
            lean: false,
        }
    }

    /// How many workers; 1 unless said otherwise.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// The virtual time at the start; the Unix epoch unless said otherwise.
    #[must_use]
    pub fn start_time(mut self, start: Timestamp) -> Self {
        self.start = start;
        self
    }

    /// What becomes of streams when the plugin has failed.
    #[must_use]
    pub fn failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.failure_policy = policy;
        self
    }

    /// The plugin's configuration.
    #[must_use]
    pub fn configuration(mut self, configuration: impl Into<String>) -> Self {
        self.first.configuration = configuration.into();
        self
    }

    /// The VM's configuration.
    #[must_use]
    pub fn vm_configuration(mut self, configuration: impl Into<String>) -> Self {
        self.vm_configuration = configuration.into();
        self
    }

    /// The VM's id, which scopes shared data and queues.
    #[must_use]
    pub fn vm_id(mut self, vm_id: impl Into<String>) -> Self {
        self.vm_id = vm_id.into();
        self
    }

    /// The plugin's name in the proxy's configuration.
    #[must_use]
    pub fn plugin_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.first.name);
        self
    }

    /// The root id in the proxy's configuration.
    #[must_use]
    pub fn root_id(mut self, root_id: &str) -> Self {
        root_id.clone_into(&mut self.first.root_id);
        self
    }

    /// Another plugin in the same VM, as when filters of the same code and `vm_id` differ in their
    /// configuration only. Streams and log entries say by a [`super::traffic::Place`] whose they are.
    #[must_use]
    pub fn another_plugin(mut self, plugin: PluginSettings) -> Self {
        self.others.push(plugin);
        self
    }

    /// A variable of the environment that WASI shows.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where the random numbers of WASI start; 0 unless said otherwise.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// A function that the plugin can call by `proxy_call_foreign_function`. It takes the bytes
    /// that the plugin gives, and gives bytes or a status of the ABI.
    #[must_use]
    pub fn foreign_function(
        mut self,
        name: &str,
        function: impl Fn(ForeignCall, &[u8]) -> Result<Vec<u8>, Status> + 'static,
    ) -> Self {
        self.foreign.0.insert(name.to_owned(), Rc::new(function));
        self
    }

    /// The proxy's node: id, cluster, metadata. Integers in the metadata become doubles, as in
    /// the protobuf Struct in which Envoy keeps them.
    #[must_use]
    pub fn node(mut self, id: &str, cluster: &str, metadata: Properties) -> Self {
        self.properties.insert(&["xds", "node", "id"], id.into());
        self.properties.insert(&["xds", "node", "cluster"], cluster.into());
        let metadata = PropertyValue::Tree(metadata.into_struct());
        self.properties.insert(&["xds", "node", "metadata"], metadata);
        self
    }

    /// A cluster that the plugin can call.
    #[must_use]
    pub fn cluster(mut self, name: impl Into<String>, cluster: Cluster) -> Self {
        self.clusters.insert(name.into(), cluster);
        self
    }

    /// The fuel for one callback; about a unit per instruction.
    #[must_use]
    pub fn callback_fuel(mut self, fuel: u64) -> Self {
        self.callback_fuel = fuel;
        self
    }

    /// The real seconds after which a callback is ended that has fuel left; the last resort.
    #[must_use]
    pub fn callback_seconds(mut self, seconds: u64) -> Self {
        self.callback_seconds = seconds;
        self
    }

    /// The cap on a VM's memory, in bytes.
    #[must_use]
    pub fn memory_bytes(mut self, bytes: usize) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// The cap, in bytes, on what the host keeps of what the plugin does: its log and all else in
    /// the timeline, calls, shared data, queues, metrics. [`Host::forget_timeline`] makes room in a
    /// long run. Above it, the plugin has failed.
    #[must_use]
    pub fn kept_bytes(mut self, bytes: u64) -> Self {
        self.kept_bytes = bytes;
        self
    }

    /// How far the wall clock that the plugin reads is ahead of virtual time, in nanoseconds.
    #[must_use]
    pub fn wall_clock_ahead_ns(mut self, ahead_ns: i64) -> Self {
        self.wall_clock_ahead_ns = ahead_ns;
        self
    }

    /// A host that is one of thousands, and has the workers' VMs alone: no canary and no main. It
    /// keeps no record of calls, no data behind the plugin, and in the timeline only the plugin's
    /// warnings and failures.
    #[must_use]
    pub fn lean(mut self) -> Self {
        self.lean = true;
        self
    }
}
