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
use super::net::Net;
use super::read::{self, ByShard, Place, SourceOfHour, damaged};
use super::record::{Delivered, Said, decode};
use crate::clock::now_ms;
use crate::limits::{LOST_AFTER, MAX_FORGOTTEN, MAX_STORE_PIPELINE, SWEEP_INTERVAL};
use crate::metrics::Metrics;
use crate::store::{Progress, ReadError};

/// Removes a field if it still is as it was.
const FORGET: &str = "if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then \
                      return redis.call('HDEL', KEYS[1], ARGV[1]) end return 0";

/// Removes the flows of a source in an hour, and the source from the hour.
const REMOVE_SOURCE: &str = "redis.call('UNLINK', KEYS[1]) \
                             return redis.call('SREM', KEYS[2], ARGV[1])";

/// Removes an hour that has no sources any more: who has not heard that it is not kept may have
/// added one.
const REMOVE_HOUR: &str = "if redis.call('EXISTS', KEYS[1]) == 0 then \
                           return redis.call('HDEL', KEYS[2], ARGV[1]) end return 0";

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
        return read_skewed(net, metrics).await.map(|_| ());
    }
    for (hour, totals) in &old {
        for (shard, _) in totals {
            remove_hour(net, *hour, *shard).await?;
        }
        log::info!("hour {hour} is no longer kept");
        metrics.hours_pruned.inc();
    }
    let skewed = forget(net, now_ms().saturating_sub(retention.dedupe_ms)).await?;
    tell_skewed(net, &skewed, metrics).await
}

/// Whether it is this front end's turn: nobody has swept for almost an interval.
async fn take_turn(net: &Arc<Net>) -> Result<bool, ReadError> {
    let mut command = redis::cmd("SET");
    let turn = net.keys.turn(TURN_SHARD);
    let pause = SWEEP_INTERVAL.saturating_sub(Duration::from_secs(5));
    command.arg(turn).arg(1).arg("NX").arg("EX").arg(pause.as_secs());
    let answers = net.tell(vec![(TURN_SHARD, command)]).await?;
    Ok(answers.first().is_some_and(|answer| *answer != Value::Nil))
}

/// Where it is noted that somebody sweeps.
const TURN_SHARD: Shard = Shard(0);

/// Removes the flows first and the hour last: who is interrupted leaves an hour to be removed.
async fn remove_hour(net: &Arc<Net>, hour: Hour, shard: Shard) -> Result<(), ReadError> {
    let found = read::sources(net, hour, &[shard], &Default::default()).await?;
    let sources = net.keys.sources(shard, hour);
    for some in found.chunks(MAX_STORE_PIPELINE) {
        let remove = |source: &SourceOfHour| {
            let mut command = redis::cmd("EVAL");
            let flows = net.keys.flows(shard, hour, &source.packed);
            command.arg(REMOVE_SOURCE).arg(2).arg(flows).arg(&sources).arg(&source.packed);
            (shard, command)
        };
        net.tell(some.iter().map(remove).collect()).await?;
    }
    let mut last = redis::cmd("EVAL");
    last.arg(REMOVE_HOUR).arg(2).arg(&sources).arg(net.keys.hours(shard)).arg(hour);
    net.tell(vec![(shard, last)]).await.map(|_| ())
}

/// The instances whose clocks are wrong, of those that report.
#[derive(Debug, Default)]
struct Skewed {
    count: i64,
    /// One of them, and how far its clock is ahead.
    example: Option<(String, i64)>,
}

impl Skewed {
    fn look(&mut self, id: &str, progress: &Progress, now_ms: u64) {
        let heard_ms = now_ms.saturating_sub(LOST_AFTER.as_millis() as u64);
        let reports = !progress.ended && progress.last_seen_ms >= heard_ms;
        let is_news = reports && progress.is_skewed();
        if let Some(offset_ms) = progress.clock_offset_ms.filter(|_| is_news) {
            self.count += 1;
            self.example.get_or_insert_with(|| (id.to_owned(), offset_ms));
        }
    }
}

