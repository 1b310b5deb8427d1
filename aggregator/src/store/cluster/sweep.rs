//! The sweeper: forgets what is too old. Every front end looks which hours are kept; one at a time
//! removes what is not. Whatever it leaves undone, the next one does.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use flow_model::Hour;
use flow_model::flow::hour_of_ms;
use redis::Value;
use tokio::time::sleep;

use super::call;
use super::layout::Shard;
use super::net::{Ask, Net};
use super::read::{self, ByShard, Hash, damaged};
use super::record::{Delivered, Said, decode};
use crate::clock::now_ms;
use crate::limits::{MAX_FORGOTTEN, MAX_STORE_PIPELINE, SWEEP_INTERVAL};
use crate::metrics::Metrics;
use crate::store::ReadError;

/// Removes a field if it still is as it was.
const FORGET: &str = "if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then \
                      return redis.call('HDEL', KEYS[1], ARGV[1]) end return 0";

/// What is kept, and from which hour on.
pub(super) struct Retention {
    pub retain_hours: Option<NonZeroU32>,
    pub dedupe_ms: u64,
    first_hour: AtomicU32,
}

impl Retention {
    pub fn new(retain_hours: Option<NonZeroU32>, dedupe_ms: u64) -> Self {
        Self { retain_hours, dedupe_ms, first_hour: AtomicU32::new(0) }
    }

    /// The first hour that is kept.
    pub fn first_hour(&self) -> Hour {
        self.first_hour.load(Ordering::Relaxed)
    }

    /// An hour has flows, so older ones may have to go.
    fn note(&self, newest: Hour) {
        let Some(retain_hours) = self.retain_hours else { return };
        let first = newest.min(hour_of_ms(now_ms())).saturating_sub(retain_hours.get() - 1);
        self.first_hour.fetch_max(first, Ordering::Relaxed);
    }
}

/// Looks which hours are kept, now.
pub(super) async fn look(
    net: &Arc<Net>,
    retention: &Retention,
    metrics: &Metrics,
) -> Result<Vec<(Hour, ByShard)>, ReadError> {
    let hours = read::hours(net, &(0..=Hour::MAX)).await?;
    metrics.hours.set(i64::try_from(hours.len()).unwrap_or(i64::MAX));
    if let Some((newest, _)) = hours.last_key_value() {
        retention.note(*newest);
    }
    let first_hour = retention.first_hour();
    Ok(hours.into_iter().take_while(|(hour, _)| *hour < first_hour).collect())
}

/// Sweeps now and then, as long as the store is there.
pub(super) async fn run(net: Weak<Net>, retention: Arc<Retention>, metrics: Arc<Metrics>) {
    loop {
        sleep(SWEEP_INTERVAL).await;
        let Some(net) = net.upgrade() else { return };
        if let Err(error) = sweep(&net, &retention, &metrics).await {
            log::warn!("what is old could not be removed: {error}");
        }
    }
}

/// Removes what is not kept, unless another front end is at it.
pub(super) async fn sweep(
    net: &Arc<Net>,
    retention: &Retention,
    metrics: &Metrics,
) -> Result<(), ReadError> {
    let old = look(net, retention, metrics).await?;
    count_instances(net, metrics).await?;
    if !take_turn(net).await? {
        return Ok(());
    }
    for (hour, totals) in &old {
        for (shard, _) in totals {
            remove_hour(net, *hour, *shard).await?;
        }
        log::info!("hour {hour} is no longer kept");
        metrics.hours_pruned.inc();
    }
    forget(net, now_ms().saturating_sub(retention.dedupe_ms)).await
}

/// Whether it is this front end's turn: nobody has swept for almost an interval.
async fn take_turn(net: &Arc<Net>) -> Result<bool, ReadError> {
    let mut command = redis::cmd("SET");
    let turn = net.keys.turn(TURN_SHARD);
    let pause = SWEEP_INTERVAL.saturating_sub(Duration::from_secs(5));
    command.arg(turn).arg(1).arg("NX").arg("EX").arg(pause.as_secs());
    let answers = net.ask(vec![(TURN_SHARD, command)]).await?;
    Ok(answers.first().is_some_and(|answer| *answer != Value::Nil))
}

/// Where it is noted that somebody sweeps.
const TURN_SHARD: Shard = Shard(0);

/// Removes the flows first and the hour last: who is interrupted leaves an hour to be removed.
async fn remove_hour(net: &Arc<Net>, hour: Hour, shard: Shard) -> Result<(), ReadError> {
    let sources = read::sources(net, hour, &[shard], &Default::default()).await?;
    let keys = sources.iter().map(|source| net.keys.flows(shard, hour, &source.packed));
    let mut asks: Vec<Ask> = keys
        .chain([net.keys.sources(shard, hour)])
        .map(|key| {
            let mut command = redis::cmd("UNLINK");
            command.arg(key);
            (shard, command)
        })
        .collect();
    let mut last = redis::cmd("HDEL");
    last.arg(net.keys.hours(shard)).arg(hour);
    while !asks.is_empty() {
        let some = asks.split_off(asks.len().saturating_sub(MAX_STORE_PIPELINE));
        net.ask(some).await?;
    }
    net.ask(vec![(shard, last)]).await.map(|_| ())
}

/// Forgets instances that were last seen before a time.
async fn forget(net: &Arc<Net>, oldest_ms: u64) -> Result<(), ReadError> {
    let mut forgotten = 0;
    for shard in Shard::all() {
        let keys = [net.keys.instances(shard), net.keys.homes(shard)];
        let hashes: Vec<Hash> = keys.iter().map(|key| Hash { shard, key: key.clone() }).collect();
        let mut asks = Vec::new();
        read::scan(net, hashes, |nth, id, record| {
            let unreadable = |_| damaged("the record of an instance");
            let last_seen_ms = match nth {
                0 => decode::<Delivered>(record).map_err(unreadable)?.map(|one| one.last_seen_ms),
                _ => decode::<Said>(record).map_err(unreadable)?.map(|one| one.last_seen_ms),
            };
            if let Some(key) = keys.get(nth).filter(|_| last_seen_ms < Some(oldest_ms)) {
                let mut command = redis::cmd("EVAL");
                command.arg(FORGET).arg(1).arg(key).arg(id).arg(record);
                asks.push((shard, command));
            }
            Ok(())
        })
        .await?;
        forgotten += asks.len();
        if !asks.is_empty() {
            net.ask(asks).await?;
        }
        if forgotten > MAX_FORGOTTEN {
            // The rest has time until the next sweep.
            return Ok(());
        }
    }
    Ok(())
}

async fn count_instances(net: &Arc<Net>, metrics: &Metrics) -> Result<(), ReadError> {
    let asks = Shard::all().map(|shard| {
        let mut command = redis::cmd("HLEN");
        command.arg(net.keys.homes(shard));
        (shard, command)
    });
    let answers = net.ask(asks.collect()).await?;
    let count: usize = answers.iter().filter_map(call::number).sum();
    metrics.instances.set(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}
