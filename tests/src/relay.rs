//! A link between sidecars and aggregator that can lose an answer, and bring answers late.
//!
//! Between the moment at which the aggregator has applied a batch and the one at which its sender
//! knows, there is too little time to hit by luck; here it can be hit at will.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::deadline::wait_until;

/// A relay of TCP connections. It runs until the end of the process.
pub struct Relay {
    port: u16,
    faults: Arc<Faults>,
}

/// How many answers are to be lost, and how many have been; how late they come.
#[derive(Default)]
struct Faults {
    planned: AtomicUsize,
    done: AtomicUsize,
    delay_ms: AtomicU64,
}

impl Relay {
    /// Relays what connects to `port` to `target`, both on this machine.
    pub fn start(port: u16, target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .unwrap_or_else(|error| panic!("the relay cannot listen on port {port}: {error}"));
        let faults = Arc::new(Faults::default());
        let shared = Arc::clone(&faults);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // While the target is away, its clients' connections end at once.
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                let faults = Arc::clone(&shared);
                thread::spawn(move || relay(client, server, faults));
            }
        });
        Self { port, faults }
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Has all answers come so much later, from now on, as from an aggregator that is slow.
    pub fn delay_answers(&self, delay_ms: u64) {
        self.faults.delay_ms.store(delay_ms, Ordering::SeqCst);
    }

    /// Lets the next request through and cuts its connection when the answer comes, which is
    /// lost. Returns when that has happened.
    pub fn lose_next_answer(&self) {
        let done = self.faults.done.load(Ordering::SeqCst);
        self.faults.planned.fetch_add(1, Ordering::SeqCst);
        wait_until("an answer to lose", || self.faults.done.load(Ordering::SeqCst) > done);
    }
}

impl Faults {
    /// Whether this answer is the one to lose; says so when it is time for it.
    fn take(&self) -> bool {
        // The delay is the fault itself, and not a wait for anything.
        thread::sleep(Duration::from_millis(self.delay_ms.load(Ordering::SeqCst)));
        let less = |planned: usize| planned.checked_sub(1);
        self.planned.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
    }
}

/// Relays one connection, in both directions, until either side closes it.
fn relay(client: TcpStream, server: TcpStream, faults: Arc<Faults>) {
    let (Ok(from), Ok(to)) = (client.try_clone(), server.try_clone()) else { return };
    thread::spawn(move || copy(from, to, || false));
    let lost = Arc::clone(&faults);
    // A connection that breaks is closed on both sides, which is all that its ends are told.
    let was_lost = copy(server, client, || lost.take()).unwrap_or(false);
    if was_lost {
        faults.done.fetch_add(1, Ordering::SeqCst);
    }
}

/// Copies until the end, or until `is_lost` says of something that it is not to arrive; then
/// closes both. Returns whether something was lost.
fn copy(mut from: TcpStream, mut to: TcpStream, is_lost: impl Fn() -> bool) -> io::Result<bool> {
    let mut buffer = [0; 16_384];
    let outcome = loop {
        match from.read(&mut buffer) {
            Ok(0) => break Ok(false),
            Ok(_) if is_lost() => break Ok(true),
            Ok(length) => {
                if let Err(error) = to.write_all(&buffer[..length]) {
                    break Err(error);
                }
            }
            Err(error) => break Err(error),
        }
    };
    // They fail if the other direction has closed them already.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    outcome
}
