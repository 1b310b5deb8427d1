//! The contract of a store, as tests that every store passes: [`contract_tests!`] makes them for
//! one. The oracle of random runs is a `BTreeMap`.

mod instances;
mod model;
mod moves;
mod reads;
mod resends;

pub(crate) use self::instances::*;
pub(crate) use self::model::random_writes_agree_with_the_model;
pub(crate) use self::moves::*;
pub(crate) use self::reads::*;
pub(crate) use self::resends::*;

use std::sync::Arc;

use async_trait::async_trait;
use flow_model::limits::MAX_COUNTER;
use flow_model::{Counters, Flow, FlowKey, Hour, Name, Reporter, Status};

use super::{Applied, ApplyError, Delivery, Origin, Selection, Sides, Store, Totals, Write};

/// A place where a store can be opened again and again, with what it held before.
#[async_trait]
pub(crate) trait Place: Send + Sync {
    async fn open(&self) -> Arc<dyn Store>;
}

/// Makes a test of each rule of the contract; `$place` is an expression that gives a new,
/// empty [`Place`].
macro_rules! contract_tests {
    ($place:expr; $($rule:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                $crate::store::contract::$rule(&$place).await;
            }
        )+
    };
    ($place:expr) => {
        $crate::store::contract::contract_tests! { $place;
            a_scan_does_not_see_later_writes
            a_scan_sees_a_write_whole_or_not_at_all
        }
        $crate::store::contract::shared_contract_tests!($place);
    };
}
pub(crate) use contract_tests;

/// The rules that hold for stores whose scans are no snapshots, too.
macro_rules! shared_contract_tests {
    ($place:expr) => {
        $crate::store::contract::contract_tests! { $place;
            writes_add_up_and_come_back_in_key_order
            the_two_sides_are_kept_apart
            one_side_can_be_read_alone
            a_batch_is_applied_once
            one_of_many_simultaneous_deliveries_is_applied
            a_sum_beyond_the_range_is_refused_whole
            a_refused_batch_can_be_followed_by_a_good_one
            what_was_acknowledged_is_there_after_reopening
            hours_and_instances_are_listed_in_order
            what_instances_say_of_themselves_is_remembered
            a_survey_shows_every_instance
            when_somebody_was_last_heard_is_known_after_a_restart
            a_closed_store_refuses
            pages_follow_each_other_also_while_others_write
            filters_select_by_exact_names_and_prefixes
            groups_and_the_rest_add_up_to_the_whole
            followers_see_what_has_changed
            a_write_with_a_key_is_applied_once
            a_key_is_not_for_another_write
            what_is_moved_is_added_once_and_to_its_side
            what_an_instance_had_delivered_elsewhere_is_a_resend
            random_writes_agree_with_the_model
        }
    };
}
pub(crate) use shared_contract_tests;

fn key(src: &str, dest: &str, vpc: &str) -> FlowKey<'static> {
    let name = |text: &str| Name::new(text.to_owned()).unwrap();
    FlowKey { src_app: name(src), dest_app: name(dest), vpc_id: name(vpc) }
}

