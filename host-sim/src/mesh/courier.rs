//! Carries pushes to the real server, over many connections at a time. Virtual time stands still
//! for who waits.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use super::latency::Latencies;
use crate::{
    CallRequest, CallResponse, DeferredCall,
    callouts::upstream::Client,
    limits::{MESH_RESEND_WAIT_MS, MESH_RESENDS},
};

/// What a sidecar has to send: first its calls, then what its log has left behind, one after the
/// other.
pub(super) struct Parcel {
    pub(super) calls: Vec<DeferredCall>,
    pub(super) left_behind: Vec<CallRequest>,
}

/// What came of a parcel: how often each call was taken, and the last answer.
pub(super) struct Delivered {
    pub(super) calls: Vec<(DeferredCall, u32, Option<CallResponse>)>,
    pub(super) left_behind: Vec<(CallRequest, Option<CallResponse>)>,
}

/// A parcel on its way, and to whom the answer goes: which of the threads, and which sidecar.
struct Errand {
    thread: usize,
    sidecar: usize,
    parcel: Parcel,
}

/// The queue that all connections take from.
pub(super) struct Courier {
    queue: Mutex<Queue>,
    wake: Condvar,
    pace: Option<Mutex<Pace>>,
}

#[derive(Default)]
struct Queue {
    errands: VecDeque<Errand>,
    /// Connections that wait for something to carry.
    idle: usize,
    is_closed: bool,
}

/// When the next push may leave.
struct Pace {
    interval: Duration,
    next: Instant,
}

/// Where a thread gets its answers.
pub(super) type Answers = mpsc::Receiver<(usize, Delivered)>;

impl Courier {
    pub(super) fn new(pushes_per_second: Option<f64>) -> Self {
        let pace = pushes_per_second.map(|rate| {
            Mutex::new(Pace { interval: Duration::from_secs_f64(1.0 / rate), next: Instant::now() })
        });
        Self { queue: Mutex::default(), wake: Condvar::new(), pace }
    }

    /// Sends a parcel on its way.
    pub(super) fn send(&self, thread: usize, sidecar: usize, parcel: Parcel) {
        let mut queue = self.lock();
        queue.errands.push_back(Errand { thread, sidecar, parcel });
        let is_awaited = queue.idle > 0;
        drop(queue);
        // To wake nobody costs a system call too.
        if is_awaited {
            self.wake.notify_one();
        }
    }

    /// Nothing more will be sent: the connections end.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_all();
    }

    /// One connection: carries parcels until the courier is closed.
    pub(super) fn carry(
        &self,
        receiver: &str,
        answers: &[mpsc::Sender<(usize, Delivered)>],
    ) -> Latencies {
        let client = Client::new();
        let mut latencies = Latencies::default();
        while let Some(Errand { thread, sidecar, parcel }) = self.next() {
            let delivered = self.deliver(&client, receiver, parcel, &mut latencies);
            if let Some(answers) = answers.get(thread) {
                // Who does not listen any more has failed, and says so itself.
                let _gone = answers.send((sidecar, delivered));
            }
        }
        latencies
    }

    fn deliver(
        &self,
        client: &Client,
        receiver: &str,
        parcel: Parcel,
        latencies: &mut Latencies,
    ) -> Delivered {
        let mut once = |request: &CallRequest| {
            self.wait_for_turn();
            let began = Instant::now();
            let answer = client.send(receiver, request);
            latencies.add(began.elapsed());
            answer
        };
        let calls = parcel.calls.into_iter().map(|call| {
            let (mut deliveries, mut answer) = (0, None);
            for _ in 0..call.deliveries() {
                answer = once(call.request());
                deliveries += u32::from(answer.is_some());
            }
            (call, deliveries, answer)
        });
        let calls = calls.collect();
        let left_behind = parcel.left_behind.into_iter().map(|request| {
            let mut answer = once(&request);
            for _ in 0..MESH_RESENDS {
                // As who replays a log does: until it is taken, or refused for good.
                let status = answer.as_ref().and_then(CallResponse::status);
                if status.is_some_and(|status| status < 500 && status != 429) {
                    break;
                }
                thread::sleep(Duration::from_millis(MESH_RESEND_WAIT_MS));
                answer = once(&request);
            }
            (request, answer)
        });
        Delivered { calls, left_behind: left_behind.collect() }
    }

    fn next(&self) -> Option<Errand> {
        let mut queue = self.lock();
        loop {
            if let Some(errand) = queue.errands.pop_front() {
                return Some(errand);
            }
            if queue.is_closed {
                return None;
            }
            queue.idle += 1;
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }

    fn wait_for_turn(&self) {
        let Some(pace) = &self.pace else { return };
        let turn = {
            let mut pace = pace.lock().unwrap_or_else(PoisonError::into_inner);
            // Who was late does not catch up in a rush.
            let turn = pace.next.max(Instant::now());
            pace.next = turn + pace.interval;
            turn
        };
        thread::sleep(turn.saturating_duration_since(Instant::now()));
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
