//! How streams begin and end, and how a call about one finds its guest. What becomes of a stream
//! whose guest has failed is left to `failure`.

use std::rc::Rc;

use super::{
    Callback, FailurePolicy, Host, HostError, StreamAction, StreamId, Vm, VmFailure, http, reply,
    tcp, traffic::Place, worker::FIRST_ROOT,
};
use crate::{
    abi::{Peer, StreamType},
    process::kept::Share,
    properties::{Properties, availability::StreamKind},
    stream::{Direction, Stream, exchange::Exchange},
    timeline::EventKind,
    vm::state::Context,
};

/// What the host knows of a stream.
pub(crate) struct StreamEntry {
    pub(super) kind: StreamKind,
    pub(super) thread: usize,
    pub(super) generation: u32,
    /// None when the stream passes by a plugin that has failed.
    pub(super) context: Option<u32>,
    pub(super) downstream_bytes: u64,
    pub(super) upstream_bytes: u64,
    /// What moved on without the guest, or until it was gone.
    pub(super) exchange: Exchange,
    /// Nothing more comes of the stream, though it has not been closed from outside.
    pub(super) over: bool,
}

impl Host {
    /// Where the thread of a worker is that takes new traffic: behind those that a reload has
    /// replaced, and behind main, which sees none.
    pub(super) fn index_of(&self, worker: usize) -> usize {
        self.first_thread.saturating_add(worker).saturating_add(1)
    }

    /// A stream begins on a worker, with the guest that is there or without one.
    pub(super) fn begin(
        &mut self,
        place: Place,
        kind: StreamKind,
        properties: Rc<Properties>,
    ) -> Result<StreamId, HostError> {
        let thread = self.index_of(place.worker);
        let root = self.root_of(place.plugin)?;
        self.reload_if_due(thread);
        let worker = self.threads.get_mut(thread).ok_or(HostError::NoWorker(place.worker))?;
        self.last_stream += 1;
        let id = StreamId(self.last_stream);
        let (name, generation) = (worker.thread, worker.generation);
        let context = worker.live().is_some().then(|| worker.next_context());
        // Where the plugin never started, streams pass by whatever the policy (measured).
        let is_closed = self.failure_policy != FailurePolicy::FailOpen && !worker.is_absent;
        let is_refused = context.is_none() && is_closed;
        let event = match context {
            Some(_) => EventKind::StreamOpened { stream: id.0, kind },
            None => EventKind::StreamWithoutGuest { stream: id.0, refused: is_refused },
        };
        self.process.record(Some(name), event);
        let entry = StreamEntry {
            kind,
            thread,
            generation,
            context,
            downstream_bytes: 0,
            upstream_bytes: 0,
            exchange: Exchange::default(),
            over: false,
        };
        self.streams.insert(id, entry);
        if is_refused {
            self.refuse(id, Exchange::default());
        }
        let is_lean = self.process.lean.get();
        self.with_guest(id, |vm, context| {
            let mut stream = Stream::new(kind, root, id.0, properties);
            stream.set_lean(is_lean);
            stream.share = Share::of(&vm.state().process.kept);
            vm.state().contexts.insert(context, Context::Stream(Box::new(stream)));
            vm.call(Callback::ContextCreate, context, &[context, root]).map(drop)
        })?;
        Ok(id)
    }

    /// The context of a plugin's root.
    pub(super) fn root_of(&self, plugin: usize) -> Result<u32, HostError> {
        let contexts = (FIRST_ROOT..).take(self.settings.roots.len());
        contexts.clone().nth(plugin).ok_or(HostError::NoPlugin(plugin))
    }

    /// The guest of a stream, if the VM in which the stream began is still there and well.
    pub(super) fn guest(&mut self, id: StreamId) -> Option<(&mut Vm, u32)> {
        let entry = self.streams.get(&id)?;
        let (generation, context) = (entry.generation, entry.context?);
        let worker = self.threads.get_mut(entry.thread)?;
        let is_same = worker.generation == generation;
        Some((worker.live().filter(|_| is_same)?, context))
    }

    /// Calls the guest about a stream, if it is there; then does what follows from it. Gives
    /// whether the stream passes by without a guest. A failure of the guest is in the timeline.
    pub(super) fn with_guest(
        &mut self,
        id: StreamId,
        call: impl FnOnce(&mut Vm, u32) -> Result<(), VmFailure>,
    ) -> Result<bool, HostError> {
        let entry = self.streams.get(&id).ok_or(HostError::NoStream(id))?;
        let thread = entry.thread;
        if entry.over {
            return Ok(false);
        }
        if let Some((vm, context)) = self.guest(id) {
            let _recorded = call(vm, context);
            self.settle(thread);
        }
        self.check_guest(id);
        self.run_due()?;
        Ok(self.streams.get(&id).is_some_and(|entry| !entry.over && entry.context.is_none()))
    }

