//! Configuring and starting a host: the canary first, then main, then the workers.

use std::{collections::BTreeMap, rc::Rc};

use serde::Deserialize;

pub use super::worker::RootError;
use super::{Host, Plugin, Properties, Schedule, VmSettings, Worker};
use crate::{
    callouts::cluster::Cluster,
    limits::{CALLBACK_FUEL, MAX_VM_MEMORY_BYTES, MAX_WORKERS},
    process::Process,
    properties::PropertyValue,
    timeline::{Event, Thread},
    timestamp::Timestamp,
};

/// What becomes of streams when the plugin has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailurePolicy {
    /// They are refused (Envoy's default).
    #[default]
    FailClosed,
    /// They pass by without the plugin.
    FailOpen,
    /// The next one starts a new VM, at most once a second; until then they are refused.
    FailReload,
}

/// Why there is no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
}

/// A start that failed, with what the plugin had to say.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
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
    configuration: String,
    vm_configuration: String,
    vm_id: String,
    properties: Properties,
    clusters: BTreeMap<String, Cluster>,
    callback_fuel: u64,
    memory_bytes: usize,
}

impl HostBuilder {
    pub(super) fn new(plugin: Plugin) -> Self {
        Self {
            plugin,
            workers: 1,
            start: Timestamp::default(),
            failure_policy: FailurePolicy::default(),
            configuration: String::new(),
            vm_configuration: String::new(),
            vm_id: String::new(),
            properties: Properties::new().with(&["plugin_name"], "").with(&["plugin_root_id"], ""),
            clusters: BTreeMap::new(),
            callback_fuel: CALLBACK_FUEL,
            memory_bytes: MAX_VM_MEMORY_BYTES,
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
        self.configuration = configuration.into();
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
        self.properties.insert(&["plugin_name"], name.into());
        self
    }

    /// The root id in the proxy's configuration.
    #[must_use]
    pub fn root_id(mut self, root_id: &str) -> Self {
        self.properties.insert(&["plugin_root_id"], root_id.into());
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

    /// The cap on a VM's memory, in bytes.
    #[must_use]
    pub fn memory_bytes(mut self, bytes: usize) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// Starts the host. The canary takes the configuration first and is thrown away.
    pub fn start(self) -> Result<Host, StartFailure> {
        let process = Rc::new(Process::default());
        process.now_ns.set(self.start.0);
        let started = self.start_on(&process);
        started.map_err(|error| StartFailure { error, timeline: process.timeline.take() })
    }

    fn start_on(self, process: &Rc<Process>) -> Result<Host, StartError> {
        if self.workers > MAX_WORKERS {
            return Err(StartError::Workers(self.workers));
        }
        process.callouts.borrow_mut().clusters = self.clusters;
        let settings = VmSettings {
            base_properties: Rc::new(self.properties.with(&["plugin_vm_id"], self.vm_id.as_str())),
            vm_id: self.vm_id,
            vm_configuration: Rc::from(self.vm_configuration.into_bytes()),
            plugin_configuration: Rc::from(self.configuration.into_bytes()),
            callback_fuel: self.callback_fuel,
            memory_bytes: self.memory_bytes,
        };
        let start = |thread| {
            let worker = Worker::start(&self.plugin, process, thread, &settings);
            worker.map_err(|error| StartError::Root { thread, error })
        };
        drop(start(Thread::Canary)?);
        let threads = std::iter::once(Thread::Main).chain((0..self.workers).map(Thread::Worker));
        let threads = threads.map(start).collect::<Result<Vec<_>, _>>()?;
        let mut host = Host {
            plugin: self.plugin,
            settings,
            failure_policy: self.failure_policy,
            process: Rc::clone(process),
            schedule: Schedule::default(),
            streams: BTreeMap::new(),
            last_stream: 0,
            threads,
        };
        (0..host.threads.len()).for_each(|thread| host.settle(thread));
        Ok(host)
    }
}
