//! Large writes, sums at the end of the range, hours that are not kept, and other layouts.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flow_model::flow::{HOUR_MS, hour_of_ms};
use flow_model::limits::MAX_COUNTER;
use flow_model::{Counters, Flow, FlowKey, Hour, Name, Reporter, Status};

use super::{ClusterStore, Name as Place, Options, cluster};
use crate::clock::now_ms;
use crate::limits::{CALL_FLOW_COST, MAX_CALL_COST, MAX_CLOCK_OFFSET, MAX_NAMED_HOURS};
use crate::metrics::Metrics;
use crate::store::cluster::layout::Shard;
use crate::store::cluster::sweep;
use crate::store::{
    ApplyError, Delivery, Instance, Origin, Progress, Selection, Store, Totals, Write, WriteKey,
};

/// Flows that do not fit into one call.
const CALL_FLOWS: usize = MAX_CALL_COST / CALL_FLOW_COST;

pub(super) fn flow(src: &str, dest: &str, hour: Hour, tx: u64) -> Flow<'static> {
    let name = |text: &str| Name::new(text.to_owned()).unwrap();
    let key = FlowKey { src_app: name(src), dest_app: name(dest), vpc_id: name("v") };
    Flow { key, hour, counters: Counters::new(tx, 1).unwrap() }
}

