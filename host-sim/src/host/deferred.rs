//! Running a host step by step, and calls that are carried out by whoever runs it: so that one
//! thread can run thousands of hosts while their calls are on their way.

use super::{Due, Host, HostError, Task};
use crate::{
    callouts::{CallRequest, PendingCall, reply::CallResponse},
    timestamp::Timestamp,
};

/// A call to a cluster whose backend is [`crate::Backend::Deferred`].
#[derive(Debug)]
pub struct DeferredCall {
    pub(super) thread: usize,
    pub(super) generation: u32,
    pub(super) sent_ns: u64,
    pub(super) call: PendingCall,
}

impl DeferredCall {
    /// What is to be sent.
    #[must_use]
    pub fn request(&self) -> &CallRequest {
        &self.call.request
    }

    /// How often, by the fault that the call meets; at least once.
    #[must_use]
    pub fn deliveries(&self) -> u32 {
        self.call.fault.deliveries()
    }

    /// When the plugin sent it.
    #[must_use]
    pub fn sent_at(&self) -> Timestamp {
        Timestamp(self.sent_ns)
    }
}

impl Host {
    /// When something is due next, in nanoseconds since the epoch. An answer is due once it is
    /// known: see [`Host::answer`].
    #[must_use]
    pub fn next_due_ns(&self) -> Option<u64> {
        self.schedule.next_ns()
    }

    /// Moves the clock on to what is due next, if that is by `until_ns`, and runs it. Gives
    /// whether there was anything. Guests that cause one another's callbacks without end have
    /// failed.
    pub fn step(&mut self, until_ns: u64) -> bool {
        let Some((at_ns, task)) = self.schedule.take_until(until_ns) else { return false };
        self.process.now_ns.set(self.process.now_ns.get().max(at_ns));
        if self.instant.is_endless(at_ns, self.process.fuel.get()) {
            self.fail_all(&HostError::Livelock.to_string());
        }
        self.run(task);
        true
    }

    /// Moves the clock on to a time before which nothing is due.
    #[cfg(feature = "mesh")]
    pub(crate) fn pass_to(&self, now_ns: u64) {
        self.process.now_ns.set(self.process.now_ns.get().max(now_ns));
    }

    /// Whether all roots have come to their end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.threads.iter().all(|worker| worker.vm.is_none())
    }

    /// Takes the calls that are to be carried out, in the order in which they were made.
    pub fn take_deferred(&mut self) -> Vec<DeferredCall> {
        std::mem::take(&mut self.deferred)
    }

    /// What came of a call: how often the server took it, and what it answered; none if nobody
    /// took the connection. What the plugin sees of it, and when, goes by the call's fault and the
    /// network's latency. Time must not have passed the moment of the call in the meantime.
    pub fn answer(&mut self, call: DeferredCall, deliveries: u32, answer: Option<CallResponse>) {
        let DeferredCall { thread, generation, sent_ns, call } = call;
        let Some(worker) = self.threads.get(thread) else { return };
        let (name, token, root) = (worker.thread, call.token, call.root);
        let mut callouts = self.process.callouts.borrow_mut();
        if let Some(answer) = callouts.conclude(name, call, sent_ns, (deliveries, answer)) {
            let (at_ns, due) = (answer.at_ns, Due::Answer { root, token, answer });
            self.schedule.add(at_ns, Task { thread, generation, due });
        }
    }

    /// How many of the plugin's calls met a fault.
    #[must_use]
    pub fn faulty_calls(&self) -> u64 {
        self.process.callouts.borrow().faulty
    }

    /// How many callbacks the plugin has run, in all VMs.
    #[must_use]
    pub fn callbacks(&self) -> u64 {
        self.process.callbacks.get()
    }
}
