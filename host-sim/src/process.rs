//! What all threads of the simulated proxy share: the clock, shared data, queues, metrics,
//! clusters and the timeline. One thread of the simulator runs them all, so that a run replays
//! exactly; the cells are never borrowed while a guest runs.

use std::cell::{Cell, RefCell};

use crate::{
    abi::LogLevel,
    callouts::Callouts,
    capability::{metrics::Metrics, queues::Queues, shared_data::SharedData},
    timeline::{Event, EventKind, Thread},
    timestamp::Timestamp,
    vm::meter::Costs,
};

#[derive(Default)]
pub(crate) struct Process {
    /// Nanoseconds since the Unix epoch, moved by the runner only.
    pub(crate) now_ns: Cell<u64>,
    /// How far the clock that guests read is ahead of it.
    pub(crate) wall_ahead_ns: Cell<i64>,
    /// What callbacks cost, if that is measured.
    pub(crate) costs: RefCell<Option<Costs>>,
    pub(crate) shared_data: RefCell<SharedData>,
    pub(crate) queues: RefCell<Queues>,
    pub(crate) metrics: RefCell<Metrics>,
    pub(crate) callouts: RefCell<Callouts>,
    pub(crate) timeline: RefCell<Vec<Event>>,
    /// One of thousands: only what the plugin warns of, and its failures, are kept.
    pub(crate) lean: Cell<bool>,
    /// How many callbacks have run.
    pub(crate) callbacks: Cell<u64>,
}

impl Process {
    /// The time that guests read.
    pub(crate) fn wall_ns(&self) -> u64 {
        self.now_ns.get().saturating_add_signed(self.wall_ahead_ns.get())
    }

    pub(crate) fn record(&self, thread: Option<Thread>, kind: EventKind) {
        if self.lean.get() && !is_grave(&kind) {
            return;
        }
        let at = Timestamp(self.now_ns.get());
        self.timeline.borrow_mut().push(Event { at, thread, kind });
    }
}

/// What is kept of a host that is one of thousands.
fn is_grave(kind: &EventKind) -> bool {
    match kind {
        EventKind::Log { level, .. } => *level >= LogLevel::Warn,
        EventKind::Trap { .. } => true,
        _ => false,
    }
}