pub(super) fn direct(flows: Vec<Flow<'static>>) -> Write<'static> {
    Write { origin: Origin::Direct(None), flows }
}

pub(super) fn keyed(key: &str, flows: Vec<Flow<'static>>) -> Write<'static> {
    let contents = flows.iter().map(|flow| flow.counters.bytes_tx()).sum::<u64>();
    let mut fingerprint = [0; 32];
    fingerprint[..8].copy_from_slice(&contents.to_be_bytes());
    let key = WriteKey { key: key.as_bytes().to_vec(), fingerprint };
    Write { origin: Origin::Direct(Some(key)), flows }
}

pub(super) fn batch(instance: &str, sequence: u64, flows: Vec<Flow<'static>>) -> Write<'static> {
    let delivery = Delivery {
        instance: Name::new(instance.to_owned()).unwrap(),
        sequence,
        reporter: Reporter::Source,
        watermark_ms: sequence,
        lost_bytes: 0,
        folded_bytes: 0,
        ended: false,
        clock_offset_ms: None,
    };
    Write { origin: Origin::Batch(delivery), flows }
}

pub(super) async fn total(store: &dyn Store, hour: Hour) -> Totals {
    let hours = store.hours(Selection::hour(hour)).await.unwrap();
    let known = hours.first().map(|(_, totals)| *totals).unwrap_or_default();
    // What is kept as a total is what a look at every flow gives.
    let all = crate::store::GroupBy::default();
    let summary = store.summarize(Selection::hour(hour), all, Default::default(), 1).await.unwrap();
    assert_eq!(summary.total(), known);
    known
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_of_many_steps_and_shards_is_applied_once() {
    let store = Place::new().store().await;
    let flows: Vec<Flow<'static>> = (0..2 * CALL_FLOWS + 7)
        .map(|n| flow("a", &format!("d-{n}"), 1, 1))
        .chain((0..300).map(|n| flow(&format!("s-{n}"), "x", 2, 1)))
        .collect();
    let writes = || [batch("i", 1, flows.clone()), keyed("k", flows.clone())];
    for status in [Status::Applied, Status::Duplicate] {
        for write in writes() {
            assert_eq!(store.apply(write).await.unwrap().status, status);
        }
    }
    let many = 2 * CALL_FLOWS as u64 + 7;
    let totals = |flows: u64| Totals {
        flows,
        bytes_tx: 2 * u128::from(flows),
        bytes_rx: 2 * u128::from(flows),
    };
    assert_eq!(total(&store, 1).await, totals(many));
    assert_eq!(total(&store, 2).await, totals(300));
    let mut scan = store.scan(Selection::hour(1), None, None).await.unwrap();
    let mut count = 0;
    let mut last: Option<FlowKey<'static>> = None;
    while let Some(row) = scan.next().unwrap() {
        let key = row.key.into_owned();
        assert!(last.as_ref().is_none_or(|last| *last < key));
        assert_eq!(row.sides.source, Counters::new(2, 2).unwrap());
        last = Some(key);
        count += 1;
    }
    assert_eq!(count, many);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_in_one_shard_changes_nothing_in_the_others() {
    let store = Place::new().store().await;
    store.apply(direct(vec![flow("full", "x", 1, MAX_COUNTER - 1)])).await.unwrap();
    let others = (0..50).map(|n| flow(&format!("s-{n}"), "x", 1, 1));
    let flows: Vec<_> = others.chain([flow("full", "x", 1, 2)]).collect();
    let overflow = ApplyError::Overflow { index: 50, field: "bytes_tx" };
    for write in [direct(flows.clone()), batch("i", 1, flows.clone()), keyed("k", flows)] {
        assert_eq!(store.apply(write).await, Err(overflow.clone()));
    }
    assert_eq!(total(&store, 1).await.flows, 1, "of the others nothing was added");
    // A refused key is free, and a batch that follows is not held back.
    let less: Vec<_> = vec![flow("s-1", "x", 1, 1), flow("full", "x", 1, 1)];
    assert_eq!(store.apply(keyed("k", less)).await.unwrap().status, Status::Applied);
    let next = batch("i", 2, vec![flow("s-2", "x", 1, 1)]);
    assert_eq!(store.apply(next).await.unwrap().status, Status::Applied);
    assert_eq!(total(&store, 1).await.flows, 3);
}

/// Each of two steps fits, and both together do not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_twice_in_one_counter_changes_nothing() {
    let store = Place::new().store().await;
    let half = MAX_COUNTER / 2 + 1;
    let mut flows = vec![flow("a", "x", 1, half)];
    flows.extend((0..CALL_FLOWS).map(|n| flow("a", &format!("d-{n}"), 1, 1)));
    flows.push(flow("a", "x", 1, half));
    let index = flows.len() - 1;
    let overflow = ApplyError::Overflow { index, field: "bytes_tx" };
    for write in [direct(flows.clone()), batch("i", 1, flows.clone()), keyed("k", flows)] {
        assert_eq!(store.apply(write).await, Err(overflow.clone()));
        assert_eq!(store.hours(Selection::all()).await.unwrap(), []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_hours_any_can_be_read() {
    let store = Place::new().store().await;
    let hours = 3 * CALL_FLOWS as u32;
    store.apply(direct((0..hours).map(|hour| flow("a", "x", hour, 1)).collect())).await.unwrap();
    let all = store.hours(Selection::all()).await.unwrap();
    assert_eq!(
        all.iter().map(|(hour, _)| *hour).collect::<Vec<_>>(),
        (0..hours).collect::<Vec<_>>()
    );
    for range in [7..=7, 100..=100 + MAX_NAMED_HOURS, hours - 1..=Hour::MAX] {
        let some =
            store.hours(Selection { hours: range.clone(), ..Selection::all() }).await.unwrap();
        let expected: Vec<_> =
            all.iter().filter(|(hour, _)| range.contains(hour)).cloned().collect();
        assert_eq!(some, expected, "{range:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_for_one_write_whatever_its_shards() {
    let store = Place::new().store().await;
    store.apply(keyed("k", vec![flow("a", "x", 1, 1)])).await.unwrap();
    let other = store.apply(keyed("k", vec![flow("b", "x", 1, 2)])).await;
    assert_eq!(other, Err(ApplyError::KeyReused));
    assert_eq!(total(&store, 1).await.flows, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hours_that_are_not_kept_are_removed() {
    let place = Place::new();
    let options = Options { retain_hours: NonZeroU32::new(2), ..place.options() };
    let metrics = Arc::new(Metrics::new().unwrap());
    let store = ClusterStore::open(&options, Arc::clone(&metrics)).await.unwrap();
    let now = hour_of_ms(now_ms());
    let flows = |hour: Hour| (0..100).map(move |n| flow(&format!("s-{n}"), "x", hour, 1)).collect();
    for hour in [now - 2, now - 1] {
        store.apply(direct(flows(hour))).await.unwrap();
    }
    sweep::look(&store.net, &store.retention, &metrics).await.unwrap();
    assert_eq!(store.hours(Selection::all()).await.unwrap().len(), 2);
    store.apply(direct(flows(now))).await.unwrap();
    sweep::sweep(&store.net, &store.retention, &metrics).await.unwrap();
    let hours = store.hours(Selection::all()).await.unwrap();
    assert_eq!(hours.iter().map(|(hour, _)| *hour).collect::<Vec<_>>(), [now - 1, now]);
    assert_eq!(metrics.hours_pruned.get(), 1);
    // A resend of what is too old is left out, and the rest is added.
    let mixed = vec![flow("a", "x", now - 2, 1), flow("a", "x", now, 1)];
    let applied = store.apply(keyed("k", mixed.clone())).await.unwrap();
    assert_eq!((applied.status, applied.expired_flows), (Status::Applied, 1));
    let again = store.apply(keyed("k", mixed)).await.unwrap();
    assert_eq!((again.status, again.expired_flows), (Status::Duplicate, 1));
    // Nothing is left of it, also for who would keep it.
    let everything = place.store().await;
    assert_eq!(everything.hours(Selection::all()).await.unwrap().len(), 2);
}

/// Who has not heard that an hour is not kept may still write to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_that_is_written_to_while_it_is_removed_is_removed_later() {
    let place = Place::new();
    let store = Arc::new(place.store().await);
    let now = hour_of_ms(now_ms());
    let options = Options { retain_hours: NonZeroU32::new(1), ..place.options() };
    let sweeper = ClusterStore::open(&options, Arc::new(Metrics::new().unwrap())).await.unwrap();
    let writing = Arc::new(AtomicBool::new(true));
    let writer = tokio::spawn({
        let (store, writing) = (Arc::clone(&store), Arc::clone(&writing));
        async move {
            while writing.load(Ordering::Relaxed) {
                let flows = (0..400).map(|n| flow(&format!("s-{n}"), "x", now - 1, 1)).collect();
                store.apply(direct(flows)).await.unwrap();
            }
        }
    });
    store.apply(direct(vec![flow("a", "x", now, 1)])).await.unwrap();
    let metrics = Metrics::new().unwrap();
    let sweep = async || {
        let mut again = redis::cmd("DEL");
        again.arg(store.net.keys.turn(Shard(0)));
        store.net.tell(vec![(Shard(0), again)]).await.unwrap();
        sweep::sweep(&sweeper.net, &sweeper.retention, &metrics).await.unwrap();
    };
    for _ in 0..3 {
        sweep().await;
    }
    writing.store(false, Ordering::Relaxed);
    writer.await.unwrap();
    sweep().await;
    for shard in Shard::all() {
        let mut exists = redis::cmd("EXISTS");
        exists.arg(store.net.keys.sources(shard, now - 1));
        for n in 0..400 {
            exists.arg(store.net.keys.flows(shard, now - 1, &format!("s-{n}\0v")));
        }
        let left = store.net.tell(vec![(shard, exists)]).await.unwrap();
        assert_eq!(left, [redis::Value::Int(0)], "something is left in {shard:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_are_wrong_are_counted_for_all() {
    let place = Place::new();
    let [metrics, others] = [(); 2].map(|()| Arc::new(Metrics::new().unwrap()));
    let store = ClusterStore::open(&place.options(), Arc::clone(&metrics)).await.unwrap();
    let other = ClusterStore::open(&place.options(), Arc::clone(&others)).await.unwrap();
    let ms = i64::try_from(MAX_CLOCK_OFFSET.as_millis()).unwrap();
    for (id, offset_ms, ended) in
        [("a", -ms - 1, false), ("b", ms + 1, false), ("c", ms, false), ("d", 2 * ms, true)]
    {
        let mut write = batch(id, 1, Vec::new());
        if let Origin::Batch(delivery) = &mut write.origin {
            (delivery.clock_offset_ms, delivery.ended) = (Some(offset_ms), ended);
        }
        store.apply(write).await.unwrap();
    }
    sweep::sweep(&store.net, &store.retention, &metrics).await.unwrap();
    assert_eq!(metrics.skewed.get(), 2);
    sweep::sweep(&other.net, &other.retention, &others).await.unwrap();
    assert_eq!(others.skewed.get(), 2, "whose turn it was not");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_were_not_seen_for_long_are_forgotten() {
    let place = Place::new();
    let store = place.store().await;
    store.apply(batch("now", 1, vec![flow("a", "x", 1, 1)])).await.unwrap();
    let progress = store.instances(None, 9).await.unwrap()[0].progress.clone();
    let last_seen_ms = now_ms() - 24 * 7 * HOUR_MS - 1;
    let old = Instance { id: "old".to_owned(), progress: Progress { last_seen_ms, ..progress } };
    store.restore(&old).await.unwrap();
    assert_eq!(store.instances(None, 9).await.unwrap().len(), 2);
    sweep::sweep(&store.net, &store.retention, &Metrics::new().unwrap()).await.unwrap();
    let left = store.instances(None, 9).await.unwrap();
    assert_eq!(left.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["now"]);
    let resent = store.apply(batch("now", 1, vec![flow("a", "x", 1, 1)])).await.unwrap();
    assert_eq!(resent.status, Status::Duplicate);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_instance_delivered_elsewhere_is_not_added_again() {
    let store = Place::new().store().await;
    let progress = Progress {
        sequence: 7,
        reporter: Reporter::Source,
        watermark_ms: 9,
        lost_bytes: 0,
        folded_bytes: 0,
        losses: Vec::new(),
        ended: false,
        clock_offset_ms: None,
        first_hour: 1,
        last_seen_ms: now_ms(),
    };
    let moved = Instance { id: "i".to_owned(), progress };
    for _ in 0..2 {
        store.restore(&moved).await.unwrap();
        assert_eq!(store.instances(None, 9).await.unwrap(), std::slice::from_ref(&moved));
    }
    let resent = store.apply(batch("i", 7, vec![flow("a", "x", 1, 1)])).await.unwrap();
    assert_eq!(resent.status, Status::Duplicate);
    let next = store.apply(batch("i", 8, vec![flow("a", "x", 1, 1)])).await.unwrap();
    assert_eq!(next.status, Status::Applied);
    assert_eq!(total(&store, 1).await.flows, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_another_layout_is_refused() {
    let place = Place::new();
    let store = place.store().await;
    for (field, value) in [("shards", "512"), ("schema", "2")] {
        let mut change = redis::cmd("HSET");
        change.arg(store.net.keys.meta()).arg(field).arg(value);
        store.net.tell_slot(store.net.keys.meta_slot(), change).await.unwrap();
        let error = open(&place.options()).await.err().unwrap().to_string();
        assert!(error.contains(&format!("{field} {value}")), "{error}");
        let mut back = redis::cmd("HDEL");
        back.arg(store.net.keys.meta()).arg(field);
        store.net.tell_slot(store.net.keys.meta_slot(), back).await.unwrap();
    }
    assert!(open(&place.options()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_wants_copies_that_there_are_not_is_refused() {
    let options = Options { replica_acks: Some(1), ..Place::new().options() };
    let store = open(&options).await.unwrap();
    let refused = store.apply(direct(vec![flow("a", "x", 1, 1)])).await;
    let Err(ApplyError::Unavailable(reason)) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("0 of 1 copies"), "{reason}");
    let not_ready = store.ready().await.unwrap_err();
    assert!(not_ready.told.contains("replicas"), "{not_ready:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_not_there_is_an_error() {
    let target = super::Target::parse("redis://127.0.0.1:1").unwrap();
    let options = Options { target, ..Place::new().options() };
    let error = open(&options).await.err().unwrap().to_string();
    assert!(error.starts_with("127.0.0.1:1: "), "{error}");
    let _ = cluster();
}

async fn open(options: &Options) -> Result<ClusterStore, crate::store::cluster::OpenError> {
    ClusterStore::open(options, Arc::new(Metrics::new().unwrap())).await
}
