//! A simulated proxy: main and its workers, each with a VM of the plugin, under one virtual clock.
//! This file owns time and what follows from a callback; starting is in `builder`, traffic in
//! `traffic`, `http`, `tcp`, `reply` and `lifetime`, failures in `failure`, calls of the guests in
//! `calls`, the end in `shutdown`.
//!
//! A callback never runs inside another: what a guest asks for waits in its outbox until the
//! callback has returned, and what follows from it waits in the schedule.

pub mod access_log;
mod broken;
pub mod builder;
mod calls;
pub mod deferred;
mod failure;
mod grpc;
mod http;
mod injected;
mod instant;
mod lifetime;
pub mod observed;
mod reload;
mod reply;
mod schedule;
mod shutdown;
mod tcp;
pub mod traffic;
mod worker;

use std::{
    cell::Ref,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use crate::{
    callouts::{cluster::Cluster, record::CalloutRecord},
    capability::metrics::Metric,
    limits::{MAX_CALLBACKS_PER_INSTANT, MAX_FUEL_PER_INSTANT},
    process::Process,
    properties::Properties,
    timeline::{Event, EventKind},
    timestamp::Timestamp,
    vm::{
        Vm, VmFailure,
        callback::Callback,
        meter::Costs,
        plugin::Plugin,
        state::{Outbox, StreamAction, VmSettings},
    },
};
use builder::{FailurePolicy, HostBuilder};
use deferred::DeferredCall;
use instant::Instant;
use lifetime::StreamEntry;
use reload::Replaced;
use schedule::{Due, Schedule, Task};
use traffic::StreamId;
use worker::Worker;

/// Why the host could not do what was asked of it. What the guest does wrong is in the timeline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// There is no such worker.
    #[error("there is no worker {0}")]
    NoWorker(usize),
    /// There is no such plugin in the VM.
    #[error("there is no plugin {0}")]
    NoPlugin(usize),
    /// The stream was never opened, or has ended.
    #[error("there is no open stream {}", .0.0)]
    NoStream(StreamId),
    /// The stream is of the other kind.
    #[error("stream {} is of the other kind", .0.0)]
    WrongKind(StreamId),
    /// There is no such cluster.
    #[error("there is no cluster `{0}`")]
    NoCluster(String),
    /// Callbacks cause one another without end, and time stands still.
    #[error(
        "callbacks cause one another without end: more than {MAX_CALLBACKS_PER_INSTANT} of them, or \
         {MAX_FUEL_PER_INSTANT} of fuel, in one instant"
    )]
    Livelock,
}

/// A proxy with a plugin.
pub struct Host {
    plugin: Plugin,
    settings: VmSettings,
    failure_policy: FailurePolicy,
    process: Rc<Process>,
    /// Main first, then the workers.
    threads: Vec<Worker>,
    /// Where the threads that take new streams begin: before them are those that were replaced.
    first_thread: usize,
    replaced: Vec<Replaced>,
    schedule: Schedule,
    streams: BTreeMap<StreamId, StreamEntry>,
    last_stream: u64,
    /// Calls that whoever runs the host is to carry out.
    deferred: Vec<DeferredCall>,
    /// For whoever goes on step by step.
    instant: Instant,
}