    /// What came out of a stream behind the plugin, so far.
    pub fn exchange(&mut self, id: StreamId) -> Result<Exchange, HostError> {
        let entry = self.streams.get(&id).ok_or(HostError::NoStream(id))?;
        if entry.over || entry.context.is_none() {
            return Ok(entry.exchange.clone());
        }
        Ok(self.exchange_through_guest(id))
    }

    /// Does what a guest asked for about a stream.
    pub(super) fn act_on_stream(&mut self, thread: usize, context: u32, action: StreamAction) {
        let Some(vm) = self.threads.get_mut(thread).and_then(|worker| worker.live()) else {
            return;
        };
        // It may have ended in the meantime.
        let Some(id) = vm.state().stream_mut(context).map(|stream| StreamId(stream.id)) else {
            return;
        };
        match action {
            StreamAction::Resume(StreamType::Downstream | StreamType::Upstream) => {
                tcp::resume(vm, context);
            }
            StreamAction::Resume(half) => {
                let direction = match half {
                    StreamType::Response => Direction::FromUpstream,
                    _ => Direction::FromDownstream,
                };
                let _recorded = http::resume(vm, context, direction);
                if reply::state_of_reply(vm, context) == reply::Replied::Complete {
                    self.end_guest(id, None);
                }
            }
            StreamAction::Close => self.reset(id, Some(Peer::Local)),
            StreamAction::Reply(response) => match reply::reply(vm, context, response) {
                Ok(reply::Replied::Held) | Err(_) => {}
                Ok(reply::Replied::Complete) => self.end_guest(id, None),
                Ok(reply::Replied::Reset) => self.reset(id, None),
            },
        }
        self.check_guest(id);
    }

    /// The proxy ends a stream before its end.
    fn reset(&mut self, id: StreamId, peer: Option<Peer>) {
        self.end_guest(id, peer);
        if let Some(entry) = self.streams.get_mut(&id) {
            entry.exchange.reset = true;
        }
    }

    /// Tells the guest that a stream has ended, in the order of its kind. What the guest asks for
    /// meanwhile is left in its outbox.
    pub(super) fn end_guest(&mut self, id: StreamId, peer: Option<Peer>) {
        let Some(entry) = self.streams.get(&id).filter(|entry| !entry.over) else { return };
        let kind = entry.kind;
        if let Some((vm, context)) = self.guest(id) {
            let _recorded = match kind {
                StreamKind::Http => http::end(vm, context),
                StreamKind::Tcp => tcp::end(vm, context, peer.unwrap_or_default()),
            };
        }
        let stream = self.guest(id).and_then(|(vm, id)| vm.state().contexts.remove(&id));
        let exchange = match stream {
            Some(Context::Stream(stream)) => stream.into_exchange(),
            // The VM has failed by now, or is another one.
            _ => self.exchange_through_guest(id),
        };
        self.mark_over(id, exchange);
    }

    /// Nothing more comes of a stream; its context is gone.
    pub(super) fn mark_over(&mut self, id: StreamId, exchange: Exchange) {
        let Some(entry) = self.streams.get_mut(&id).filter(|entry| !entry.over) else { return };
        entry.over = true;
        entry.exchange = exchange;
        let StreamEntry { downstream_bytes, upstream_bytes, .. } = *entry;
        let Some(worker) = self.threads.get_mut(entry.thread) else { return };
        let event = EventKind::StreamClosed { stream: id.0, downstream_bytes, upstream_bytes };
        self.process.record(Some(worker.thread), event);
        if let (Some(context), Some(vm)) = (entry.context, worker.vm.as_mut())
            && worker.generation == entry.generation
        {
            vm.state().contexts.remove(&context);
        }
    }

    /// The root of an open stream.
    pub(super) fn root_of_stream(&mut self, id: StreamId) -> Option<u32> {
        let (vm, context) = self.guest(id)?;
        vm.state().stream_mut(context).map(|stream| stream.root)
    }

    /// The streams of a thread that have not ended.
    pub(super) fn open_streams(&self, thread: usize) -> Vec<StreamId> {
        let open = self.streams.iter().filter(|(_, it)| it.thread == thread && !it.over);
        open.map(|(id, _)| *id).collect()
    }

    pub(super) fn entry(
        &mut self,
        id: StreamId,
        kind: StreamKind,
    ) -> Result<&mut StreamEntry, HostError> {
        let entry = self.streams.get_mut(&id).ok_or(HostError::NoStream(id))?;
        if entry.kind == kind { Ok(entry) } else { Err(HostError::WrongKind(id)) }
    }

    /// A stream is closed from outside, and then forgotten.
    pub(super) fn close(
        &mut self,
        id: StreamId,
        kind: StreamKind,
        peer: Option<Peer>,
    ) -> Result<(), HostError> {
        let thread = self.entry(id, kind)?.thread;
        self.end_guest(id, peer);
        self.settle(thread);
        self.streams.remove(&id);
        self.run_due()
    }
}
