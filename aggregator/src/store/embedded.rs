//! The embedded store: one process, one directory.
//!
//! Hours are hash tables in memory; fjall keeps the log of writes, the dedupe records and the
//! checkpoints on disk; one committer thread groups what is waiting into one sync. The
//! measurements behind this are in docs/decisions/0001-embedded-store.md.

mod checkpointer;
mod chunked;
mod committer;
mod hour_table;
mod journal;
mod memory;
mod names;
mod read;
mod record;

use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use flow_model::{Flow, Hour, Status};
use tokio::sync::{Semaphore, oneshot};

use self::checkpointer::Checkpointer;
use self::committer::{Committer, Job};
use self::journal::Journal;
use self::memory::Memory;
use super::{
    Applied, ApplyError, Changes, Delivery, GroupBy, Instance, OrderBy, Origin, Position,
    ReadError, Scan, Selection, Store, Summary, Totals, Write,
};
use crate::limits::{MAX_QUEUED_BYTES, MAX_QUEUED_WRITES};
use crate::metrics::Metrics;

pub use self::journal::JournalError;

/// A store in one directory, which it locks.
pub struct EmbeddedStore {
    memory: Arc<Mutex<Memory>>,
    health: Arc<Health>,
    queue: Mutex<Option<SyncSender<Job>>>,
    queue_bytes: Arc<Semaphore>,
    committer: Mutex<Option<JoinHandle<()>>>,
}

impl EmbeddedStore {
    /// Opens a directory, making it if there is none, and reads what it holds.
    ///
    /// `checkpoint_bytes` is the size of the log at which the first checkpoint is written.
    ///
    /// # Errors
    /// When the directory is in use, damaged, of another format, or cannot be written.
    pub fn open(
        directory: &Path,
        checkpoint_bytes: u64,
        metrics: Arc<Metrics>,
    ) -> Result<Self, JournalError> {
        let journal = Journal::open(directory)?;
        let loaded = journal.load()?;
        let memory = Arc::new(Mutex::new(loaded.memory));
        let health = Arc::new(Health::default());
        let (sender, receiver) = sync_channel(MAX_QUEUED_WRITES);
        let committer = Committer {
            journal,
            memory: Arc::clone(&memory),
            health: Arc::clone(&health),
            metrics,
            checkpointer: Checkpointer::new(loaded.checkpoint, checkpoint_bytes),
            log_index: loaded.log_index,
            dirty: loaded.dirty.into_iter().collect(),
            log_bytes: loaded.log_bytes,
        };
        let thread = std::thread::Builder::new()
            .name("fas-committer".into())
            .spawn(move || committer.run(&receiver))?;
        Ok(Self {
            memory,
            health,
            queue: Mutex::new(Some(sender)),
            queue_bytes: Arc::new(Semaphore::new(MAX_QUEUED_BYTES)),
            committer: Mutex::new(Some(thread)),
        })
    }

    fn enqueue(&self, write: &Write<'_>) -> Result<Outcome, ApplyError> {
        let bytes = record::encode_write(write)
            .map_err(|error| ApplyError::Unavailable(error.to_string()))?;
        let permits = u32::try_from(bytes.len()).map_err(|_| ApplyError::Overloaded)?;
        let permit = Arc::clone(&self.queue_bytes)
            .try_acquire_many_owned(permits)
            .map_err(|_| ApplyError::Overloaded)?;
        let (reply, outcome) = oneshot::channel();
        let hour_sums = hour_sums(&write.flows);
        let delivery = match &write.origin {
            Origin::Direct(_) => None,
            Origin::Batch(delivery) => Some(owned(delivery)),
        };
        let flow_count = write.flows.len();
        let job = Job { bytes, flow_count, hour_sums, delivery, reply, _permit: permit };
        let queue = lock(&self.queue);
        let sender = queue.as_ref().ok_or_else(closed)?;
        match sender.try_send(job) {
            Ok(()) => Ok(outcome),
            Err(TrySendError::Full(_)) => Err(ApplyError::Overloaded),
            Err(TrySendError::Disconnected(_)) => Err(closed()),
        }
    }
}

type Outcome = oneshot::Receiver<Result<Status, ApplyError>>;

#[async_trait]
impl Store for EmbeddedStore {
    async fn apply(&self, write: Write<'_>) -> Result<Applied, ApplyError> {
        let outcome = self.enqueue(&write)?;
        let status = outcome.await.unwrap_or_else(|_| Err(closed()))?;
        Ok(Applied { status, expired_flows: 0 })
    }

