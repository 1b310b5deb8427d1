//! The embedded store: one process, one directory.
//!
//! Hours are hash tables in memory; fjall keeps the log of writes, the dedupe records and the
//! checkpoints on disk; one committer thread groups what is waiting into one sync. The
//! measurements behind this are in docs/decisions/0001-embedded-store.md.

mod checkpointer;
mod chunked;
mod columns;
mod committer;
mod hour;
mod hour_table;
mod hour_view;
mod journal;
mod lookup;
mod memory;
mod moving;
mod names;
mod recent;
mod record;
mod scan;
mod summarize;

#[cfg(feature = "fuzzing")]
pub(crate) use self::record::fuzz::check as fuzz_stored;

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use flow_model::flow::HOUR_MS;
use flow_model::{Flow, Hour};
use tokio::sync::{Semaphore, oneshot};

use self::checkpointer::Checkpointer;
use self::committer::{Committer, Housekeeping, Identity, Job, Shared};
use self::hour_view::HourView;
use self::journal::Journal;
use self::memory::Memory;
use self::recent::{Follower, Gatherer, Recent};
use self::record::checkpoint::StoredCheckpoint;
use self::record::entry::EntryWriter;
use self::scan::RowScan;
use super::{
    Applied, ApplyError, Changes, GroupBy, Instance, NotReady, OrderBy, Origin, Position, Progress,
    ReadError, Scan, Selection, Store, Summary, Totals, Visit, Write,
};
use crate::clock::now_ms;
use crate::limits::{
    DEFAULT_CHECKPOINT_BYTES, DEFAULT_DEDUPE_HOURS, DEFAULT_HOT_HOURS, DEFAULT_MEMORY_BUDGET,
    LOST_AFTER, MAX_QUEUED_BYTES, MAX_QUEUED_WRITES,
};
use crate::metrics::Metrics;

pub use self::journal::JournalError;

/// A store in one directory, which it locks.
pub struct EmbeddedStore {
    /// Gone when the store is closed, so that the directory is free.
    journal: Mutex<Option<Journal>>,
    memory: Arc<Mutex<Memory>>,
    recent: Arc<Recent>,
    health: Arc<Health>,
    queue: Mutex<Option<SyncSender<Job>>>,
    queue_bytes: Arc<Semaphore>,
    committer: Mutex<Option<JoinHandle<()>>>,
    remembered_ms: u64,
    heard_until_ms: u64,
}

/// What is kept, where, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The size of the log at which the first checkpoint is written, in bytes.
    pub checkpoint_bytes: u64,
    /// Only so many hours are kept, counted back from the newest; none keeps all.
    pub retain_hours: Option<NonZeroU32>,
    /// So many hours stay in memory, the last written ones.
    pub hot_hours: u32,
    /// Bytes of flows in memory beyond which hours leave it.
    pub memory_budget: u64,
    /// For so many hours it is remembered what was delivered.
    pub dedupe_hours: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            checkpoint_bytes: DEFAULT_CHECKPOINT_BYTES,
            retain_hours: None,
            hot_hours: DEFAULT_HOT_HOURS,
            memory_budget: DEFAULT_MEMORY_BUDGET,
            dedupe_hours: DEFAULT_DEDUPE_HOURS,
        }
    }
}

/// [`Options`] in the units of the code.
#[derive(Clone, Debug)]
struct Keep {
    retain_hours: Option<NonZeroU32>,
    hot_hours: usize,
    memory_budget: usize,
    dedupe_ms: u64,
}

impl Keep {
    fn of(options: &Options) -> Self {
        Self {
            retain_hours: options.retain_hours,
            hot_hours: usize::try_from(options.hot_hours).unwrap_or(usize::MAX),
            memory_budget: usize::try_from(options.memory_budget).unwrap_or(usize::MAX),
            dedupe_ms: u64::from(options.dedupe_hours) * HOUR_MS,
        }
    }

    /// For how long neither instances nor hours are forgotten. An hour that began so long ago is
    /// gone with its hour number, not with the time of who was last seen in it.
    fn remembered_ms(&self) -> u64 {
        let lost_after_ms = LOST_AFTER.as_millis() as u64;
        let retained = |hours: NonZeroU32| u64::from(hours.get()) * HOUR_MS + lost_after_ms;
        self.retain_hours.map_or(u64::MAX, retained).min(self.dedupe_ms)
    }

