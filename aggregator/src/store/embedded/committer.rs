//! The committer: the one thread that writes. It takes all writes that are waiting, makes them
//! durable with one sync, adds them to memory, and then answers them.
//!
//! Being alone, it decides duplicates and overflows by looking at memory and at the group it is
//! putting together; no lock spans the sync.

mod group;
mod housekeeping;
mod inspect;

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use fjall::Slice;
use flow_model::{Hour, Status};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use self::group::{Group, Verdict};
pub(super) use self::housekeeping::Housekeeping;
use super::journal::{Dedupe, Instances, Journal, JournalError};
use super::memory::Memory;
use super::recent::Recent;
use super::{Health, lock, record};
use crate::limits::{MAX_GROUP_BYTES, MAX_GROUP_WRITES};
use crate::metrics::Metrics;
use crate::store::{Applied, ApplyError, Delivery, Instance, WriteKey};

/// A write that waits to be committed.
pub(super) struct Job {
    /// The log entry.
    pub bytes: Vec<u8>,
    /// How many flows it has.
    pub flow_count: u64,
    /// How many of the flows that came were left out, because their hours are not kept.
    pub expired_flows: u64,
    /// How many bytes the write adds to each hour, both directions together, in order of hours.
    pub hour_sums: Vec<(Hour, u128)>,
    /// How a resend is told.
    pub identity: Identity,
    /// Where the outcome goes.
    pub reply: oneshot::Sender<Result<Applied, ApplyError>>,
    /// The job's share of the queue's bytes, given back when the job is dropped.
    pub _permit: OwnedSemaphorePermit,
}

/// What tells a resend.
pub(super) enum Identity {
    None,
    Key(WriteKey),
    Batch(Delivery<'static>),
    /// What an instance had delivered to another store.
    Moved(Instance),
}

/// What the committer shares with the store.
pub(super) struct Shared {
    pub memory: Arc<Mutex<Memory>>,
    pub recent: Arc<Recent>,
    pub health: Arc<Health>,
    pub metrics: Arc<Metrics>,
}

pub(super) struct Committer {
    pub journal: Journal,
    pub memory: Arc<Mutex<Memory>>,
    pub recent: Arc<Recent>,
    pub health: Arc<Health>,
    pub metrics: Arc<Metrics>,
    pub log_index: u64,
    /// Whose threads wait for answers.
    runtime: Option<Handle>,
    pub housekeeping: Housekeeping,
}

impl Committer {
    /// Makes one that goes on after a log entry.
    pub fn new(
        journal: Journal,
        shared: Shared,
        log_index: u64,
        housekeeping: Housekeeping,
    ) -> Self {
        let Shared { memory, recent, health, metrics } = shared;
        let runtime = Handle::try_current().ok();
        Self { journal, memory, recent, health, metrics, log_index, runtime, housekeeping }
    }