fn flow(key: &FlowKey<'static>, hour: Hour, tx: u64, rx: u64) -> Flow<'static> {
    Flow { key: key.clone(), hour, counters: Counters::new(tx, rx).unwrap() }
}

fn direct(flows: Vec<Flow<'static>>) -> Write<'static> {
    Write { origin: Origin::Direct(None), flows }
}

fn batch(
    instance: &str,
    sequence: u64,
    reporter: Reporter,
    flows: Vec<Flow<'static>>,
) -> Write<'static> {
    let instance = Name::new(instance.to_owned()).unwrap();
    let delivery = Delivery {
        instance,
        sequence,
        reporter,
        watermark_ms: sequence * 1000,
        lost_bytes: 5,
        folded_bytes: 7,
        ended: false,
        clock_offset_ms: None,
    };
    Write { origin: Origin::Batch(delivery), flows }
}

fn status_of(outcome: Result<Applied, ApplyError>) -> Result<Status, ApplyError> {
    outcome.map(|applied| applied.status)
}

/// An hour's rows, in the order in which they came.
async fn rows(store: &dyn Store, hour: Hour) -> Vec<(FlowKey<'static>, Sides)> {
    let mut scan = store.scan(Selection::hour(hour), None, None).await.unwrap();
    let mut rows = Vec::new();
    while let Some(row) = scan.next().unwrap() {
        rows.push((row.key.into_owned(), row.sides));
    }
    rows
}

fn sides(source: (u64, u64), destination: (u64, u64)) -> Sides {
    Sides {
        source: Counters::new(source.0, source.1).unwrap(),
        destination: Counters::new(destination.0, destination.1).unwrap(),
    }
}

pub(crate) async fn writes_add_up_and_come_back_in_key_order(place: &dyn Place) {
    let store = place.open().await;
    let keys =
        [key("a", "b-c", "v"), key("a-b", "c", "v"), key("a|b", "c", "v"), key("b", "a", "v")];
    let flows: Vec<_> = keys.iter().rev().map(|key| flow(key, 7, 1, 2)).collect();
    store.apply(direct(flows.clone())).await.unwrap();
    let twice = flows.iter().chain(&flows).cloned().collect();
    store.apply(direct(twice)).await.unwrap();
    store.apply(direct(vec![flow(&keys[0], 8, 1 << 60, 0)])).await.unwrap();
    let expected: Vec<_> = keys.iter().map(|key| (key.clone(), sides((3, 6), (0, 0)))).collect();
    assert_eq!(rows(&*store, 7).await, expected);
    assert_eq!(rows(&*store, 8).await, [(keys[0].clone(), sides((1 << 60, 0), (0, 0)))]);
    assert_eq!(rows(&*store, 9).await, []);
}

pub(crate) async fn the_two_sides_are_kept_apart(place: &dyn Place) {
    let store = place.open().await;
    let key = key("a", "b", "v");
    for (reporter, tx, rx) in [(Reporter::Source, 10, 1), (Reporter::Destination, 4, 6)] {
        let write = batch(reporter.as_str(), 1, reporter, vec![flow(&key, 1, tx, rx)]);
        store.apply(write).await.unwrap();
    }
    store.apply(direct(vec![flow(&key, 1, 1, 0)])).await.unwrap();
    let both = sides((11, 1), (4, 6));
    assert_eq!(rows(&*store, 1).await, [(key, both)]);
    assert_eq!(both.reconciled(), Counters::new(11, 6).unwrap());
}

pub(crate) async fn a_batch_is_applied_once(place: &dyn Place) {
    let key = key("a", "b", "v");
    let push = |sequence| batch("i", sequence, Reporter::Source, vec![flow(&key, 1, 1, 0)]);
    let store = place.open().await;
    for (sequence, status) in [
        (1, Status::Applied),
        (1, Status::Duplicate),
        (2, Status::Applied),
        (5, Status::Applied), // 3 and 4 were rejected on the way
        (2, Status::Duplicate),
        (5, Status::Duplicate),
    ] {
        assert_eq!(status_of(store.apply(push(sequence)).await), Ok(status), "{sequence}");
    }
    let other = batch("j", 1, Reporter::Source, vec![flow(&key, 1, 1, 0)]);
    assert_eq!(
        status_of(store.apply(other).await),
        Ok(Status::Applied),
        "each instance counts for itself"
    );
    store.close().await;
    let store = place.open().await;
    assert_eq!(status_of(store.apply(push(5)).await), Ok(Status::Duplicate), "after reopening");
    assert_eq!(status_of(store.apply(push(6)).await), Ok(Status::Applied));
    assert_eq!(rows(&*store, 1).await, [(key.clone(), sides((5, 0), (0, 0)))]);
}

pub(crate) async fn one_of_many_simultaneous_deliveries_is_applied(place: &dyn Place) {
    let store = place.open().await;
    let key = key("a", "b", "v");
    for sequence in 1..=20 {
        let mut deliveries = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let store = Arc::clone(&store);
            let write = batch("i", sequence, Reporter::Source, vec![flow(&key, 1, 1, 1)]);
            deliveries.spawn(async move { store.apply(write).await.unwrap().status });
        }
        let outcomes = deliveries.join_all().await;
        let applied = outcomes.iter().filter(|status| **status == Status::Applied).count();
        assert_eq!(applied, 1);
    }
    assert_eq!(rows(&*store, 1).await, [(key, sides((20, 20), (0, 0)))]);
}

