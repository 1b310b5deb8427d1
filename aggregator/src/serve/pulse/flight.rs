//! `Flight`: a request from its head to the end of its answer. It is in flight as long as somebody
//! holds this.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::{NEVER, Pulse};

/// A request in flight.
pub(in crate::serve) struct Flight {
    pub pulse: Arc<Pulse>,
    body_bytes: AtomicUsize,
    /// Since when a piece of the answer is with HTTP, which has not come back for the next.
    offered_ms: AtomicU64,
}

impl Flight {
    pub fn new(pulse: Arc<Pulse>) -> Self {
        pulse.requests.fetch_add(1, Ordering::Relaxed);
        pulse.edge.metrics.requests_in_flight.inc();
        Self { pulse, body_bytes: AtomicUsize::new(0), offered_ms: AtomicU64::new(NEVER) }
    }

    /// Takes note that so much of the body has arrived; gives whether there is room for it. The
    /// room is given back when the flight is over, because the body lives about as long.
    pub fn received(&self, count: usize) -> bool {
        self.body_bytes.fetch_add(count, Ordering::Relaxed);
        self.pulse.edge.take_bodies_bytes(count)
    }

    /// Has the answer watched from now on: its client must come for every piece.
    pub fn watch(self: &Arc<Self>) {
        self.offer();
        self.pulse.watch(self);
    }

    /// A piece has been handed out.
    pub fn offer(&self) {
        self.offered_ms.store(self.pulse.now_ms(), Ordering::Relaxed);
    }

    /// The client has come for the next piece; it is our turn.
    pub fn asked(&self) {
        self.offered_ms.store(NEVER, Ordering::Relaxed);
    }

    pub(super) fn offered_ms(&self) -> Option<u64> {
        let ms = self.offered_ms.load(Ordering::Relaxed);
        (ms != NEVER).then_some(ms)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.pulse.edge.give_bodies_bytes(self.body_bytes.load(Ordering::Relaxed));
        self.pulse.edge.metrics.requests_in_flight.dec();
        self.pulse.requests.fetch_sub(1, Ordering::Relaxed);
    }
}
