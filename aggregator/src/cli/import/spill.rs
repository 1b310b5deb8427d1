//! `fas import --spill`: replays the batches that filters have written into Envoy's log, because
//! nobody had confirmed them when it ended. Those that had arrived are known, and count once.
//!
//! Of an instance, the server takes a sequence that is not beyond its last one for a resend. So
//! an instance's batches are sent in order, and after one that is missing its later ones are held
//! back: once the missing one is mended, all can be replayed, and none is taken for a resend.
//! Other instances go on.

mod lines;
mod log;
mod outcome;

use std::thread;

use flow_model::Status;
use flow_model::wire::decode_answer;

use self::log::{Log, Place, Waiting};
use self::outcome::Outcome;
pub(in crate::cli) use self::outcome::Shortfall;
use super::source::Source;
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::retry::Backoff;
use crate::limits::IMPORT_ATTEMPTS;

/// Replays all batches of these logs.
///
/// # Errors
/// When a log cannot be read, before anything is sent; when not all was delivered.
pub(super) fn replay(client: &Client, logs: Vec<Source>) -> Result<String, CliError> {
    let log = Log::read(logs)?;
    let mut outcome = Outcome::new(log.faults);
    for instance in log.instances {
        if let Err((place, cause)) = send_all(client, &instance, &mut outcome) {
            return Err(outcome.stopped(place, cause));
        }
    }
    outcome.end()
}

/// What a replay of these logs would send.
///
/// # Errors
/// When a log cannot be read, or not all of it could be sent.
pub(super) fn rehearse(logs: Vec<Source>) -> Result<String, CliError> {
    let log = Log::read(logs)?;
    let mut outcome = Outcome::rehearsal(log.faults);
    for instance in &log.instances {
        outcome.would_send(instance);
    }
    outcome.end()
}

/// Sends the batches of an instance until one is refused.
///
/// # Errors
/// What would meet all other batches, too, and where it was met.
fn send_all(
    client: &Client,
    instance: &Waiting,
    outcome: &mut Outcome,
) -> Result<(), (Place, CliError)> {
    let mut sendable = instance.sendable();
    while let Some(batch) = sendable.next() {
        match send(client, &batch.body) {
            Ok(status) => outcome.note(status),
            Err(CliError::Refused(refusal)) if refusal.is_about_what_is_asked() => {
                outcome.refused(&batch.place, *refusal);
                outcome.held_back(&instance.id, sendable.as_slice());
                break;
            }
            Err(cause) => return Err((batch.place.clone(), cause)),
        }
    }
    outcome.held_back(&instance.id, instance.held_back());
    Ok(())
}

fn send(client: &Client, body: &str) -> Result<Status, CliError> {
    let mut backoff = Backoff::default();
    loop {
        let headers = [("content-type", "application/json")];
        let error = match client.post("/v1/batches", &headers, body.as_bytes()) {
            Ok(answer) => {
                let answer = decode_answer(&answer.body);
                let answer = answer.map_err(|error| CliError::Unexpected(error.to_string()))?;
                return Ok(answer.status);
            }
            Err(error) if error.is_transient() => error,
            Err(error) => return Err(error),
        };
        let pause = backoff.after_failure(error.retry_after());
        if backoff.failures() >= IMPORT_ATTEMPTS {
            return Err(error);
        }
        thread::sleep(pause);
    }
}