/// Forgets instances that were last seen before a time; looks at the clocks of all.
async fn forget(net: &Arc<Net>, oldest_ms: u64) -> Result<Skewed, ReadError> {
    let mut skewed = Skewed::default();
    let (now_ms, mut left) = (now_ms(), MAX_FORGOTTEN);
    let unreadable = |_| damaged("the record of an instance");
    for shard in Shard::all() {
        let (parts, homes) = (net.keys.instances(shard), net.keys.homes(shard));
        let part = |record: &[u8]| {
            let part: Option<Delivered> = decode(record).map_err(unreadable)?;
            Ok((part.map(|part| part.last_seen_ms), record.to_vec()))
        };
        let home = |record: &[u8]| {
            let said: Option<Said> = decode(record).map_err(unreadable)?;
            Ok((said.map(|said| said.progress()), record.to_vec()))
        };
        let mut old: Vec<(&[u8], String, Vec<u8>)> = Vec::new();
        let place = |key: &Vec<u8>| vec![Place { shard, key: key.clone() }];
        for (id, (last_seen_ms, record)) in flat(read::fields(net, place(&parts), part).await?) {
            if last_seen_ms < Some(oldest_ms) {
                old.push((&parts, id, record));
            }
        }
        for (id, (progress, record)) in flat(read::fields(net, place(&homes), home).await?) {
            if let Some(progress) = &progress {
                skewed.look(&id, progress, now_ms);
            }
            if progress.map(|progress| progress.last_seen_ms) < Some(oldest_ms) {
                old.push((&homes, id, record));
            }
        }
        // The rest has time until the next sweep.
        old.truncate(left);
        left -= old.len();
        let asks = old.into_iter().map(|(key, id, record)| {
            let mut command = redis::cmd("EVAL");
            command.arg(FORGET).arg(1).arg(key).arg(id).arg(record);
            (shard, command)
        });
        net.tell(asks.collect()).await?;
    }
    Ok(skewed)
}

fn flat<T>(lists: Vec<Vec<T>>) -> impl Iterator<Item = T> {
    lists.into_iter().flatten()
}

/// Where it is noted, in the hash of what holds for the whole store, how many clocks are wrong.
const SKEWED_FIELD: &str = "skewed";

/// Tells all front ends how many clocks are wrong, and names one in the log if they have become
/// more.
async fn tell_skewed(net: &Arc<Net>, skewed: &Skewed, metrics: &Metrics) -> Result<(), ReadError> {
    let before = read_skewed(net, metrics).await?;
    if let Some((id, offset_ms)) = skewed.example.as_ref().filter(|_| skewed.count > before) {
        let count = skewed.count;
        log::warn!("the clocks of {count} instances are wrong: that of {id} by {offset_ms} ms");
    }
    metrics.skewed.set(skewed.count);
    let mut command = redis::cmd("HSET");
    command.arg(net.keys.meta()).arg(SKEWED_FIELD).arg(skewed.count);
    net.tell_slot(net.keys.meta_slot(), command).await.map(|_| ())
}

/// How many clocks are wrong, as who has looked last has told.
async fn read_skewed(net: &Arc<Net>, metrics: &Metrics) -> Result<i64, ReadError> {
    let mut command = redis::cmd("HGET");
    command.arg(net.keys.meta()).arg(SKEWED_FIELD);
    let told = net.tell_slot(net.keys.meta_slot(), command).await?;
    let told = call::bytes(&told).and_then(|told| std::str::from_utf8(&told).ok()?.parse().ok());
    let count = told.unwrap_or_default();
    metrics.skewed.set(count);
    Ok(count)
}

async fn count_instances(net: &Arc<Net>, metrics: &Metrics) -> Result<(), ReadError> {
    let asks = Shard::all().map(|shard| {
        let mut command = redis::cmd("HLEN");
        command.arg(net.keys.homes(shard));
        (shard, command)
    });
    let answers = net.ask(asks.collect()).await?;
    let count: usize = answers.iter().filter_map(|(answer, _)| call::number(answer)).sum();
    metrics.instances.set(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}