    /// The hours of a checkpoint that belong into memory: the last written ones.
    fn hot(&self, checkpoint: &StoredCheckpoint) -> HashSet<Hour> {
        let mut hours: Vec<_> = checkpoint.hours.iter().collect();
        hours.sort_unstable_by_key(|stored| std::cmp::Reverse((stored.last_write, stored.hour)));
        let mut left_bytes = self.memory_budget as u64;
        let fitting = hours.into_iter().take(self.hot_hours).take_while(|stored| {
            let fits = stored.flows.checked_mul(FLOW_BYTES).is_some_and(|size| size <= left_bytes);
            left_bytes -= if fits { stored.flows * FLOW_BYTES } else { 0 };
            fits
        });
        fitting.map(|stored| stored.hour).collect()
    }
}

/// What a flow takes in memory, about.
const FLOW_BYTES: u64 = 48;

impl EmbeddedStore {
    /// Opens a directory, making it if there is none, and reads what it holds.
    ///
    /// # Errors
    /// When the directory is in use, damaged, of another format, or cannot be written.
    pub fn open(
        directory: &Path,
        options: &Options,
        metrics: Arc<Metrics>,
    ) -> Result<Self, JournalError> {
        let keep = Keep::of(options);
        let remembered_ms = keep.remembered_ms();
        let journal = Journal::open(directory)?;
        let loaded = journal.load(|checkpoint| keep.hot(checkpoint))?;
        let last_seen = loaded.memory.instances().map(|(_, progress)| progress.last_seen_ms);
        let heard_until_ms = last_seen.max().unwrap_or_default();
        let memory = Arc::new(Mutex::new(loaded.memory));
        let recent = Arc::new(Recent::new(loaded.log_index));
        let health = Arc::new(Health::default());
        let (sender, receiver) = sync_channel(MAX_QUEUED_WRITES);
        let checkpointer = Checkpointer::new(loaded.checkpoint, options.checkpoint_bytes);
        let housekeeping = Housekeeping::new(keep, checkpointer, loaded.log_bytes);
        let shared = Shared {
            memory: Arc::clone(&memory),
            recent: Arc::clone(&recent),
            health: Arc::clone(&health),
            metrics,
        };
        let mut committer = Committer::new(journal.clone(), shared, loaded.log_index, housekeeping);
        // What is no longer kept is gone before anybody can read it.
        committer.keep_house();
        let thread = std::thread::Builder::new()
            .name("fas-committer".into())
            .spawn(move || committer.run(&receiver))?;
        Ok(Self {
            journal: Mutex::new(Some(journal)),
            memory,
            recent,
            health,
            queue: Mutex::new(Some(sender)),
            queue_bytes: Arc::new(Semaphore::new(MAX_QUEUED_BYTES)),
            committer: Mutex::new(Some(thread)),
            remembered_ms,
            heard_until_ms,
        })
    }

    fn enqueue(&self, write: &Write<'_>) -> Result<Outcome, ApplyError> {
        let identity = match &write.origin {
            Origin::Direct(None) => Identity::None,
            Origin::Direct(Some(key)) | Origin::Moved { key, .. } => Identity::Key(key.clone()),
            Origin::Batch(delivery) => Identity::Batch(delivery.clone().into_owned()),
        };
        self.enqueue_as(identity, write)
    }

    /// Has a write committed, if what tells its resends allows it.
    fn enqueue_as(&self, identity: Identity, write: &Write<'_>) -> Result<Outcome, ApplyError> {
        let bytes = encode(write);
        let permits = u32::try_from(bytes.len()).map_err(|_| ApplyError::Overloaded)?;
        let permit = Arc::clone(&self.queue_bytes)
            .try_acquire_many_owned(permits)
            .map_err(|_| ApplyError::Overloaded)?;
        let (reply, outcome) = oneshot::channel();
        let job = Job {
            bytes,
            flow_count: write.flows.len() as u64,
            expired_flows: 0,
            hour_sums: hour_sums(&write.flows),
            identity,
            reply,
            _permit: permit,
        };
        let queue = lock(&self.queue);
        let sender = queue.as_ref().ok_or_else(closed)?;
        match sender.try_send(job) {
            Ok(()) => Ok(outcome),
            Err(TrySendError::Full(_)) => Err(ApplyError::Overloaded),
            Err(TrySendError::Disconnected(_)) => Err(closed()),
        }
    }

    fn journal(&self) -> Result<Journal, ReadError> {
        lock(&self.journal).clone().ok_or_else(|| ReadError("the store is closed".to_owned()))
    }

    fn views(&self, selection: &Selection) -> Result<Vec<HourView>, ReadError> {
        Ok(lock(&self.memory).views(&selection.hours, &self.journal()?))
    }
}

type Outcome = oneshot::Receiver<Result<Applied, ApplyError>>;

