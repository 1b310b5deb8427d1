//! What all threads of the simulated proxy share: the clock, shared data, queues, metrics,
//! clusters and the timeline. One thread of the simulator runs them all, so that a run replays
//! exactly; the cells are never borrowed while a guest runs.

pub(crate) mod kept;

use std::cell::{Cell, RefCell};

use crate::{
    abi::LogLevel,
    callouts::Callouts,
    capability::{metrics::Metrics, queues::Queues, shared_data::SharedData},
    timeline::{Event, EventKind, Thread},
    timestamp::Timestamp,
    vm::meter::Costs,
};
use kept::Kept;

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
    timeline_bytes: Cell<u64>,
    /// What else is kept for the guests.
    pub(crate) kept: Kept,
    /// One of thousands: only what the plugin warns of, and its failures, are kept.
    pub(crate) lean: Cell<bool>,
    /// How many callbacks have run.
    pub(crate) callbacks: Cell<u64>,
    /// The fuel that they have used.
    pub(crate) fuel: Cell<u64>,
}

impl Process {
    /// The time that guests read.
    pub(crate) fn wall_ns(&self) -> u64 {
        self.now_ns.get().saturating_add_signed(self.wall_ahead_ns.get())
    }

    pub(crate) fn use_fuel(&self, fuel: u64) {
        self.fuel.set(self.fuel.get().saturating_add(fuel));
    }

    pub(crate) fn record(&self, thread: Option<Thread>, kind: EventKind) {
        if self.lean.get() && !is_grave(&kind) {
            return;
        }
        let at = Timestamp(self.now_ns.get());
        let bytes = kept::size(kind.text_bytes());
        self.timeline_bytes.set(self.timeline_bytes.get().saturating_add(bytes));
        self.timeline.borrow_mut().push(Event { at, thread, kind });
    }

    /// Forgets the timeline, and gives it.
    pub(crate) fn take_timeline(&self) -> Vec<Event> {
        self.timeline_bytes.set(0);
        self.timeline.take()
    }

    /// How many bytes are kept for the guests: what they said, sent, shared and counted.
    pub(crate) fn kept_bytes(&self) -> u64 {
        let parts = [
            self.timeline_bytes.get(),
            self.callouts.borrow().bytes(),
            self.shared_data.borrow().bytes(),
            self.queues.borrow().bytes(),
        ];
        parts.into_iter().fold(self.kept.bytes(), u64::saturating_add)
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
