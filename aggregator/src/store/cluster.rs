//! The store on a Redis Cluster (Redis 7 or later, or Valkey): any number of processes over one
//! set of data. Sharding, copies and failover are the cluster's; exactness is ours.
//!
//! The key space has a fixed number of shards, whose keys share a slot each. One script adds the
//! deltas of many writes to a shard, together with the records that tell their resends, and a
//! write counts when it has copies. docs/decisions/0010-redis-cluster.md has the reasons.

mod call;
mod cell;
mod changes;
mod connect;
mod deltas;
mod fault;
mod job;
mod known;
mod lane;
mod layout;
mod meta;
mod moving;
mod net;
mod read;
mod record;
mod scan;
mod settings;
mod summarize;
mod sweep;
mod target;
mod topology;
mod writer;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use flow_model::flow::HOUR_MS;
use flow_model::{Hour, Status};

use self::changes::Ear;
use self::connect::Connector;
use self::deltas::Deltas;
use self::layout::{Keys, Shard};
use self::net::Net;
use self::read::{Place, damaged};
use self::record::{Said, decode};
use self::scan::RowScan;
use self::sweep::Retention;
pub use self::target::{Target, TargetError};
use self::writer::{Parts, Writer};
use super::{
    Applied, ApplyError, Changes, Delivery, GroupBy, Instance, NotReady, OrderBy, Origin, Position,
    ReadError, Scan, Selection, Store, Summary, Totals, Visit, Write,
};
use crate::clock::now_ms;
use crate::limits::{LOST_AFTER, SURVEY_SHARDS};
use crate::metrics::Metrics;

/// A store on a Redis Cluster.
pub struct ClusterStore {
    net: Arc<Net>,
    writer: Arc<Writer>,
    ear: Ear,
    retention: Arc<Retention>,
    heard_until_ms: u64,
    is_closed: AtomicBool,
}

/// How a cluster is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where it is.
    pub target: Target,
    /// Certificate authorities of its nodes, PEM; none for the usual ones.
    pub authorities: Option<PathBuf>,
    /// How many copies of a write there must be; none for all that its node has, and at least one
    /// if the cluster has any.
    pub replica_acks: Option<usize>,
    /// Whether reads may be answered by copies.
    pub reads_replicas: bool,
    /// Only so many hours are kept, counted back from the newest; none keeps all.
    pub retain_hours: Option<NonZeroU32>,
    /// For so many hours it is remembered what was delivered.
    pub dedupe_hours: u32,
}

/// Why a cluster cannot be used: the reason is for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(String);

impl ClusterStore {
    /// Connects to a cluster, and makes the store in it if there is none of this name.
    ///
    /// # Errors
    /// When the cluster does not answer, or holds a store of another layout.
    pub async fn open(options: &Options, metrics: Arc<Metrics>) -> Result<Self, OpenError> {
        let Options { target, authorities, replica_acks, reads_replicas, .. } = options;
        let connector = Connector::new(target, authorities.as_deref()).map_err(OpenError)?;
        let keys = Keys::new(&target.namespace);
        let net = Net::open(connector, keys, &target.seeds, *reads_replicas);
        let net = net.await.map_err(OpenError)?;
        meta::check(&net).await.map_err(OpenError)?;
        settings::warn(&net).await;
        let dedupe_ms = u64::from(options.dedupe_hours) * HOUR_MS;
        let retention = Arc::new(Retention::new(options.retain_hours, dedupe_ms));
        let unreadable = |error: ReadError| OpenError(error.0);
        sweep::look(&net, &retention, &metrics).await.map_err(unreadable)?;
        let writer = Writer::new(
            Arc::clone(&net),
            Arc::clone(&metrics),
            *replica_acks,
            u64::from(options.dedupe_hours) * 3_600,
        );
        tokio::spawn(sweep::run(Arc::downgrade(&net), Arc::clone(&retention), metrics));
        let mut store = Self {
            net,
            writer: Arc::new(writer),
            ear: Ear::default(),
            retention,
            heard_until_ms: 0,
            is_closed: AtomicBool::new(false),
        };
        let mut heard_until_ms = 0;
        let mut note = |_: &str, progress: &super::Progress| {
            heard_until_ms = heard_until_ms.max(progress.last_seen_ms);
        };
        store.survey(&mut note).await.map_err(unreadable)?;
        store.heard_until_ms = heard_until_ms;
        Ok(store)
    }

    fn check_open(&self) -> Result<(), ReadError> {
        match self.is_closed.load(Ordering::Relaxed) {
            true => Err(ReadError("the store is closed".to_owned())),
            false => Ok(()),
        }
    }

    /// The selection without hours that are not kept: they may be there still.
    fn kept(&self, mut selection: Selection) -> Selection {
        let first = self.retention.first_hour().max(*selection.hours.start());
        selection.hours = first..=*selection.hours.end();
        selection
    }

    /// The flows of a write that are kept, by shard.
    fn parts(&self, write: &Write<'_>) -> Parts {
        let first_hour = self.retention.first_hour();
        let expired_flows = write.flows.iter().filter(|flow| flow.hour < first_hour).count();
        let steps = Deltas::split(&write.flows, write.origin.reporter(), first_hour);
        Parts::new(steps, expired_flows as u64)
    }

