//! Instances that push batches, each over a connection of its own and one at a time, as sidecars
//! do: a batch that is refused is sent again, as it is, until it is acknowledged.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Builder, sleep};
use std::time::{Duration, Instant};

use crate::failure::{Doing, Failure, Result};
use crate::http::Connection;
use crate::latency::Latencies;

/// An instance needs little more than its buffers.
const STACK_BYTES: usize = 128 * 1024;

/// Enough for all instances to be started.
const SET_UP: Duration = Duration::from_secs(1);

/// The pause before a batch is sent again.
const PAUSE: Duration = Duration::from_millis(100);

/// How often a batch is sent before it is given up.
const ATTEMPTS: u32 = 100;

/// What the pushing took.
pub struct Pushed {
    /// From the first batch to the last acknowledgement.
    pub wall: Duration,
    /// From the first sending of each batch to its acknowledgement.
    pub latencies: Latencies,
    /// How often a batch was refused with 503.
    pub refused: u64,
}

/// Has every instance push its batches, each to one of the front ends: the next when the last is
/// acknowledged, but no sooner than `interval` after it was sent.
pub fn push(
    front_ends: &[SocketAddr],
    instances: &[Vec<Vec<u8>>],
    interval: Duration,
) -> Result<Pushed> {
    let connect = |(_, address): (_, &SocketAddr)| Connection::open(*address);
    let connections: Vec<Connection> =
        instances.iter().zip(front_ends.iter().cycle()).map(connect).collect::<Result<_>>()?;
    let (refused, begin) = (AtomicU64::new(0), Instant::now() + SET_UP);
    let count = u32::try_from(instances.len().max(1)).unwrap_or(u32::MAX);
    std::thread::scope(|scope| {
        let mut running = Vec::with_capacity(instances.len());
        for ((number, batches), connection) in (0..).zip(instances).zip(connections) {
            // They do not all push at the same moment.
            let due = begin + interval * number / count;
            let instance = Instance { connection, due, interval, refused: &refused };
            let thread = Builder::new().stack_size(STACK_BYTES);
            let started = thread.spawn_scoped(scope, move || instance.run(batches));
            running.push(started.doing(format_args!("starting instance {number}"))?);
        }
        let mut latencies = Latencies::default();
        for instance in running {
            let ended = instance.join().map_err(|_| Failure::new("an instance panicked"))?;
            latencies.append(ended?);
        }
        let refused = refused.load(Ordering::Relaxed);
        Ok(Pushed { wall: begin.elapsed(), latencies, refused })
    })
}

struct Instance<'a> {
    connection: Connection,
    /// When its next batch is to be sent.
    due: Instant,
    interval: Duration,
    refused: &'a AtomicU64,
}

impl Instance<'_> {
    fn run(mut self, batches: &[Vec<u8>]) -> Result<Latencies> {
        let mut latencies = Latencies::default();
        for batch in batches {
            sleep(self.due.saturating_duration_since(Instant::now()));
            let begin = Instant::now();
            self.deliver(batch)?;
            latencies.push(begin.elapsed());
            self.due += self.interval;
        }
        Ok(latencies)
    }

    fn deliver(&mut self, batch: &[u8]) -> Result<()> {
        for _ in 0..ATTEMPTS {
            match self.connection.send(batch)?.status {
                200 => return Ok(()),
                503 => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    sleep(PAUSE);
                }
                status => return Err(Failure::new(format!("a batch was answered with {status}"))),
            }
        }
        Err(Failure::new("a batch was refused again and again"))
    }
}
