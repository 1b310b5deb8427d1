//! The committer: the one thread that writes. It takes all writes that are waiting, makes them
//! durable with one sync, adds them to memory, and then answers them.
//!
//! Being alone, it decides duplicates and overflows by looking at memory and at the group it is
//! putting together; no lock spans the sync.

use std::collections::{BTreeSet, HashMap};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use flow_model::limits::MAX_COUNTER;
use flow_model::{Counters, FlowKey, Hour, Status};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::checkpointer::Checkpointer;
use super::journal::{Entries, Journal, JournalError};
use super::memory::Memory;
use super::record::{self, StoredInstance};
use super::{Health, lock};
use crate::limits::{MAX_GROUP_BYTES, MAX_GROUP_WRITES};
use crate::metrics::Metrics;
use crate::store::{ApplyError, Delivery};

/// A write that waits to be committed.
pub(super) struct Job {
    /// The log entry.
    pub bytes: Vec<u8>,
    /// How many flows it has.
    pub flow_count: usize,
    /// How many bytes the write adds to each hour, both directions together.
    pub hour_sums: Vec<(Hour, u128)>,
    /// The batch that it is, or nothing for a direct write.
    pub delivery: Option<Delivery<'static>>,
    /// Where the outcome goes.
    pub reply: oneshot::Sender<Result<Status, ApplyError>>,
    /// The job's share of the queue's bytes, given back when the job is dropped.
    pub _permit: OwnedSemaphorePermit,
}

/// What to do with a job, given memory and the group so far.
enum Verdict {
    Apply,
    Duplicate,
    /// An hour's bytes come near the range of a counter: look at every key.
    Inspect,
}

/// Jobs that will be committed together.
#[derive(Default)]
struct Group {
    jobs: Vec<Job>,
    duplicates: Vec<Job>,
    instances: HashMap<String, StoredInstance>,
    hour_sums: HashMap<Hour, u128>,
}

pub(super) struct Committer {
    pub journal: Journal,
    pub memory: Arc<Mutex<Memory>>,
    pub health: Arc<Health>,
    pub metrics: Arc<Metrics>,
    pub checkpointer: Checkpointer,
    pub log_index: u64,
    /// The hours changed since the last checkpoint began.
    pub dirty: BTreeSet<Hour>,
    /// The log's growth since then, in bytes.
    pub log_bytes: u64,
}

impl Committer {
    /// Commits jobs until no sender is left.
    pub fn run(mut self, queue: &Receiver<Job>) {
        while let Ok(first) = queue.recv() {
            let mut size_bytes = first.bytes.len();
            let mut jobs = vec![first];
            while jobs.len() < MAX_GROUP_WRITES && size_bytes < MAX_GROUP_BYTES {
                let Ok(job) = queue.try_recv() else { break };
                size_bytes += job.bytes.len();
                jobs.push(job);
            }
            self.process(jobs);
            self.checkpoint_if_due();
        }
        self.checkpointer.finish();
    }

