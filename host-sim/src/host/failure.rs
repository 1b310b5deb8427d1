//! What becomes of streams when the VM of their guest has failed, or is another one by now: the
//! failure policy, and the reload.

use super::{FailurePolicy, Host, StreamId, Vm};
use crate::{
    limits::RELOAD_BACKOFF_NS, properties::availability::StreamKind, stream::exchange::Exchange,
};

impl Host {
    /// A reload is lazy: only a new stream starts a new VM.
    pub(super) fn reload_if_due(&mut self, thread: usize) {
        let now_ns = self.process.now_ns.get();
        let Some(worker) = self.threads.get_mut(thread) else { return };
        let has_failed = worker.vm.as_ref().is_some_and(Vm::has_failed);
        let failed_at_ns = worker.failed_at_ns.unwrap_or(now_ns);
        let is_due = now_ns >= failed_at_ns.saturating_add(RELOAD_BACKOFF_NS);
        if self.failure_policy != FailurePolicy::FailReload || !has_failed || !is_due {
            return;
        }
        self.keep_exchanges(thread);
        let Some(worker) = self.threads.get_mut(thread) else { return };
        if worker.restart(&self.plugin, &self.process, &self.settings).is_err() {
            worker.failed_at_ns = Some(now_ns);
        }
        self.settle(thread);
    }

    /// Remembers what moved on through a VM that is about to go.
    fn keep_exchanges(&mut self, thread: usize) {
        let Some(worker) = self.threads.get_mut(thread) else { return };
        let Some(vm) = worker.vm.as_mut() else { return };
        for entry in self.streams.values_mut() {
            if entry.thread == thread
                && entry.generation == worker.generation
                && let Some(stream) = entry.context.and_then(|id| vm.state().stream_mut(id))
            {
                entry.exchange = stream.exchange();
            }
        }
    }

    /// A stream whose guest has failed is refused, whatever the policy: `FAIL_OPEN` is for those that
    /// begin later (measured).
    pub(super) fn check_guest(&mut self, id: StreamId) {
        let Some(entry) = self.streams.get(&id) else { return };
        if entry.over || entry.context.is_none() || self.guest(id).is_some() {
            return;
        }
        let exchange = self.exchange_through_guest(id);
        self.refuse(id, exchange);
    }

    /// What moved on through the guest.
    pub(super) fn exchange_through_guest(&mut self, id: StreamId) -> Exchange {
        let Some(entry) = self.streams.get(&id) else { return Exchange::default() };
        let kept = entry.exchange.clone();
        let (generation, context) = (entry.generation, entry.context);
        let worker = self.threads.get_mut(entry.thread).filter(|it| it.generation == generation);
        let vm = worker.and_then(|worker| worker.vm.as_mut());
        let stream = vm.zip(context).and_then(|(vm, id)| vm.state().stream_mut(id));
        let Some(stream) = stream else { return kept };
        Exchange { reset: kept.reset, ..stream.exchange() }
    }

    /// The plugin has failed, and with it the stream: 503 if the client has no response yet.
    pub(super) fn refuse(&mut self, id: StreamId, mut exchange: Exchange) {
        let Some(entry) = self.streams.get(&id) else { return };
        if entry.kind == StreamKind::Http && exchange.response.headers.is_none() {
            exchange.response.headers = Some(vec![(b":status".to_vec(), b"503".to_vec())]);
            exchange.response.complete = true;
        } else {
            exchange.reset = true;
        }
        self.mark_over(id, exchange);
    }
}
