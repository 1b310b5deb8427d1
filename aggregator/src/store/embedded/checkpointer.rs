//! The checkpointer: writes the hours that have changed to disk beside the committer, so that
//! the log, and with it a restart, stays short, and so that hours can leave memory.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flow_model::Hour;

use super::journal::checkpoint::CheckpointPlan;
use super::journal::{Journal, JournalError};
use super::record::checkpoint::{StoredCheckpoint, StoredHour};

/// How long there is none, after one that was quick.
const MIN_REST: Duration = Duration::from_secs(1);

/// How many times as long as the last one took there is none.
const REST_SHARE: u32 = 9;

type Outcome = Result<(StoredCheckpoint, u64), JournalError>;

pub(super) struct Checkpointer {
    current: StoredCheckpoint,
    /// The size of the last checkpoint: the log grows as large before the next, so that what is
    /// written twice is at most what is written once.
    size_bytes: u64,
    min_log_bytes: u64,
    phase: Phase,
    /// When the last one began, and when it had been written.
    began: Instant,
    ended: Instant,
}

enum Phase {
    Idle,
    Writing(JoinHandle<Outcome>),
    /// What it replaces is being removed. Nobody needs it: readers that began before have
    /// snapshots.
    Trimming(JoinHandle<()>),
}

/// What became of a checkpoint.
pub(super) enum Finished {
    Written,
    Failed,
}

impl Checkpointer {
    pub fn new(current: StoredCheckpoint, min_log_bytes: u64) -> Self {
        let now = Instant::now();
        let phase = Phase::Idle;
        Self { current, size_bytes: 0, min_log_bytes, phase, began: now, ended: now }
    }

    /// Whether a log of this size is due for a checkpoint.
    pub fn is_due(&self, log_bytes: u64) -> bool {
        log_bytes >= self.min_log_bytes.max(self.size_bytes)
    }

    /// Whether one that is merely welcome may be written: they take a tenth of the time at most.
    pub fn has_rested(&self) -> bool {
        let took = self.ended.saturating_duration_since(self.began);
        self.is_idle() && self.ended.elapsed() >= MIN_REST.max(took * REST_SHARE)
    }

    /// Whether none is being written.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    /// An hour of the last checkpoint.
    pub fn stored(&self, hour: Hour) -> Option<&StoredHour> {
        let hours = &self.current.hours;
        hours.get(hours.binary_search_by_key(&hour, |stored| stored.hour).ok()?)
    }

    /// The first hour that the last checkpoint has not let go.
    pub fn first_hour(&self) -> Hour {
        self.current.first_hour
    }

    /// Whether the last checkpoint still has hours before one.
    pub fn has_hours_before(&self, first_hour: Hour) -> bool {
        self.current.hours.first().is_some_and(|stored| stored.hour < first_hour)
    }

    /// Starts writing a plan; false if that is not possible.
    pub fn start(&mut self, journal: &Journal, plan: CheckpointPlan) -> bool {
        let (journal, before) = (journal.clone(), self.current.clone());
        let write = move || journal.write_checkpoint(&before, &plan);
        match std::thread::Builder::new().name("fas-checkpoint".into()).spawn(write) {
            Ok(thread) => {
                (self.phase, self.began) = (Phase::Writing(thread), Instant::now());
            }
            Err(error) => log::error!("a checkpoint could not start; the log is kept: {error}"),
        }
        !self.is_idle()
    }

    /// What became of the checkpoint that was being written, once it is known. Whoever calls
    /// this then sees to it that nobody new reads what it replaced, and calls [`Self::trim`].
    pub fn poll(&mut self) -> Option<Finished> {
        match &self.phase {
            Phase::Writing(thread) if thread.is_finished() => self.finish(),
            Phase::Trimming(thread) if thread.is_finished() => {
                self.phase = Phase::Idle;
                None
            }
            _ => None,
        }
    }

    /// Waits for what is going on; gives what became of a checkpoint.
    pub fn finish(&mut self) -> Option<Finished> {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Idle => None,
            Phase::Trimming(thread) => {
                if thread.join().is_err() {
                    log::error!("removing what a checkpoint replaced ended early");
                }
                None
            }
            Phase::Writing(thread) => {
                let outcome = thread.join();
                self.ended = Instant::now();
                Some(self.take_note(outcome))
            }
        }
    }

    fn take_note(&mut self, outcome: std::thread::Result<Outcome>) -> Finished {
        match outcome {
            Ok(Ok((checkpoint, size_bytes))) => {
                log::info!("checkpoint {} written, {size_bytes} bytes", checkpoint.generation);
                self.current = checkpoint;
                self.size_bytes = size_bytes;
                Finished::Written
            }
            Ok(Err(error)) => failed(&error.to_string()),
            Err(_) => failed("its thread ended"),
        }
    }

    /// Removes what the last checkpoint replaced.
    pub fn trim(&mut self, journal: &Journal) {
        let (journal, current) = (journal.clone(), self.current.clone());
        let trim = move || {
            // What is not removed now is removed when the directory is opened next.
            if let Err(error) = journal.trim(&current) {
                log::warn!("replaced log entries and parts could not be removed: {error}");
            }
        };
        if let Ok(thread) = std::thread::Builder::new().name("fas-trim".into()).spawn(trim) {
            self.phase = Phase::Trimming(thread);
        }
    }
}

fn failed(reason: &str) -> Finished {
    log::error!("a checkpoint failed; the log is kept: {reason}");
    Finished::Failed
}