    fn process(&mut self, jobs: Vec<Job>) {
        let mut group = Group::default();
        for job in jobs {
            match self.judge(&job, &group) {
                Verdict::Apply => self.admit(job, &mut group),
                Verdict::Duplicate => group.duplicates.push(job),
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

    fn judge(&self, job: &Job, group: &Group) -> Verdict {
        if let Some(delivery) = &job.delivery
            && let Some(known) = self.delivered(delivery.instance.as_str(), group)
            && delivery.sequence <= known.sequence
        {
            return Verdict::Duplicate;
        }
        let memory = lock(&self.memory);
        let near_the_limit = job.hour_sums.iter().any(|(hour, sum)| {
            let stored = memory.table(*hour).map_or(0, |table| table.sum());
            let waiting = group.hour_sums.get(hour).copied().unwrap_or_default();
            stored + waiting + sum > u128::from(MAX_COUNTER)
        });
        if near_the_limit { Verdict::Inspect } else { Verdict::Apply }
    }

    /// What an instance has delivered, this group included.
    fn delivered(&self, id: &str, group: &Group) -> Option<StoredInstance> {
        group.instances.get(id).cloned().or_else(|| lock(&self.memory).instance(id).cloned())
    }

    fn admit(&self, job: Job, group: &mut Group) {
        for (hour, sum) in &job.hour_sums {
            *group.hour_sums.entry(*hour).or_default() += sum;
        }
        if let Some(delivery) = &job.delivery {
            let id = delivery.instance.as_str();
            let before = self.delivered(id, group);
            let after = StoredInstance::after(before.as_ref(), delivery, now_ms());
            group.instances.insert(id.to_owned(), after);
        }
        group.jobs.push(job);
    }

    /// Checks every sum of a job that is about to be committed alone.
    fn inspect(&self, job: &Job) -> Result<(), ApplyError> {
        let (reporter, flows) = record::decode_write(&job.bytes).map_err(unreadable)?;
        let memory = lock(&self.memory);
        let mut sums: HashMap<(Hour, &FlowKey<'_>), Counters> = HashMap::new();
        for (index, flow) in flows.iter().enumerate() {
            let sum = sums.entry((flow.hour, &flow.key)).or_insert_with(|| {
                let stored = memory.table(flow.hour).and_then(|table| table.find(&flow.key));
                *stored.unwrap_or_default().side_mut(reporter)
            });
            *sum = sum
                .checked_add(flow.counters)
                .map_err(|error| ApplyError::Overflow { index, field: error.field })?;
        }
        Ok(())
    }

    fn commit(&mut self, group: Group) {
        if group.jobs.is_empty() && group.duplicates.is_empty() {
            return;
        }
        let Group { jobs, duplicates, instances, .. } = group;
        let result = self.health.check().and_then(|()| {
            self.make_durable(&jobs, &instances).map_err(|error| self.fail(&error.to_string()))?;
            self.remember(&jobs, instances).map_err(|error| self.fail(&error))
        });
        for (jobs, status) in [(jobs, Status::Applied), (duplicates, Status::Duplicate)] {
            for job in jobs {
                if result.is_ok() {
                    self.count(&job, status);
                }
                answer(job, result.clone().map(|()| status).map_err(ApplyError::Unavailable));
            }
        }
    }

    fn make_durable(
        &mut self,
        jobs: &[Job],
        instances: &HashMap<String, StoredInstance>,
    ) -> Result<(), JournalError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        let log = (self.log_index + 1..).zip(jobs.iter().map(|job| job.bytes.clone()));
        let instances = instances.iter().map(|(id, record)| (id.clone(), record.clone()));
        let entries = Entries { log: log.collect(), instances: instances.collect() };
        self.journal.commit(entries)?;
        self.log_index += jobs.len() as u64;
        self.log_bytes += jobs.iter().map(|job| job.bytes.len() as u64).sum::<u64>();
        self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
        self.metrics.commit_writes.observe(jobs.len() as f64);
        Ok(())
    }

    fn remember(
        &mut self,
        jobs: &[Job],
        instances: HashMap<String, StoredInstance>,
    ) -> Result<(), String> {
        let mut memory = lock(&self.memory);
        for job in jobs {
            let (reporter, flows) =
                record::decode_write(&job.bytes).map_err(|error| error.to_string())?;
            memory.add(&flows, reporter).map_err(|error| error.to_string())?;
            self.dirty.extend(job.hour_sums.iter().map(|(hour, _)| *hour));
        }
        for (id, record) in instances {
            memory.set_instance(id, record);
        }
        Ok(())
    }

    /// Counts here, where it is known what happened: a client that has gone does not wait to see.
    fn count(&self, job: &Job, status: Status) {
        if status == Status::Applied {
            self.metrics.flows_accepted.inc_by(job.flow_count as u64);
        }
        if let Some(delivery) = &job.delivery {
            self.metrics.batches.with_label_values(&[status.as_str()]).inc();
            if status == Status::Applied {
                self.metrics.lost_bytes.inc_by(delivery.lost_bytes);
                self.metrics.folded_bytes.inc_by(delivery.folded_bytes);
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

    fn checkpoint_if_due(&mut self) {
        if self.checkpointer.is_due(self.log_bytes) && self.health.check().is_ok() {
            let mut dirty = std::mem::take(&mut self.dirty);
            dirty.extend(self.checkpointer.take_missed());
            let memory = lock(&self.memory);
            let hours = dirty.into_iter().map(|hour| (hour, memory.snapshot(hour))).collect();
            drop(memory);
            self.checkpointer.start(&self.journal, hours, self.log_index);
            self.log_bytes = 0;
        }
    }
}

fn answer(job: Job, outcome: Result<Status, ApplyError>) {
    // The client may have gone; its write stands.
    let _ = job.reply.send(outcome);
}

fn unreadable(error: record::DecodeError) -> ApplyError {
    ApplyError::Unavailable(error.to_string())
}

fn now_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}
