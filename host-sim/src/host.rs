//! A simulated proxy: main and its workers, each with a VM of the plugin, under one virtual clock.
//! This file owns time and the callbacks that come with it; starting is in `builder`, traffic in
//! `traffic` and `lifetime`, the end in `shutdown`.
//!
//! A callback never runs inside another: what a guest asks for waits in its outbox until the
//! callback has returned, and what follows from it waits in the schedule.

pub mod access_log;
pub mod builder;
mod lifetime;
mod schedule;
mod shutdown;
pub mod traffic;
mod worker;

use std::{cell::Ref, collections::BTreeMap, rc::Rc};

use crate::{
    callouts::{Answer, PendingCall, cluster::Cluster, record::CalloutRecord},
    capability::metrics::Metric,
    limits::MAX_CALLBACKS_PER_INSTANT,
    process::Process,
    properties::Properties,
    timeline::{Event, EventKind, Thread},
    timestamp::Timestamp,
    vm::{Vm, VmFailure, plugin::Plugin, state::VmSettings},
};
use builder::{FailurePolicy, HostBuilder};
use lifetime::StreamEntry;
use schedule::{Due, Schedule, Task};
use traffic::StreamId;
use worker::{ROOT, Worker};

/// Why the host could not do what was asked of it. What the guest does wrong is in the timeline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// There is no such worker.
    #[error("there is no worker {0}")]
    NoWorker(usize),
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
    #[error("more than {MAX_CALLBACKS_PER_INSTANT} callbacks in one instant")]
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
    schedule: Schedule,
    streams: BTreeMap<StreamId, StreamEntry>,
    last_stream: u64,
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
        self.threads.len().saturating_sub(1)
    }

    /// What happened so far.
    #[must_use]
    pub fn timeline(&self) -> Ref<'_, Vec<Event>> {
        self.process.timeline.borrow()
    }

    /// Forgets what happened so far, so that a long run does not fill the memory with it.
    pub fn forget_timeline(&mut self) {
        self.process.timeline.borrow_mut().clear();
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
        let (mut instant_ns, mut callbacks) = (self.process.now_ns.get(), 0_u32);
        while let Some((at_ns, task)) = self.schedule.take_until(until_ns) {
            callbacks = if at_ns == instant_ns { callbacks + 1 } else { 0 };
            if callbacks > MAX_CALLBACKS_PER_INSTANT {
                return Err(HostError::Livelock);
            }
            instant_ns = at_ns;
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
        // What was meant for a VM that is gone goes with it, as in Envoy.
        let Some(vm) = worker.vm.as_mut().filter(|_| worker.generation == generation) else {
            return;
        };
        match due {
            Due::Tick => {
                // The timer starts anew after the callback, unless that has changed it.
                worker.tick = worker.tick.map(|(period_ms, _)| (period_ms, None));
                let _recorded = vm.call("proxy_on_tick", ROOT, &[ROOT]);
            }
            Due::QueueReady(queue) => {
                let _recorded = vm.call("proxy_on_queue_ready", ROOT, &[ROOT, queue]);
            }
            Due::Answer { token, answer } => {
                deliver(&self.process, vm, token, answer);
            }
        }
        self.settle(thread);
    }

    /// Does what the callback that has just returned on this thread has asked for.
    fn settle(&mut self, thread: usize) {
        let now_ns = self.process.now_ns.get();
        let Some(worker) = self.threads.get_mut(thread) else { return };
        let Some(vm) = worker.vm.as_mut() else { return };
        if vm.has_failed() {
            worker.note_failure(now_ns);
            return;
        }
        let outbox = std::mem::take(&mut vm.state().outbox);
        worker.done |= outbox.done;
        if let Some(period_ms) = outbox.tick_period_ms {
            worker.set_tick_period(period_ms, &mut self.schedule);
        }
        worker.arm_tick(thread, now_ns, &mut self.schedule);
        let (name, generation) = (worker.thread, worker.generation);
        for call in outbox.calls {
            let token = call.token;
            note_sent(&self.process, name, &call);
            let answer = self.process.callouts.borrow_mut().perform(name, call, now_ns);
            if let Some(answer) = answer {
                let at_ns = answer.at_ns;
                let due = Due::Answer { token, answer };
                self.schedule.add(at_ns, Task { thread, generation, due });
            }
        }
        for queue in outbox.queues_ready {
            self.wake_owner(queue, now_ns);
        }
    }

    fn wake_owner(&mut self, queue: u32, now_ns: u64) {
        let owner = self.process.queues.borrow().owner(queue);
        let position = self.threads.iter().position(|worker| Some(worker.thread) == owner);
        let Some((thread, worker)) = position.and_then(|at| Some((at, self.threads.get(at)?)))
        else {
            return;
        };
        let generation = worker.generation;
        self.schedule.add(now_ns, Task { thread, generation, due: Due::QueueReady(queue) });
    }
}

fn note_sent(process: &Process, thread: Thread, call: &PendingCall) {
    let header = |name| call.request.header(name).unwrap_or_default();
    let kind = EventKind::CalloutSent {
        token: call.token,
        cluster: call.cluster.clone(),
        request: format!("{} {}", header(":method"), header(":path")),
        body_bytes: call.request.body.len(),
        fault: call.fault.name(),
    };
    process.record(Some(thread), kind);
}

/// Hands the answer of a call to the guest, which can read it during the callback only.
fn deliver(process: &Process, vm: &mut Vm, token: u32, answer: Answer) {
    let Answer { record, response, .. } = answer;
    let (status, body_bytes) = (response.status(), response.body.len());
    process.callouts.borrow_mut().note_answered(record, status, process.now_ns.get());
    vm.state().record(EventKind::CalloutAnswered { token, status, body_bytes });
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let arguments = [ROOT, token, count(response.headers.len()), count(body_bytes), 0];
    vm.state().call_response = Some(response);
    let _recorded = vm.call("proxy_on_http_call_response", ROOT, &arguments);
    vm.state().call_response = None;
}
