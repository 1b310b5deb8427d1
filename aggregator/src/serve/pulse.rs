//! `Pulse`: what is seen of a connection, and whether its client still plays along. The one timer
//! of a connection asks; nothing is timed by request.

mod flight;
mod verdict;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::Poll;

use tokio::time::Instant;

pub(super) use self::flight::Flight;
use self::verdict::Facts;
pub(super) use self::verdict::Verdict;
use super::edge::Edge;

/// Stands for a time that has not been.
const NEVER: u64 = u64::MAX;

/// What is seen of a connection. Times are in milliseconds since it was opened.
pub(super) struct Pulse {
    pub edge: Arc<Edge>,
    opened: Instant,
    /// When the socket last took something.
    moved_ms: AtomicU64,
    /// Since when the socket takes nothing though there is something.
    blocked_ms: AtomicU64,
    requests: AtomicUsize,
    /// The answers that are watched one by one.
    watched: Mutex<Vec<Weak<Flight>>>,
    /// Whether an answer was not sent to its end.
    broken_off: AtomicBool,
    /// Whether of a request's body not all was read.
    left_unread: AtomicBool,
}

impl Pulse {
    pub fn new(edge: Arc<Edge>) -> Self {
        edge.metrics.connections.inc();
        Self {
            edge,
            opened: Instant::now(),
            moved_ms: AtomicU64::new(0),
            blocked_ms: AtomicU64::new(NEVER),
            requests: AtomicUsize::new(0),
            watched: Mutex::default(),
            broken_off: AtomicBool::new(false),
            left_unread: AtomicBool::new(false),
        }
    }

    /// Notes that the connection ends in the middle of an answer.
    pub fn break_off(&self) {
        self.broken_off.store(true, Ordering::Relaxed);
    }

    /// Whether the connection ends in the middle of an answer.
    pub fn has_broken_off(&self) -> bool {
        self.broken_off.load(Ordering::Relaxed)
    }

    /// Notes that of a request's body not all was read.
    pub fn leave_unread(&self) {
        self.left_unread.store(true, Ordering::Relaxed);
    }

    /// Whether of some request's body not all was read.
    pub fn has_left_unread(&self) -> bool {
        self.left_unread.load(Ordering::Relaxed)
    }

    /// Whether a request is in flight.
    pub fn busy(&self) -> bool {
        self.requests.load(Ordering::Relaxed) > 0
    }

    /// Takes note of what came of a write.
    pub fn wrote(&self, outcome: &Poll<std::io::Result<usize>>) {
        match outcome {
            Poll::Ready(_) => {
                self.moved_ms.store(self.now_ms(), Ordering::Relaxed);
                self.blocked_ms.store(NEVER, Ordering::Relaxed);
            }
            Poll::Pending if self.blocked_ms.load(Ordering::Relaxed) == NEVER => {
                self.blocked_ms.store(self.now_ms(), Ordering::Relaxed);
            }
            Poll::Pending => {}
        }
    }

    /// Whether to go on with the client.
    pub fn verdict(&self) -> Verdict {
        let known = |ms: u64| (ms != NEVER).then_some(ms);
        let facts = Facts {
            now_ms: self.now_ms(),
            moved_ms: self.moved_ms.load(Ordering::Relaxed),
            blocked_ms: known(self.blocked_ms.load(Ordering::Relaxed)),
            offered_ms: self.oldest_offer_ms(),
            busy: self.busy(),
            crowded: self.edge.crowded(),
        };
        facts.verdict(&self.edge.timeouts)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }

    fn watch(&self, flight: &Arc<Flight>) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if watched.len() == watched.capacity() {
            watched.retain(|flight| flight.strong_count() > 0);
        }
        watched.push(Arc::downgrade(flight));
    }

    fn oldest_offer_ms(&self) -> Option<u64> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|flight| flight.strong_count() > 0);
        watched.iter().filter_map(|flight| flight.upgrade()?.offered_ms()).min()
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.edge.metrics.connections.dec();
    }
}