impl Host {
    /// A host for this plugin, to be configured and started.
    #[must_use]
    pub fn builder(plugin: Plugin) -> HostBuilder {
        HostBuilder::new(plugin)
    }

    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.process.now_ns.get())
    }

    /// How many workers there are.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.threads.len().saturating_sub(self.first_thread + 1)
    }

    /// What happened so far.
    #[must_use]
    pub fn timeline(&self) -> Ref<'_, Vec<Event>> {
        self.process.timeline.borrow()
    }

    /// Forgets what happened so far, so that a long run does not fill the memory with it.
    pub fn forget_timeline(&mut self) {
        drop(self.process.take_timeline());
    }

    /// What happened so far, which then is forgotten.
    pub(crate) fn take_timeline(&mut self) -> Vec<Event> {
        self.process.take_timeline()
    }

    /// Measures what callbacks cost, from now on.
    pub fn measure(&mut self) {
        *self.process.costs.borrow_mut() = Some(Costs::new());
    }

    /// What callbacks have cost since [`Host::measure`].
    #[must_use]
    pub fn costs(&self) -> Costs {
        self.process.costs.borrow().clone().unwrap_or_default()
    }

    /// Every call that a guest tried to make.
    #[must_use]
    pub fn callouts(&self) -> Ref<'_, Vec<CalloutRecord>> {
        Ref::map(self.process.callouts.borrow(), |callouts| &callouts.records)
    }

    /// The metrics, by name.
    #[must_use]
    pub fn metrics(&self) -> Ref<'_, BTreeMap<String, Metric>> {
        Ref::map(self.process.metrics.borrow(), |metrics| &metrics.0)
    }

    /// Changes a cluster: its script of faults, or how long it is away.
    pub fn change_cluster(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Cluster),
    ) -> Result<(), HostError> {
        let mut callouts = self.process.callouts.borrow_mut();
        let cluster = callouts.clusters.get_mut(name);
        change(cluster.ok_or_else(|| HostError::NoCluster(name.to_owned()))?);
        Ok(())
    }

    /// Puts a remark into the timeline.
    pub fn note(&self, text: impl Into<String>) {
        self.process.record(None, EventKind::Note { text: text.into() });
    }

    /// Moves the clock on by so many nanoseconds. What falls due on the way, such as ticks and
    /// answers, happens at its own time.
    pub fn advance(&mut self, duration_ns: u64) -> Result<(), HostError> {
        let until_ns = self.process.now_ns.get().saturating_add(duration_ns);
        let mut instant = Instant::new(self.process.now_ns.get(), self.process.fuel.get());
        while let Some((at_ns, task)) = self.schedule.take_until(until_ns) {
            if instant.is_endless(at_ns, self.process.fuel.get()) {
                return Err(HostError::Livelock);
            }
            self.process.now_ns.set(at_ns);
            self.run(task);
        }
        self.process.now_ns.set(until_ns);
        Ok(())
    }

    /// Runs what is due already.
    fn run_due(&mut self) -> Result<(), HostError> {
        self.advance(0)
    }

    fn run(&mut self, task: Task) {
        let Task { thread, generation, due } = task;
        let Some(worker) = self.threads.get_mut(thread) else { return };
        if let Due::Tick(root) = due {
            worker.tick_is_due(root);
        }
        // What was meant for a VM that is gone goes with it, as in Envoy.
        let Some(vm) = worker.vm.as_mut().filter(|_| worker.generation == generation) else {
            return;
        };
        // A root that is gone hears no answers, though the VM may go on.
        if let Due::Answer { root, .. } | Due::QueueReady { root, .. } = due
            && !vm.state().contexts.contains_key(&root)
        {
            return;
        }
        match due {
            Due::Tick(root) => {
                let _recorded = vm.call(Callback::Tick, root, &[root]);
            }
            Due::QueueReady { root, queue } => {
                let _recorded = vm.call(Callback::QueueReady, root, &[root, queue]);
            }
            Due::Answer { root, token, answer } => {
                calls::deliver(&self.process, vm, (root, token), answer);
            }
            Due::Grpc { token, reply } => grpc::deliver(vm, token, reply),
        }
        self.settle(thread);
    }

    /// Does what the callback that has just returned on this thread has asked for, and what the
    /// callbacks that come of it ask for.
    fn settle(&mut self, thread: usize) {
        let mut actions = VecDeque::new();
        loop {
            actions.extend(self.empty_outbox(thread));
            let Some((context, action)) = actions.pop_front() else { return };
            self.act_on_stream(thread, context, action);
        }
    }

    /// Takes what the guest asked for; gives what is to be done to streams.
    fn empty_outbox(&mut self, thread: usize) -> Vec<(u32, StreamAction)> {
        let now_ns = self.process.now_ns.get();
        let Some(worker) = self.threads.get_mut(thread) else { return Vec::new() };
        let Some(vm) = worker.vm.as_mut() else { return Vec::new() };
        if vm.has_failed() {
            worker.note_failure(now_ns);
            return Vec::new();
        }
        let outbox = std::mem::take(&mut vm.state().outbox);
        let Outbox { tick_periods, calls, grpc, queues_ready, done, stream_actions } = outbox;
        for (root, period_ms) in tick_periods {
            worker.set_tick_period(root, period_ms, &mut self.schedule);
        }
        worker.arm_ticks(thread, now_ns, &mut self.schedule);
        for call in calls {
            self.send_call(thread, call);
        }
        for action in grpc {
            self.send_grpc(thread, action);
        }
        for queue in queues_ready {
            self.wake_owner(queue, now_ns);
        }
        for root in done {
            self.delete_root(thread, root);
        }
        stream_actions
    }

    fn wake_owner(&mut self, queue: u32, now_ns: u64) {
        let Some((owner, root)) = self.process.queues.borrow().owner(queue) else { return };
        let position = self.threads.iter().rposition(|worker| worker.thread == owner);
        let Some((thread, worker)) = position.and_then(|at| Some((at, self.threads.get(at)?)))
        else {
            return;
        };
        let generation = worker.generation;
        let due = Due::QueueReady { root, queue };
        self.schedule.add(now_ns, Task { thread, generation, due });
    }
}
