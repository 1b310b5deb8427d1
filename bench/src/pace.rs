//! A writer that keeps a fixed pace, whatever else goes on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};
use crate::http::Connection;
use crate::latency::Latencies;

/// A thread that writes in the background.
pub struct PacedWriter {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Latencies>>,
}

impl PacedWriter {
    /// Sends one of `requests` after the other, and again from the first, every `interval`.
    pub fn start(address: SocketAddr, requests: Vec<Vec<u8>>, interval: Duration) -> Result<Self> {
        let mut connection = Connection::open(address)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut latencies = Latencies::default();
            let mut due = Instant::now();
            for request in requests.iter().cycle() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                sleep(due.saturating_duration_since(Instant::now()));
                let status = connection.send(request)?.status;
                if status != 200 {
                    return Err(Failure::new(format!("a write was answered with {status}")));
                }
                // From when it was due: a write that had to wait for another is late.
                latencies.push(due.elapsed());
                due += interval;
            }
            Ok(latencies)
        });
        Ok(Self { stop, thread })
    }

    /// Ends it, and gives the latencies of its writes.
    pub fn stop(self) -> Result<Latencies> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| Failure::new("the writer panicked"))?
    }
}
