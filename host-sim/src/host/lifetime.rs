//! How streams begin and end, and how a call about one finds its guest: the VM may have failed,
//! or be another one by now.

use super::{FailurePolicy, Host, HostError, ROOT, StreamId, Vm, VmFailure};
use crate::{
    limits::RELOAD_BACKOFF_NS,
    properties::{Properties, availability::StreamKind},
    stream::Stream,
    timeline::EventKind,
    vm::state::Context,
};

/// What the host knows of a stream.
pub(crate) struct StreamEntry {
    pub(super) kind: StreamKind,
    thread: usize,
    generation: u32,
    /// None when the stream passes by, or was refused by, a plugin that has failed.
    context: Option<u32>,
    pub(super) downstream_bytes: u64,
    pub(super) upstream_bytes: u64,
}

impl Host {
    /// A stream begins on a worker, with the guest that is there or without one.
    pub(super) fn begin(
        &mut self,
        worker: usize,
        kind: StreamKind,
        properties: Properties,
    ) -> Result<StreamId, HostError> {
        // Main is first, and sees no traffic.
        let thread = worker + 1;
        self.reload_if_due(thread);
        let worker = self.threads.get_mut(thread).ok_or(HostError::NoWorker(worker))?;
        self.last_stream += 1;
        let id = StreamId(self.last_stream);
        let (name, generation) = (worker.thread, worker.generation);
        let context = worker.live().is_some().then(|| worker.next_context());
        let event = match context {
            Some(_) => EventKind::StreamOpened { stream: id.0, kind },
            None => {
                let refused = self.failure_policy != FailurePolicy::FailOpen;
                EventKind::StreamWithoutGuest { stream: id.0, refused }
            }
        };
        self.process.record(Some(name), event);
        let (downstream_bytes, upstream_bytes) = (0, 0);
        let entry =
            StreamEntry { kind, thread, generation, context, downstream_bytes, upstream_bytes };
        self.streams.insert(id, entry);
        self.with_guest(id, |vm, context| {
            let stream = Stream::new(kind, id.0, properties);
            vm.state().contexts.insert(context, Context::Stream(Box::new(stream)));
            vm.call("proxy_on_context_create", context, &[context, ROOT]).map(drop)
        })?;
        Ok(id)
    }

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
        if worker.restart(&self.plugin, &self.process, &self.settings).is_err() {
            worker.failed_at_ns = Some(now_ns);
        }
        self.settle(thread);
    }

    /// Calls the guest about a stream, if the VM that the stream began in is still there; then
    /// does what follows from it. A failure of the guest is in the timeline.
    pub(super) fn with_guest(
        &mut self,
        id: StreamId,
        call: impl FnOnce(&mut Vm, u32) -> Result<(), VmFailure>,
    ) -> Result<(), HostError> {
        let entry = self.streams.get(&id).ok_or(HostError::NoStream(id))?;
        let (thread, generation) = (entry.thread, entry.generation);
        let (Some(context), Some(worker)) = (entry.context, self.threads.get_mut(thread)) else {
            return Ok(());
        };
        let is_same = worker.generation == generation;
        if let Some(vm) = worker.live().filter(|_| is_same) {
            let _recorded = call(vm, context);
            self.settle(thread);
        }
        self.run_due()
    }

    pub(super) fn expect_kind(&self, id: StreamId, kind: StreamKind) -> Result<(), HostError> {
        let entry = self.streams.get(&id).ok_or(HostError::NoStream(id))?;
        if entry.kind == kind { Ok(()) } else { Err(HostError::WrongKind(id)) }
    }

    /// A stream is no more.
    pub(super) fn forget(&mut self, id: StreamId) -> Result<(), HostError> {
        let entry = self.streams.remove(&id).ok_or(HostError::NoStream(id))?;
        let StreamEntry { downstream_bytes, upstream_bytes, .. } = entry;
        let Some(worker) = self.threads.get_mut(entry.thread) else { return Ok(()) };
        let event = EventKind::StreamClosed { stream: id.0, downstream_bytes, upstream_bytes };
        self.process.record(Some(worker.thread), event);
        if let (Some(context), Some(vm)) = (entry.context, worker.vm.as_mut())
            && worker.generation == entry.generation
        {
            vm.state().contexts.remove(&context);
        }
        Ok(())
    }
}