    fn count(&self, origin: &Counted, flows: u64, applied: &Applied) {
        let metrics = &self.writer.metrics;
        if applied.status == Status::Applied {
            metrics.flows_accepted.inc_by(flows - applied.expired_flows.min(flows));
            metrics.flows_expired.inc_by(applied.expired_flows);
        }
        if let Counted::Batch { lost_bytes, folded_bytes } = origin {
            metrics.batches.with_label_values(&[applied.status.as_str()]).inc();
            if applied.status == Status::Applied {
                for (counter, bytes) in
                    [(&metrics.lost_bytes, lost_bytes), (&metrics.folded_bytes, folded_bytes)]
                {
                    // It stops at the largest value: a counter that wraps would look like a restart.
                    counter.inc_by((*bytes).min(u64::MAX - counter.get()));
                }
            }
        }
    }
}

/// What is counted of a write.
enum Counted {
    Direct,
    Batch { lost_bytes: u64, folded_bytes: u64 },
}

#[async_trait]
impl Store for ClusterStore {
    async fn apply(&self, write: Write<'_>) -> Result<Applied, ApplyError> {
        let parts = self.parts(&write);
        let place = self.writer.enter(&parts)?;
        let flows = write.flows.len() as u64;
        let writer = Arc::clone(&self.writer);
        // It goes on, also when nobody waits for the end: half a write helps nobody.
        let (counted, outcome) = match &write.origin {
            Origin::Batch(delivery) => {
                let Delivery { lost_bytes, folded_bytes, .. } = *delivery;
                let delivery = Arc::new(delivery.clone().into_owned());
                let task = async move {
                    let _place = place;
                    writer.batch(delivery, parts).await
                };
                (Counted::Batch { lost_bytes, folded_bytes }, tokio::spawn(task))
            }
            Origin::Direct(key) => {
                let key = key.clone();
                let task = async move {
                    let _place = place;
                    writer.direct(key, parts).await
                };
                (Counted::Direct, tokio::spawn(task))
            }
            Origin::Moved { key, .. } => {
                let key = key.clone();
                let task = async move {
                    let _place = place;
                    writer.moved(key, parts).await
                };
                (Counted::Direct, tokio::spawn(task))
            }
        };
        drop(write);
        let outcome = outcome.await;
        let applied =
            outcome.unwrap_or_else(|error| Err(ApplyError::Unavailable(error.to_string())))?;
        self.count(&counted, flows, &applied);
        Ok(applied)
    }

    async fn scan(
        &self,
        selection: Selection,
        after: Option<Position>,
        limit: Option<usize>,
    ) -> Result<Box<dyn Scan>, ReadError> {
        self.check_open()?;
        let selection = self.kept(selection);
        Ok(Box::new(RowScan::open(Arc::clone(&self.net), selection, after, limit).await?))
    }

    async fn summarize(
        &self,
        selection: Selection,
        group_by: GroupBy,
        order_by: OrderBy,
        limit: usize,
    ) -> Result<Summary, ReadError> {
        self.check_open()?;
        summarize::summarize(&self.net, self.kept(selection), group_by, order_by, limit).await
    }

    async fn hours(&self, selection: Selection) -> Result<Vec<(Hour, Totals)>, ReadError> {
        self.check_open()?;
        summarize::hours(&self.net, &self.kept(selection)).await
    }

    async fn instances(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Instance>, ReadError> {
        let mut records = BTreeMap::new();
        let mut note = |id: &str, progress: &super::Progress| {
            if after.is_none_or(|after| id > after) {
                records.insert(id.to_owned(), progress.clone());
                if records.len() > limit {
                    records.pop_last();
                }
            }
        };
        self.survey(&mut note).await?;
        Ok(records.into_iter().map(|(id, progress)| Instance { id, progress }).collect())
    }

    async fn restore(&self, instance: &Instance) -> Result<(), ApplyError> {
        self.writer.restore(&instance.id, &instance.progress).await
    }

    async fn survey(&self, visit: Visit<'_>) -> Result<(), ReadError> {
        self.check_open()?;
        let shards: Vec<Shard> = Shard::all().collect();
        for some in shards.chunks(SURVEY_SHARDS) {
            let key = |shard| self.net.keys.homes(shard);
            let hashes = some.iter().map(|&shard| Place { shard, key: key(shard) });
            let said = |record: &[u8]| {
                let said: Option<Said> = decode(record).ok().flatten();
                said.ok_or_else(|| damaged("the record of an instance"))
            };
            let instances = read::fields(&self.net, hashes.collect(), said).await?;
            for (id, said) in instances.iter().flatten() {
                visit(id, &said.progress());
            }
        }
        Ok(())
    }

    fn remembers_since_ms(&self) -> u64 {
        let lost_after_ms = LOST_AFTER.as_millis() as u64;
        let retained = |hours: NonZeroU32| u64::from(hours.get()) * HOUR_MS + lost_after_ms;
        let retained_ms = self.retention.retain_hours.map_or(u64::MAX, retained);
        now_ms().saturating_sub(retained_ms.min(self.retention.dedupe_ms))
    }

    fn heard_until_ms(&self) -> u64 {
        self.heard_until_ms
    }

    async fn changes(
        &self,
        selection: Selection,
        after: Option<u64>,
    ) -> Result<Box<dyn Changes>, ReadError> {
        self.check_open()?;
        let heard = self.ear.listen(&self.net).await?;
        let follower = changes::Follower::new(Arc::clone(&self.net), heard, selection, after);
        Ok(Box::new(follower))
    }

    async fn ready(&self) -> Result<(), NotReady> {
        let is_open = self.check_open().map_err(|_| "the store is closed");
        let is_served = || self.net.check(self.writer.least_copies());
        is_open.and_then(|()| is_served()).map_err(NotReady::openly)
    }

    async fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.writer.close().await;
        self.ear.close();
    }
}

/// Locks, also after a holder has panicked: nothing here is left half-changed by code that can.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
