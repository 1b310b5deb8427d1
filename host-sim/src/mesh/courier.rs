//! Carries pushes to the real servers: one thread, which polls many connections. Virtual time stands
//! still for who waits.

use std::{
    cell::Cell,
    rc::Rc,
    sync::mpsc,
    time::{Duration, Instant},
};

use tokio::{
    runtime::Runtime,
    sync::{Mutex, mpsc as queue},
    task::LocalSet,
};

use super::{
    connection::Attempt,
    latency::Latencies,
    receivers::{Lines, Receivers},
};
use crate::{
    CallRequest, CallResponse, DeferredCall,
    limits::{MESH_CATCH_UP_MS, MESH_RESEND_WAIT_MS},
    vm::meter::thread_cpu_ns,
};

/// What a sidecar has to send: first its calls, then what its log has left behind, one after the
/// other.
pub(super) struct Parcel {
    pub(super) calls: Vec<DeferredCall>,
    pub(super) left_behind: Vec<CallRequest>,
}

/// What came of a parcel: the answers to each call, one each time it was sent, none where nobody took
/// it; and the last answer to what was left behind.
pub(super) struct Delivered {
    pub(super) calls: Vec<(DeferredCall, Vec<Option<CallResponse>>)>,
    pub(super) left_behind: Vec<(CallRequest, Option<CallResponse>)>,
}

/// A parcel on its way, and to whom the answer goes: which of the threads, and which sidecar.
pub(super) struct Errand {
    pub(super) thread: usize,
    pub(super) sidecar: usize,
    pub(super) parcel: Parcel,
}

/// Where a thread puts its errands; the courier ends when all of them are gone.
pub(super) type Errands = queue::UnboundedSender<Errand>;

/// Where a thread gets its answers.
pub(super) type Answers = mpsc::Receiver<(usize, Delivered)>;

/// How fast pushes may leave.
struct Pace {
    interval: Duration,
    next: Cell<Instant>,
}

/// What all connections share.
struct Courier {
    receivers: Receivers,
    /// Since when no push has got through.
    failing_since: Cell<Option<Instant>>,
    errands: Mutex<queue::UnboundedReceiver<Errand>>,
    answers: Vec<mpsc::Sender<(usize, Delivered)>>,
    pace: Option<Pace>,
}

/// What carrying has taken.
#[derive(Default)]
pub(super) struct Carried {
    pub(super) latencies: Latencies,
    /// Processor time of the thread, in nanoseconds.
    pub(super) cpu_ns: u64,
}

/// Carries errands over so many connections, until no more can come.
pub(super) fn carry(
    runtime: &Runtime,
    receivers: Receivers,
    (errands, answers): (queue::UnboundedReceiver<Errand>, Vec<mpsc::Sender<(usize, Delivered)>>),
    (connections, pushes_per_second): (usize, Option<f64>),
) -> Carried {
    let pace = pushes_per_second.map(|rate| Pace {
        interval: Duration::from_secs_f64(1.0 / rate),
        next: Cell::new(Instant::now()),
    });
    let courier = Rc::new(Courier {
        receivers,
        failing_since: Cell::new(None),
        errands: Mutex::new(errands),
        answers,
        pace,
    });
    let set = LocalSet::new();
    let tasks: Vec<_> =
        (0..connections).map(|_| set.spawn_local(Rc::clone(&courier).carry())).collect();
    let mut carried = Carried::default();
    set.block_on(runtime, async {
        for task in tasks {
            // A connection that failed leaves errands unanswered, which its thread sees.
            if let Ok(latencies) = task.await {
                carried.latencies.merge(&latencies);
            }
        }
    });
    carried.cpu_ns = thread_cpu_ns();
    carried
}

impl Courier {
    /// One connection.
    async fn carry(self: Rc<Self>) -> Latencies {
        let mut latencies = Latencies::default();
        let mut lines = self.receivers.lines();
        loop {
            let errand = self.errands.lock().await.recv().await;
            let Some(Errand { thread, sidecar, parcel }) = errand else { return latencies };
            let delivered = self.deliver(&mut lines, parcel, &mut latencies).await;
            if let Some(answers) = self.answers.get(thread) {
                // Who does not listen any more has failed, and says so itself.
                let _gone = answers.send((sidecar, delivered));
            }
        }
    }

    async fn deliver(
        &self,
        lines: &mut Lines<'_>,
        parcel: Parcel,
        latencies: &mut Latencies,
    ) -> Delivered {
        let mut calls = Vec::with_capacity(parcel.calls.len());
        for call in parcel.calls {
            let mut answers = Vec::new();
            for _ in 0..call.deliveries() {
                answers.push(self.once(lines, call.request(), latencies).await.seen());
            }
            calls.push((call, answers));
        }
        let mut left_behind = Vec::with_capacity(parcel.left_behind.len());
        for request in parcel.left_behind {
            // As who replays a log does: until it is taken, or refused for good.
            let began = Instant::now();
            let mut attempt = self.once(lines, &request, latencies).await;
            while !attempt.is_settled() && self.is_patient(began) {
                tokio::time::sleep(Duration::from_millis(MESH_RESEND_WAIT_MS)).await;
                attempt = self.once(lines, &request, latencies).await;
            }
            left_behind.push((request, attempt.seen()));
        }
        Delivered { calls, left_behind }
    }

    async fn once(
        &self,
        lines: &mut Lines<'_>,
        request: &CallRequest,
        latencies: &mut Latencies,
    ) -> Attempt {
        if let Some(pace) = &self.pace {
            pace.wait_for_turn().await;
        }
        let began = Instant::now();
        let attempt = lines.send(request).await;
        if attempt.is_settled() {
            self.failing_since.set(None);
        } else if self.failing_since.get().is_none() {
            self.failing_since.set(Some(Instant::now()));
        }
        if matches!(attempt, Attempt::Answered(_)) {
            latencies.add(began.elapsed());
        }
        attempt
    }

    /// Whether to try again what is tried since then: not for ever, and when nobody takes anything any
    /// more, not each for itself.
    fn is_patient(&self, began: Instant) -> bool {
        let patience = self.receivers.patience();
        let is_failing = |since: Instant| since.elapsed() >= patience;
        !is_failing(began) && !self.failing_since.get().is_some_and(is_failing)
    }
}

impl Pace {
    async fn wait_for_turn(&self) {
        // Who was late a little catches up, as on a busy machine; what was missed before that is not
        // made up for in a rush.
        let late = Instant::now().checked_sub(Duration::from_millis(MESH_CATCH_UP_MS));
        let turn = late.map_or(self.next.get(), |late| self.next.get().max(late));
        self.next.set(turn + self.interval);
        tokio::time::sleep_until(turn.into()).await;
    }
}