#[async_trait]
impl Store for EmbeddedStore {
    async fn apply(&self, write: Write<'_>) -> Result<Applied, ApplyError> {
        let outcome = self.enqueue(&write)?;
        // What waits for the sync is the log entry alone.
        drop(write);
        outcome.await.unwrap_or_else(|_| Err(closed()))
    }

    async fn scan(
        &self,
        selection: Selection,
        after: Option<Position>,
        limit: Option<usize>,
    ) -> Result<Box<dyn Scan>, ReadError> {
        let views = self.views(&selection)?;
        let Selection { filter, reporter, .. } = selection;
        let scan = RowScan::new(views, filter, reporter, after, limit);
        Ok(Box::new(blocking(move || scan.open_first()).await??))
    }

    async fn summarize(
        &self,
        selection: Selection,
        group_by: GroupBy,
        order_by: OrderBy,
        limit: usize,
    ) -> Result<Summary, ReadError> {
        let views = self.views(&selection)?;
        blocking(move || summarize::summarize(&views, &selection, group_by, order_by, limit))
            .await?
    }

    async fn hours(&self, selection: Selection) -> Result<Vec<(Hour, Totals)>, ReadError> {
        let journal = self.journal()?;
        // The totals that are kept are those of all flows, reconciled.
        let hours = match selection.filter.is_empty() && selection.reporter.is_none() {
            true => lock(&self.memory).totals(&selection.hours, &journal),
            false => {
                let views = self.views(&selection)?;
                views.into_iter().map(|view| (view.hour(), Err(view))).collect()
            }
        };
        blocking(move || {
            let mut totals = Vec::with_capacity(hours.len());
            for (hour, known) in hours {
                let total = known.or_else(|view| {
                    let all = GroupBy::default();
                    summarize::summarize(&[view], &selection, all, OrderBy::default(), 0)
                        .map(|summary| summary.total())
                })?;
                if total.flows > 0 {
                    totals.push((hour, total));
                }
            }
            Ok(totals)
        })
        .await?
    }

    async fn instances(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Instance>, ReadError> {
        let memory = lock(&self.memory);
        let later = memory.instances().filter(|(id, _)| after.is_none_or(|after| *id > after));
        let mut found: Vec<_> = later.collect();
        if found.len() > limit {
            found.select_nth_unstable_by_key(limit, |(id, _)| *id);
            found.truncate(limit);
        }
        found.sort_unstable_by_key(|(id, _)| *id);
        let named = |(id, progress): (&str, &Progress)| Instance {
            id: id.to_owned(),
            progress: progress.clone(),
        };
        Ok(found.into_iter().map(named).collect())
    }

    async fn restore(&self, instance: &Instance) -> Result<(), ApplyError> {
        // It is committed with a write of nothing.
        let nothing = Write { origin: Origin::Direct(None), flows: Vec::new() };
        let outcome = self.enqueue_as(Identity::Moved(instance.clone()), &nothing)?;
        outcome.await.unwrap_or_else(|_| Err(closed())).map(|_| ())
    }

    async fn survey(&self, visit: Visit<'_>) -> Result<(), ReadError> {
        lock(&self.memory).instances().for_each(|(id, progress)| visit(id, progress));
        Ok(())
    }

    fn remembers_since_ms(&self) -> u64 {
        now_ms().saturating_sub(self.remembered_ms)
    }

    fn heard_until_ms(&self) -> u64 {
        self.heard_until_ms
    }

    async fn changes(
        &self,
        selection: Selection,
        after: Option<u64>,
    ) -> Result<Box<dyn Changes>, ReadError> {
        let journal = self.journal()?;
        let (recent, memory) = (Arc::clone(&self.recent), Arc::clone(&self.memory));
        let gatherer = Gatherer { recent, memory, journal, selection };
        Ok(Box::new(Follower::new(gatherer, after)))
    }

    async fn ready(&self) -> Result<(), NotReady> {
        self.health.check().map_err(NotReady::quietly)?;
        if lock(&self.committer).as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(NotReady::quietly("the committer has ended".to_owned()));
        }
        Ok(())
    }

    async fn close(&self) {
        lock(&self.queue).take();
        lock(&self.journal).take();
        let Some(thread) = lock(&self.committer).take() else { return };
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            log::error!("the committer did not end well");
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ReadError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ReadError(error.to_string()))
}

fn encode(write: &Write<'_>) -> Vec<u8> {
    let mut entry = EntryWriter::new(write.origin.reporter(), write.flows.len());
    for Flow { key, hour, counters } in &write.flows {
        entry.push(*hour, [&key.src_app, &key.dest_app, &key.vpc_id], *counters);
    }
    entry.finish()
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

fn closed() -> ApplyError {
    ApplyError::Unavailable("the store is closed".to_owned())
}

#[cfg(test)]
mod tests;