pub(crate) async fn a_sum_beyond_the_range_is_refused_whole(place: &dyn Place) {
    let store = place.open().await;
    let (big, small) = (key("big", "b", "v"), key("small", "b", "v"));
    store.apply(direct(vec![flow(&big, 1, 0, MAX_COUNTER - 1)])).await.unwrap();
    let bad = direct(vec![flow(&small, 1, 1, 1), flow(&big, 1, 0, 1), flow(&big, 1, 5, 1)]);
    let error = ApplyError::Overflow { index: 2, field: "bytes_rx" };
    assert_eq!(store.apply(bad).await, Err(error));
    let expected = [(big.clone(), sides((0, MAX_COUNTER - 1), (0, 0)))];
    assert_eq!(rows(&*store, 1).await, expected, "nothing of it was added");
    // Other keys, the other direction, the other side and the last byte still fit.
    let fits = direct(vec![flow(&small, 1, MAX_COUNTER, 1), flow(&big, 1, MAX_COUNTER, 1)]);
    store.apply(fits).await.unwrap();
    let other = batch("i", 1, Reporter::Destination, vec![flow(&big, 1, MAX_COUNTER, 9)]);
    store.apply(other).await.unwrap();
    let full = sides((MAX_COUNTER, MAX_COUNTER), (MAX_COUNTER, 9));
    assert_eq!(rows(&*store, 1).await[0], (big.clone(), full));
    assert!(store.apply(direct(vec![flow(&big, 1, 1, 0)])).await.is_err());
    store.close().await;
    assert_eq!(rows(&*place.open().await, 1).await[0], (big, full));
}

pub(crate) async fn a_refused_batch_can_be_followed_by_a_good_one(place: &dyn Place) {
    let store = place.open().await;
    let key = key("a", "b", "v");
    let push = |sequence, tx| batch("i", sequence, Reporter::Source, vec![flow(&key, 1, tx, 0)]);
    store.apply(push(1, MAX_COUNTER)).await.unwrap();
    assert!(matches!(store.apply(push(2, 1)).await, Err(ApplyError::Overflow { .. })));
    assert_eq!(
        status_of(store.apply(push(2, 0)).await),
        Ok(Status::Applied),
        "2 was not noted as delivered"
    );
}

pub(crate) async fn what_was_acknowledged_is_there_after_reopening(place: &dyn Place) {
    let key = key("a", "b", "v");
    for round in 1..=5 {
        let store = place.open().await;
        for _ in 0..10 {
            store.apply(direct(vec![flow(&key, round, 1, 2), flow(&key, 0, 1, 0)])).await.unwrap();
        }
        store.close().await;
        drop(store);
        let store = place.open().await;
        assert_eq!(rows(&*store, round).await, [(key.clone(), sides((10, 20), (0, 0)))]);
        let all = u64::from(round) * 10;
        assert_eq!(rows(&*store, 0).await, [(key.clone(), sides((all, 0), (0, 0)))]);
        store.close().await;
    }
}