    async fn scan(
        &self,
        selection: Selection,
        after: Option<Position>,
        limit: Option<usize>,
    ) -> Result<Box<dyn Scan>, ReadError> {
        let snapshots = self.snapshots(&selection);
        let rows = move || read::RowScan::new(snapshots, selection.filter, after, limit);
        Ok(Box::new(blocking(rows).await?))
    }

    async fn summarize(
        &self,
        selection: Selection,
        group_by: GroupBy,
        order_by: OrderBy,
        limit: usize,
    ) -> Result<Summary, ReadError> {
        let snapshots = self.snapshots(&selection);
        blocking(move || {
            let groups = read::groups(snapshots, &selection.filter, group_by);
            Summary::largest(groups, order_by, limit)
        })
        .await
    }

    async fn hours(&self, selection: Selection) -> Result<Vec<(Hour, Totals)>, ReadError> {
        let snapshots = self.snapshots(&selection);
        blocking(move || {
            let by_hour = GroupBy { names: [false; 3], hour: true };
            let groups = read::groups(snapshots, &selection.filter, by_hour);
            let hours = groups.into_iter().filter_map(|group| Some((group.key.hour?, group.totals)));
            let mut hours: Vec<_> = hours.collect();
            hours.sort_unstable_by_key(|(hour, _)| *hour);
            hours
        })
        .await
    }

    async fn instances(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Instance>, ReadError> {
        let memory = lock(&self.memory);
        let mut instances: Vec<Instance> = memory
            .instances()
            .filter(|(id, _)| after.is_none_or(|after| *id > after))
            .map(|(id, record)| record.named(id))
            .collect();
        instances.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        instances.truncate(limit);
        Ok(instances)
    }

    fn changes(&self, _selection: Selection, after: Option<u64>) -> Box<dyn Changes> {
        Box::new(read::NoChanges(after))
    }

    async fn ready(&self) -> Result<(), ReadError> {
        self.health.check().map_err(ReadError)?;
        if lock(&self.committer).as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(ReadError("the committer has ended".to_owned()));
        }
        Ok(())
    }

    async fn close(&self) {
        lock(&self.queue).take();
        let Some(thread) = lock(&self.committer).take() else { return };
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            log::error!("the committer did not end well");
        }
    }
}

impl EmbeddedStore {
    fn snapshots(&self, selection: &Selection) -> Vec<(Hour, hour_table::HourSnapshot)> {
        let memory = lock(&self.memory);
        let hours = memory.hours().into_iter().filter(|hour| selection.hours.contains(hour));
        hours.map(|hour| (hour, memory.snapshot(hour))).collect()
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ReadError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ReadError(error.to_string()))
}

/// Whether the store still takes writes, and why not.
#[derive(Default)]
struct Health(Mutex<Option<String>>);

impl Health {
    fn fail(&self, reason: &str) {
        lock(&self.0).get_or_insert_with(|| reason.to_owned());
    }

    fn check(&self) -> Result<(), String> {
        lock(&self.0).as_ref().map_or(Ok(()), |reason| Err(reason.clone()))
    }
}

/// Locks, also after a holder has panicked: nothing here is left half-changed by code that can.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hour_sums(flows: &[Flow<'_>]) -> Vec<(Hour, u128)> {
    let mut sums: Vec<(Hour, u128)> = Vec::new();
    for group in flows.chunk_by(|a, b| a.hour == b.hour) {
        let sum = group.iter().map(|flow| u128::from(flow.counters.bytes_total())).sum();
        sums.extend(group.first().map(|flow| (flow.hour, sum)));
    }
    // The same hour again further on is a second entry: merge, so that each hour is checked whole.
    sums.sort_unstable_by_key(|(hour, _)| *hour);
    sums.dedup_by(|(hour, sum), (kept, total)| {
        let same = hour == kept;
        if same {
            *total += *sum;
        }
        same
    });
    sums
}

fn owned(delivery: &Delivery<'_>) -> Delivery<'static> {
    Delivery {
        instance: delivery.instance.clone().into_owned(),
        sequence: delivery.sequence,
        reporter: delivery.reporter,
        watermark_ms: delivery.watermark_ms,
        lost_bytes: delivery.lost_bytes,
        folded_bytes: delivery.folded_bytes,
    }
}

fn closed() -> ApplyError {
    ApplyError::Unavailable("the store is closed".to_owned())
}

#[cfg(test)]
mod tests;
