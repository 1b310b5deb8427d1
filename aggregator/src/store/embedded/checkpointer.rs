//! The checkpointer: writes the hours that have changed to disk beside the committer, so that
//! the log, and with it a restart, stays short.

use std::thread::JoinHandle;

use flow_model::Hour;

use super::hour_table::HourSnapshot;
use super::journal::{Journal, JournalError};
use super::record::StoredCheckpoint;

type Outcome = Result<(StoredCheckpoint, u64), JournalError>;

pub(super) struct Checkpointer {
    current: StoredCheckpoint,
    /// The size of the last checkpoint: the log grows as large before the next, so that what is
    /// written twice is at most what is written once.
    size_bytes: u64,
    min_log_bytes: u64,
    running: Option<Run>,
    /// What a failed checkpoint would have covered.
    missed: Vec<Hour>,
}

struct Run {
    hours: Vec<Hour>,
    thread: JoinHandle<Outcome>,
}

impl Checkpointer {
    pub fn new(current: StoredCheckpoint, min_log_bytes: u64) -> Self {
        Self { current, size_bytes: 0, min_log_bytes, running: None, missed: Vec::new() }
    }

    /// Whether a log of this size is due for a checkpoint, and none is being written.
    pub fn is_due(&mut self, log_bytes: u64) -> bool {
        if self.running.as_ref().is_some_and(|run| run.thread.is_finished()) {
            self.finish();
        }
        self.running.is_none() && log_bytes >= self.min_log_bytes.max(self.size_bytes)
    }

    /// The hours that a failed checkpoint should have covered: they belong into the next.
    pub fn take_missed(&mut self) -> Vec<Hour> {
        std::mem::take(&mut self.missed)
    }

    /// Starts writing `hours`, sorted, which are as they were after log entry `log_index`.
    pub fn start(&mut self, journal: &Journal, hours: Vec<(Hour, HourSnapshot)>, log_index: u64) {
        let covered: Vec<Hour> = hours.iter().map(|(hour, _)| *hour).collect();
        let (journal, before) = (journal.clone(), self.current.clone());
        let spawned = std::thread::Builder::new()
            .name("fas-checkpoint".into())
            .spawn(move || journal.write_checkpoint(&before, &hours, log_index));
        match spawned {
            Ok(thread) => self.running = Some(Run { hours: covered, thread }),
            Err(error) => {
                log::error!("a checkpoint could not start; the log is kept: {error}");
                self.missed = covered;
            }
        }
    }

    /// Waits for the checkpoint that is being written, if any.
    pub fn finish(&mut self) {
        let Some(run) = self.running.take() else { return };
        match run.thread.join() {
            Ok(Ok((checkpoint, size_bytes))) => {
                log::info!("checkpoint {} written, {size_bytes} bytes", checkpoint.generation);
                self.current = checkpoint;
                self.size_bytes = size_bytes;
            }
            Ok(Err(error)) => self.miss(run.hours, &error.to_string()),
            Err(_) => self.miss(run.hours, "its thread ended"),
        }
    }

    fn miss(&mut self, hours: Vec<Hour>, reason: &str) {
        log::error!("a checkpoint failed; the log is kept: {reason}");
        self.missed = hours;
    }
}