pub(crate) async fn a_scan_does_not_see_later_writes(place: &dyn Place) {
    let store = place.open().await;
    let keys: Vec<_> = (0..3000).map(|n| key(&format!("app-{n:04}"), "b", "v")).collect();
    let all = || direct(keys.iter().map(|key| flow(key, 1, 1, 1)).collect());
    store.apply(all()).await.unwrap();
    let mut scan = store.scan(Selection::hour(1), None, None).await.unwrap();
    store.apply(all()).await.unwrap();
    store.apply(direct(vec![flow(&key("app-0000x", "b", "v"), 1, 1, 1)])).await.unwrap();
    for key in &keys {
        let row = scan.next().unwrap().unwrap();
        assert_eq!((&row.key, row.sides), (key, sides((1, 1), (0, 0))));
    }
    assert!(scan.next().unwrap().is_none());
    assert_eq!(rows(&*store, 1).await.len(), 3001);
}

pub(crate) async fn a_scan_sees_a_write_whole_or_not_at_all(place: &dyn Place) {
    let store = place.open().await;
    let (a, z) = (key("a", "b", "v"), key("z", "b", "v"));
    let writer = {
        let (store, a, z) = (Arc::clone(&store), a.clone(), z.clone());
        tokio::spawn(async move {
            for _ in 0..200 {
                store.apply(direct(vec![flow(&a, 1, 1, 0), flow(&z, 1, 1, 0)])).await.unwrap();
            }
        })
    };
    while !writer.is_finished() {
        let rows = rows(&*store, 1).await;
        if let [(_, first), (_, last)] = rows.as_slice() {
            assert_eq!(first, last);
        } else {
            assert_eq!(rows, []);
        }
    }
    writer.await.unwrap();
}

pub(crate) async fn hours_and_instances_are_listed_in_order(place: &dyn Place) {
    let store = place.open().await;
    let key = key("a", "b", "v");
    for (instance, sequence, hour) in [("j", 1, Hour::MAX), ("i", 1, 0), ("i", 3, 5)] {
        let flows = vec![flow(&key, hour, 1, 1)];
        store.apply(batch(instance, sequence, Reporter::Destination, flows)).await.unwrap();
    }
    store.apply(batch("empty", 1, Reporter::Source, Vec::new())).await.unwrap();
    let mut store = store;
    for _ in 0..2 {
        let totals = Totals { flows: 1, bytes_tx: 1, bytes_rx: 1 };
        let hours = store.hours(Selection::all()).await.unwrap();
        assert_eq!(hours, [0, 5, Hour::MAX].map(|hour| (hour, totals)));
        let instances = store.instances(None, 10).await.unwrap();
        let known: Vec<_> = instances.iter().map(|i| (i.id.as_str(), &i.progress)).collect();
        let known: Vec<_> =
            known.iter().map(|(id, one)| (*id, one.sequence, one.watermark_ms)).collect();
        assert_eq!(known, [("empty", 1, 1000), ("i", 3, 3000), ("j", 1, 1000)]);
        let second = &instances[1].progress;
        assert_eq!((second.lost_bytes, second.folded_bytes), (10, 14));
        assert_eq!(second.reporter, Reporter::Destination);
        assert!(second.last_seen_ms > 1_700_000_000_000);
        assert_eq!(store.instances(None, 2).await.unwrap(), instances[..2]);
        assert_eq!(store.instances(Some("empty"), 1).await.unwrap(), instances[1..2]);
        assert_eq!(store.instances(Some("j"), 1).await.unwrap(), []);
        store.close().await;
        store = place.open().await;
    }
}

pub(crate) async fn a_closed_store_refuses(place: &dyn Place) {
    let store = place.open().await;
    assert!(store.ready().await.is_ok());
    store.close().await;
    let write = direct(vec![flow(&key("a", "b", "v"), 1, 1, 1)]);
    assert!(matches!(store.apply(write).await, Err(ApplyError::Unavailable(_))));
    assert!(store.ready().await.is_err());
}
