//! `Group`: jobs that will be committed together, and who may join.

use flow_model::Hour;
use flow_model::limits::MAX_COUNTER;
use hashbrown::HashMap;

use super::{Committer, Identity, Job};
use crate::clock::now_ms;
use crate::store::embedded::journal::Dedupe;
use crate::store::embedded::lock;
use crate::store::embedded::record::dedupe::StoredKey;
use crate::store::embedded::record::entry::{EntryReader, EntryWriter};
use crate::store::{ApplyError, Progress};

/// What to do with a job, given memory and the group so far.
pub(super) enum Verdict {
    Apply,
    Duplicate {
        expired_flows: u64,
    },
    Refuse(ApplyError),
    /// An hour's bytes come near the range of a counter: look at every key.
    Inspect,
}

#[derive(Default)]
pub(super) struct Group {
    pub jobs: Vec<Job>,
    pub duplicates: Vec<Job>,
    pub dedupe: Dedupe,
    hour_sums: HashMap<Hour, u128>,
}

impl Committer {
    pub(super) fn judge(&self, job: &Job, group: &Group) -> Verdict {
        match &job.identity {
            Identity::None => {}
            Identity::Batch(delivery) => {
                let known = self.delivered(delivery.instance.as_str(), group);
                if known.is_some_and(|known| delivery.sequence <= known.sequence) {
                    return Verdict::Duplicate { expired_flows: 0 };
                }
            }
            Identity::Moved(moved) => {
                let known = self.delivered(&moved.id, group);
                if known.is_some_and(|known| moved.progress.sequence <= known.sequence) {
                    return Verdict::Duplicate { expired_flows: 0 };
                }
            }
            Identity::Key(key) => match self.written(&key.key, group) {
                Err(error) => return Verdict::Refuse(error),
                Ok(Some(known)) if known.fingerprint != key.fingerprint => {
                    return Verdict::Refuse(ApplyError::KeyReused);
                }
                Ok(Some(known)) => {
                    return Verdict::Duplicate { expired_flows: known.expired_flows };
                }
                Ok(None) => {}
            },
        }
        let memory = lock(&self.memory);
        let near_the_limit = job.hour_sums.iter().any(|(hour, sum)| {
            let waiting = group.hour_sums.get(hour).copied().unwrap_or_default();
            memory.sum(*hour) + waiting + sum > u128::from(MAX_COUNTER)
        });
        if near_the_limit { Verdict::Inspect } else { Verdict::Apply }
    }

    /// What an instance has delivered, this group included.
    fn delivered(&self, id: &str, group: &Group) -> Option<Progress> {
        let waiting = group.dedupe.instances.get(id).cloned();
        waiting.or_else(|| lock(&self.memory).instance(id).cloned())
    }

    /// What was written under a key, this group included.
    fn written(&self, key: &[u8], group: &Group) -> Result<Option<StoredKey>, ApplyError> {
        if let Some(waiting) = group.dedupe.write_keys.get(key) {
            return Ok(Some(waiting.clone()));
        }
        let stored = self.journal.write_key(key);
        let stored = stored.map_err(|error| ApplyError::Unavailable(error.to_string()))?;
        let oldest_ms = self.housekeeping.oldest_dedupe_ms();
        Ok(stored.filter(|stored| stored.applied_ms >= oldest_ms))
    }

    pub(super) fn admit(&self, job: Job, group: &mut Group) {
        for (hour, sum) in &job.hour_sums {
            *group.hour_sums.entry(*hour).or_default() += sum;
        }
        match &job.identity {
            Identity::None => {}
            Identity::Batch(delivery) => {
                let id = delivery.instance.as_str();
                let before = self.delivered(id, group);
                let first_hour = job.hour_sums.first().map(|(hour, _)| *hour);
                let after = Progress::after(before.as_ref(), delivery, first_hour, now_ms());
                group.dedupe.instances.insert(id.to_owned(), after);
            }
            Identity::Moved(moved) => {
                group.dedupe.instances.insert(moved.id.clone(), moved.progress.clone());
            }
            Identity::Key(key) => {
                let stored = StoredKey {
                    fingerprint: key.fingerprint,
                    applied_ms: now_ms(),
                    expired_flows: job.expired_flows,
                };
                group.dedupe.write_keys.insert(key.key.clone(), stored);
            }
        }
        group.jobs.push(job);
    }

    /// The job without flows of hours that are not kept.
    pub(super) fn without_expired(&self, job: Job) -> Job {
        let first_hour = self.housekeeping.first_hour();
        if job.hour_sums.iter().all(|(hour, _)| *hour >= first_hour) {
            return job;
        }
        // What cannot be read is refused further on.
        let Ok(reader) = EntryReader::new(&job.bytes) else { return job };
        let mut kept = EntryWriter::new(reader.reporter(), 0);
        let mut flow_count = 0;
        for flow in reader.flatten().filter(|flow| flow.hour >= first_hour) {
            kept.push(flow.hour, flow.names, flow.counters);
            flow_count += 1;
        }
        let bytes = kept.finish();
        let expired_flows = job.flow_count - flow_count;
        let mut hour_sums = job.hour_sums;
        hour_sums.retain(|(hour, _)| *hour >= first_hour);
        Job { bytes, flow_count, expired_flows, hour_sums, ..job }
    }
}
