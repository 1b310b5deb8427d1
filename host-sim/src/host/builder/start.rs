//! Starting a host: main, each plugin after its canary, then the workers.

use std::{collections::BTreeMap, rc::Rc};

use super::{HostBuilder, PluginSettings, RootError, StartError, StartFailure};
use crate::{
    host::{Host, Schedule, VmSettings, Worker, instant::Instant},
    limits::{MAX_PLUGINS, MAX_WORKERS},
    process::Process,
    timeline::{EventKind, Thread},
    vm::state::RootSettings,
};

impl HostBuilder {
    /// Starts the host. The canary takes the configuration first and is thrown away.
    pub fn start(self) -> Result<Host, StartFailure> {
        let process = Rc::new(Process::default());
        process.now_ns.set(self.start.0);
        process.wall_ahead_ns.set(self.wall_clock_ahead_ns);
        process.lean.set(self.lean);
        let started = self.start_on(&process);
        started.map_err(|error| StartFailure { error, timeline: process.take_timeline() })
    }

    fn start_on(self, process: &Rc<Process>) -> Result<Host, StartError> {
        if self.workers > MAX_WORKERS {
            return Err(StartError::Workers(self.workers));
        }
        let plugins: Vec<PluginSettings> = std::iter::once(self.first).chain(self.others).collect();
        if plugins.len() > MAX_PLUGINS {
            return Err(StartError::Plugins(plugins.len()));
        }
        process.callouts.borrow_mut().clusters = self.clusters;
        process.callouts.borrow_mut().lean = self.lean;
        let base = self.properties.with(&["plugin_vm_id"], self.vm_id.as_str());
        let root = |plugin: PluginSettings| {
            let properties = base.clone().with(&["plugin_name"], plugin.name.as_str());
            let properties = properties.with(&["plugin_root_id"], plugin.root_id.as_str());
            let configuration = Rc::from(plugin.configuration.into_bytes());
            RootSettings { configuration, properties: Rc::new(properties) }
        };
        let roots: Rc<[RootSettings]> = plugins.into_iter().map(root).collect();
        let settings = VmSettings {
            vm_id: self.vm_id,
            vm_configuration: Rc::from(self.vm_configuration.into_bytes()),
            environment: Rc::from(self.environment),
            roots: Rc::clone(&roots),
            foreign: Rc::new(self.foreign),
            seed: self.seed,
            callback_fuel: self.callback_fuel,
            callback_seconds: self.callback_seconds,
            kept_bytes: self.kept_bytes,
            memory_bytes: self.memory_bytes,
        };
        // A plugin that has passed the canary is taken to be well: where it does not start after
        // all, the thread goes on without it (measured).
        let went_without = |thread, error: RootError| {
            let text = format!("{thread} goes without the plugin: {error}");
            process.record(Some(thread), EventKind::Note { text });
            Worker::absent(thread)
        };
        let start = |thread, settings: &VmSettings| match Worker::start(
            &self.plugin,
            process,
            thread,
            settings,
        ) {
            Err(error) if self.lean => Err(StartError::Root { thread, error }),
            started => Ok(started.unwrap_or_else(|error| went_without(thread, error))),
        };
        // Each plugin's configuration is tried in a VM of its own, before main takes it.
        let mut is_refused = false;
        let canary = |root: &RootSettings| {
            let roots = Rc::from([root.clone()]);
            let settings = VmSettings { roots, ..settings.clone() };
            let tried = Worker::start(&self.plugin, process, Thread::Canary, &settings);
            tried.map(drop).inspect_err(|_| is_refused = true)
        };
        let main = if self.lean {
            Worker::absent(Thread::Main)
        } else {
            let thread = Thread::Main;
            match Worker::start_after(&self.plugin, process, thread, &settings, canary) {
                Err(error) if is_refused => {
                    return Err(StartError::Root { thread: Thread::Canary, error });
                }
                started => started.unwrap_or_else(|error| went_without(thread, error)),
            }
        };
        let workers = (0..self.workers).map(|worker| start(Thread::Worker(worker), &settings));
        let threads = std::iter::once(Ok(main)).chain(workers).collect::<Result<Vec<_>, _>>()?;
        let mut host = Host {
            plugin: self.plugin,
            settings,
            failure_policy: self.failure_policy,
            process: Rc::clone(process),
            schedule: Schedule::default(),
            streams: BTreeMap::new(),
            last_stream: 0,
            deferred: Vec::new(),
            instant: Instant::default(),
            first_thread: 0,
            replaced: Vec::new(),
            threads,
        };
        (0..host.threads.len()).for_each(|thread| host.settle(thread));
        Ok(host)
    }
}
