//! `Outcome`: what a replay has done, or would do, and what it had to leave.

use std::fmt;

use flow_model::Status;

use super::log::{Batch, Fault, Place, Waiting};
use crate::cli::error::CliError;
use crate::cli::refusal::Refusal;

/// What a replay has done, or would do.
#[derive(Default)]
pub(super) struct Outcome {
    is_rehearsal: bool,
    lines: Vec<String>,
    instances: u64,
    batches: u64,
    duplicates: u64,
    flows: u64,
    bytes: u128,
    left: Vec<String>,
    is_about_access: bool,
}

/// What was not delivered, each with its place and its reason.
#[derive(Debug)]
pub(in crate::cli) struct Shortfall {
    left: Vec<String>,
    /// What stopped the replay as a whole.
    stopped: Option<(String, Box<CliError>)>,
    is_about_access: bool,
    done: String,
}

impl Outcome {
    /// A replay of logs with these faults.
    pub fn new(faults: Vec<Fault>) -> Self {
        let left = faults.iter().map(|fault| format!("{}: {}", fault.place, fault.reason));
        Self { left: left.collect(), ..Self::default() }
    }

    /// The same, of which nothing is sent.
    pub fn rehearsal(faults: Vec<Fault>) -> Self {
        Self { is_rehearsal: true, ..Self::new(faults) }
    }

    /// A batch that the server has.
    pub fn note(&mut self, status: Status) {
        match status {
            Status::Applied => self.batches += 1,
            Status::Duplicate => self.duplicates += 1,
        }
    }

    /// The batches of an instance that would be sent.
    pub fn would_send(&mut self, instance: &Waiting) {
        let batches = instance.sendable().as_slice();
        if let (Some(first), Some(last)) = (batches.first(), batches.last()) {
            let flows: u64 = batches.iter().map(|batch| batch.flows).sum();
            let bytes: u128 = batches.iter().map(|batch| batch.bytes).sum();
            let (id, count) = (&instance.id, batches.len());
            self.lines.push(format!(
                "{id}: {count} batches, {} to {}, with {flows} flows of {bytes} bytes",
                first.sequence, last.sequence
            ));
            self.instances += 1;
            self.batches += count as u64;
            self.flows += flows;
            self.bytes += bytes;
        }
        self.held_back(&instance.id, instance.held_back());
    }

    /// A batch that the server does not want.
    pub fn refused(&mut self, place: &Place, refusal: Refusal) {
        self.is_about_access |= refusal.is_about_access();
        self.left.push(format!("{place}: {refusal}"));
    }

    /// Batches of an instance that come after one that is missing.
    pub fn held_back(&mut self, id: &str, batches: &[Batch]) {
        if let (Some(first), Some(last)) = (batches.first(), batches.last()) {
            let (count, first, last) = (batches.len(), first.sequence, last.sequence);
            self.left.push(format!(
                "{id}: {count} batches, {first} to {last}, are held back: after a later one, the \
                 server would take the missing one for a resend"
            ));
        }
    }

    /// The end of a replay: a line about it, if nothing was left.
    pub fn end(self) -> Result<String, CliError> {
        if self.left.is_empty() { Ok(self.done()) } else { Err(self.shortfall(None)) }
    }

    /// The end of a replay before all instances had their turn.
    pub fn stopped(self, place: Place, cause: CliError) -> CliError {
        self.shortfall(Some((place.to_string(), Box::new(cause))))
    }

    fn shortfall(self, stopped: Option<(String, Box<CliError>)>) -> CliError {
        let done = self.done();
        let is_about_access = self.is_about_access;
        CliError::Shortfall(Shortfall { left: self.left, stopped, is_about_access, done })
    }

    fn done(&self) -> String {
        let (batches, duplicates) = (self.batches, self.duplicates);
        if self.is_rehearsal {
            let (instances, flows, bytes) = (self.instances, self.flows, self.bytes);
            let lines: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
            return format!(
                "{lines}would replay {batches} batches of {instances} instances, with {flows} \
                 flows of {bytes} bytes"
            );
        }
        if batches + duplicates == 0 && self.left.is_empty() {
            return "there are no batches in it".to_owned();
        }
        format!("replayed {batches} batches ({duplicates} were there already)")
    }
}

impl Shortfall {
    /// The exit code of the program.
    pub fn exit_code(&self) -> u8 {
        match &self.stopped {
            Some((_, cause)) => cause.exit_code(),
            None if self.is_about_access => 3,
            None => 1,
        }
    }
}

impl Shortfall {
    /// All that is said of it, line by line.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let stopped = self.stopped.as_ref();
        let stopped =
            stopped.map(|(place, cause)| format!("{place}: {cause}; nothing was sent after it"));
        let left = self.left.iter().cloned();
        left.chain(stopped).chain(self.done.lines().map(str::to_owned))
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().collect::<Vec<_>>().join("; "))
    }
}