    /// Commits jobs until no sender is left.
    pub fn run(mut self, queue: &Receiver<Job>) {
        loop {
            match queue.recv_timeout(self.housekeeping.patience()) {
                Ok(first) => self.process(group_with(first, queue)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.keep_house();
        }
        self.housekeeping.finish();
    }

    fn process(&mut self, jobs: Vec<Job>) {
        let mut group = Group::default();
        for job in jobs {
            let job = self.without_expired(job);
            match self.judge(&job, &group) {
                Verdict::Apply => self.admit(job, &mut group),
                Verdict::Duplicate { expired_flows } => {
                    group.duplicates.push(Job { expired_flows, ..job });
                }
                Verdict::Refuse(error) => answer(job, Err(error)),
                Verdict::Inspect => {
                    self.commit(std::mem::take(&mut group));
                    match self.inspect(&job) {
                        Ok(()) => self.admit(job, &mut group),
                        Err(error) => answer(job, Err(error)),
                    }
                    self.commit(std::mem::take(&mut group));
                }
            }
        }
        self.commit(group);
    }

    fn commit(&mut self, group: Group) {
        if group.jobs.is_empty() && group.duplicates.is_empty() {
            return;
        }
        let Group { jobs, duplicates, dedupe, .. } = group;
        let result = self.health.check().and_then(|()| {
            let value = self.make_durable(&jobs, &dedupe);
            let value = value.map_err(|error| self.fail(&error.to_string()))?;
            self.remember(&jobs, dedupe.instances, value).map_err(|error| self.fail(&error))
        });
        let mut answers = Vec::with_capacity(jobs.len() + duplicates.len());
        for (jobs, status) in [(jobs, Status::Applied), (duplicates, Status::Duplicate)] {
            for job in jobs {
                if result.is_ok() {
                    self.count(&job, status);
                }
                let applied = Applied { status, expired_flows: job.expired_flows };
                let outcome = result.clone().map(|()| applied).map_err(ApplyError::Unavailable);
                answers.push((job, outcome));
            }
        }
        self.answer(answers);
    }

    /// Makes jobs durable with one sync; gives what is in the log for them.
    fn make_durable(
        &mut self,
        jobs: &[Job],
        dedupe: &Dedupe,
    ) -> Result<Option<Slice>, JournalError> {
        if jobs.is_empty() {
            return Ok(None);
        }
        let started = Instant::now();
        let value = Slice::from(record::group::pack(jobs.iter().map(|job| &*job.bytes)));
        self.journal.commit(self.log_index + 1, value.clone(), dedupe)?;
        self.housekeeping.log_bytes += value.len() as u64;
        self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
        self.metrics.commit_writes.observe(jobs.len() as f64);
        Ok(Some(value))
    }

    fn remember(
        &mut self,
        jobs: &[Job],
        instances: Instances,
        value: Option<Slice>,
    ) -> Result<(), String> {
        let Some(value) = value else { return Ok(()) };
        self.log_index += 1;
        let mut memory = lock(&self.memory);
        for job in jobs {
            memory.add_entry(&job.bytes, self.log_index).map_err(|error| error.to_string())?;
        }
        for (id, record) in instances {
            memory.set_instance(id, record);
        }
        drop(memory);
        self.recent.publish(self.log_index, value);
        Ok(())
    }

    /// Gives jobs their answers. Waking those who wait is costly from here, and cheap from one of
    /// their own threads: one of these is woken, and wakes the others.
    fn answer(&self, answers: Vec<(Job, Result<Applied, ApplyError>)>) {
        let give = move || answers.into_iter().for_each(|(job, outcome)| answer(job, outcome));
        match &self.runtime {
            Some(runtime) => drop(runtime.spawn(async move { give() })),
            None => give(),
        }
    }

    /// Counts here, where it is known what happened: a client that has gone does not wait to see.
    fn count(&self, job: &Job, status: Status) {
        if status == Status::Applied {
            self.metrics.flows_accepted.inc_by(job.flow_count);
            self.metrics.flows_expired.inc_by(job.expired_flows);
        }
        if let Identity::Batch(delivery) = &job.identity {
            self.metrics.batches.with_label_values(&[status.as_str()]).inc();
            if status == Status::Applied {
                for (counter, bytes) in [
                    (&self.metrics.lost_bytes, delivery.lost_bytes),
                    (&self.metrics.folded_bytes, delivery.folded_bytes),
                ] {
                    // It stops at the largest value: a counter that wraps would look like a restart.
                    counter.inc_by(bytes.min(u64::MAX - counter.get()));
                }
            }
        }
    }

    /// After a failed sync nobody knows what is on disk, and after a failed addition memory and
    /// disk differ: take no more writes until a restart has read the disk.
    fn fail(&self, reason: &str) -> String {
        log::error!("the store has failed and takes no more writes until a restart: {reason}");
        self.health.fail(reason);
        reason.to_owned()
    }
}

/// A job and those that wait behind it, as many as one sync may cover.
fn group_with(first: Job, queue: &Receiver<Job>) -> Vec<Job> {
    let mut size_bytes = first.bytes.len();
    let mut jobs = vec![first];
    while jobs.len() < MAX_GROUP_WRITES && size_bytes < MAX_GROUP_BYTES {
        let Ok(job) = queue.try_recv() else { break };
        size_bytes += job.bytes.len();
        jobs.push(job);
    }
    jobs
}

fn answer(job: Job, outcome: Result<Applied, ApplyError>) {
    // The client may have gone; its write stands.
    let _ = job.reply.send(outcome);
}
