//! `Upload`: sends chunks, several at once, each until the server has it or says no to it.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::chunk::Chunk;
use super::fault::Fault;
use super::ledger::{Ledger, Receipt};
use super::progress::Progress;
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::retry::Backoff;
use crate::limits::IMPORT_ATTEMPTS;

/// How chunks are sent.
pub(super) struct Upload<'a> {
    /// To whom.
    pub client: &'a Client,
    /// What tells this import from others.
    pub label: &'a str,
    /// How many at once.
    pub parallel: u8,
    /// Where it is shown.
    pub progress: &'a Progress,
}

/// Why an upload stopped.
pub(super) enum Failure {
    /// The input cannot be read on.
    Input(Fault),
    /// A chunk was refused, or the server was not there for too long.
    Chunk {
        /// Which one.
        index: u64,
        /// Where in the input.
        place: String,
        /// Why.
        error: CliError,
    },
}

/// What the senders share.
#[derive(Default)]
struct Shared {
    ledger: Mutex<Ledger>,
    failure: Mutex<Option<Failure>>,
    is_stopped: AtomicBool,
}

impl Upload<'_> {
    /// Sends chunks until the first failure. Those that are on their way then come to their own
    /// end, and those before a fault of the input are sent.
    pub fn run(
        &self,
        chunks: impl Iterator<Item = Result<Chunk, Fault>>,
    ) -> (Ledger, Option<Failure>) {
        let shared = Shared::default();
        // No chunk waits but the one that is offered: memory is for those in flight.
        let (offer, take) = sync_channel(0);
        let take = Mutex::new(take);
        let fault = thread::scope(|scope| {
            for _ in 0..self.parallel {
                scope.spawn(|| self.work(&take, &shared));
            }
            offer_all(chunks, offer, &shared)
        });
        let Shared { ledger, failure, .. } = shared;
        let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        let ledger = ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
        (ledger, failure.or(fault.map(Failure::Input)))
    }

    /// Sends what is offered. After a failure, what is still offered is dropped.
    fn work(&self, take: &Mutex<Receiver<Chunk>>, shared: &Shared) {
        loop {
            let Ok(chunk) = lock(take).recv() else { return };
            if shared.is_stopped.load(Ordering::Relaxed) {
                continue;
            }
            match self.send(&chunk, shared) {
                Ok(receipt) => {
                    let mut ledger = lock(&shared.ledger);
                    ledger.note(&chunk, receipt);
                    self.progress.advance(&chunk, ledger.imported());
                }
                Err(error) => shared.fail(&chunk, error),
            }
        }
    }

    /// Sends a chunk until the server has it. What was sent in vain may have arrived: the key
    /// makes it count once.
    fn send(&self, chunk: &Chunk, shared: &Shared) -> Result<Receipt, CliError> {
        let key = chunk.key(self.label);
        let body = compress(&chunk.body).map_err(|error| CliError::Input(error.to_string()))?;
        let mut backoff = Backoff::default();
        loop {
            let error = match self.send_once(&key, &body) {
                Err(error) if error.is_transient() => error,
                outcome => return outcome,
            };
            let pause = backoff.after_failure(error.retry_after());
            if backoff.failures() >= IMPORT_ATTEMPTS || shared.is_stopped.load(Ordering::Relaxed) {
                return Err(error);
            }
            thread::sleep(pause);
        }
    }

    fn send_once(&self, key: &str, body: &[u8]) -> Result<Receipt, CliError> {
        let headers = [
            ("content-type", "application/x-ndjson"),
            ("content-encoding", "gzip"),
            ("idempotency-key", key),
        ];
        let answer = self.client.post("/flows", &headers, body)?;
        let mut receipt: Receipt = serde_json::from_slice(&answer.body)
            .map_err(|error| CliError::Unexpected(error.to_string()))?;
        let replayed = answer.headers.get("idempotency-replayed");
        receipt.is_replay = replayed.is_some_and(|value| value == "true");
        Ok(receipt)
    }
}

impl Shared {
    /// Stops the upload. Of several failures, the first in the input is told.
    fn fail(&self, chunk: &Chunk, error: CliError) {
        self.is_stopped.store(true, Ordering::Relaxed);
        let mut failure = lock(&self.failure);
        if let Some(Failure::Chunk { index, .. }) = &*failure
            && *index < chunk.index
        {
            return;
        }
        let place = match &error {
            CliError::Refused(refusal) => {
                chunk.place(refusal.problem.index, refusal.problem.field.as_deref())
            }
            _ => chunk.place(None, None),
        };
        *failure = Some(Failure::Chunk { index: chunk.index, place, error });
    }
}

impl Failure {
    /// The error of the command.
    pub fn into_error(self, name: &str, ledger: &Ledger) -> CliError {
        let (place, cause) = match self {
            Self::Input(fault) => (fault.place(), CliError::Input(fault.wrong.to_string())),
            Self::Chunk { place, error, .. } => (place, error),
        };
        let place = format!("{name}: {place}");
        CliError::Stopped { place, cause: Box::new(cause), done: ledger.standing() }
    }
}

/// Offers chunks until they end or the upload has stopped; gives the fault that ended them.
fn offer_all(
    chunks: impl Iterator<Item = Result<Chunk, Fault>>,
    offer: SyncSender<Chunk>,
    shared: &Shared,
) -> Option<Fault> {
    for chunk in chunks {
        match chunk {
            Err(fault) => return Some(fault),
            Ok(chunk) => {
                if shared.is_stopped.load(Ordering::Relaxed) || offer.send(chunk).is_err() {
                    return None;
                }
            }
        }
    }
    None
}

fn compress(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// What is behind these locks is whole after every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
