//! What all threads of the simulated proxy share: the clock, shared data, queues, metrics,
//! clusters and the timeline. One thread of the simulator runs them all, so that a run replays
//! exactly; the cells are never borrowed while a guest runs.

use std::cell::{Cell, RefCell};

use crate::{
    callouts::Callouts,
    capability::{metrics::Metrics, queues::Queues, shared_data::SharedData},
    timeline::{Event, EventKind, Thread},
    timestamp::Timestamp,
};

#[derive(Default)]
pub(crate) struct Process {
    /// Nanoseconds since the Unix epoch, moved by the runner only.
    pub(crate) now_ns: Cell<u64>,
    pub(crate) shared_data: RefCell<SharedData>,
    pub(crate) queues: RefCell<Queues>,
    pub(crate) metrics: RefCell<Metrics>,
    pub(crate) callouts: RefCell<Callouts>,
    pub(crate) timeline: RefCell<Vec<Event>>,
}

impl Process {
    pub(crate) fn record(&self, thread: Option<Thread>, kind: EventKind) {
        let at = Timestamp(self.now_ns.get());
        self.timeline.borrow_mut().push(Event { at, thread, kind });
    }
}
