//! Open-loop load: requests are sent at a fixed rate, whether or not earlier ones have been
//! answered, as many independent clients do.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Builder, sleep};
use std::time::{Duration, Instant};

use crate::failure::{Doing, Failure, Result};
use crate::http::Connection;
use crate::latency::Latencies;

/// A client needs little more than its buffers.
const STACK_BYTES: usize = 128 * 1024;

/// Enough for all clients to be started.
const SET_UP: Duration = Duration::from_secs(2);

/// What is offered.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// Requests per second, over all connections.
    pub rate: f64,
    /// How many connections there are.
    pub connections: usize,
    /// For how long.
    pub time: Duration,
}

/// What became of it.
pub struct Outcome {
    /// How often each request was acknowledged, in the order of the requests.
    pub acknowledged: Vec<AtomicU64>,
    /// Requests that were answered with 503 and a `retry-after`.
    pub refused: AtomicU64,
    /// Any other answer, and connections that broke: there should be none.
    pub faults: AtomicU64,
    /// From the sending of the acknowledged requests to their answers.
    pub accepted: Mutex<Latencies>,
    /// From the first request to the last answer.
    pub wall: Duration,
}

impl Outcome {
    /// How many requests were acknowledged.
    pub fn accepted_count(&self) -> u64 {
        self.acknowledged.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

/// Makes an offer; `requests` are sent in turn.
pub fn offer(address: SocketAddr, requests: &[Vec<u8>], offer: Offer) -> Result<Outcome> {
    let mut outcome = Outcome {
        acknowledged: requests.iter().map(|_| AtomicU64::new(0)).collect(),
        refused: AtomicU64::new(0),
        faults: AtomicU64::new(0),
        accepted: Mutex::default(),
        wall: Duration::ZERO,
    };
    let connections: Vec<Connection> =
        (0..offer.connections).map(|_| Connection::open(address)).collect::<Result<_>>()?;
    let begin = Instant::now() + SET_UP;
    std::thread::scope(|scope| {
        for (number, connection) in connections.into_iter().enumerate() {
            let client = Client { number, begin, offer, requests, outcome: &outcome };
            let thread = Builder::new().stack_size(STACK_BYTES);
            let started = thread.spawn_scoped(scope, move || client.run(connection));
            started.doing(format_args!("starting client {number}"))?;
        }
        Ok(())
    })?;
    outcome.wall = begin.elapsed();
    Ok(outcome)
}

struct Client<'a> {
    number: usize,
    begin: Instant,
    offer: Offer,
    requests: &'a [Vec<u8>],
    outcome: &'a Outcome,
}

impl Client<'_> {
    fn run(&self, mut connection: Connection) {
        let interval = Duration::from_secs_f64(self.offer.connections as f64 / self.offer.rate);
        let end = self.begin + self.offer.time;
        let mut due = self.begin + Duration::from_secs_f64(self.number as f64 / self.offer.rate);
        let mut latencies = Latencies::default();
        let mut turn = self.number;
        // A client whose last answer is late catches up, but not beyond the end.
        while due.max(Instant::now()) < end {
            sleep(due.saturating_duration_since(Instant::now()));
            if self.send(&mut connection, turn % self.requests.len(), &mut latencies).is_err() {
                self.outcome.faults.fetch_add(1, Ordering::Relaxed);
                break;
            }
            turn += self.offer.connections;
            due += interval;
        }
        if let Ok(mut accepted) = self.outcome.accepted.lock() {
            accepted.append(latencies);
        }
    }

    fn send(
        &self,
        connection: &mut Connection,
        index: usize,
        latencies: &mut Latencies,
    ) -> Result<()> {
        let missing = || Failure::new("no such request");
        let request = self.requests.get(index).ok_or_else(missing)?;
        let begin = Instant::now();
        let head = connection.send(request)?;
        match head.status {
            200 => {
                latencies.push(begin.elapsed());
                let count = self.outcome.acknowledged.get(index).ok_or_else(missing)?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            503 if head.has_retry_after => {
                self.outcome.refused.fetch_add(1, Ordering::Relaxed);
            }
            _ => {
                self.outcome.faults.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

/// How many connections this process may have beside the files it needs.
pub fn most_connections() -> Result<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").doing("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|rest| rest.split_whitespace().next()?.parse::<usize>().ok());
    Ok(soft.unwrap_or(1024).saturating_sub(100))
}
