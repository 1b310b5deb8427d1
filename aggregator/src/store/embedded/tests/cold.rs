//! Hours that leave memory, and hours that are no longer kept.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::*;
use crate::store::{ChangesError, Sides, WriteKey};

fn flow(src: &str, hour: u32, tx: u64) -> Flow<'static> {
    let name = |text: &str| Name::new(text.to_owned()).unwrap();
    let key = FlowKey { src_app: name(src), dest_app: name("b"), vpc_id: name("v") };
    Flow { key, hour, counters: Counters::new(tx, 0).unwrap() }
}

fn direct(flows: Vec<Flow<'static>>) -> Write<'static> {
    Write { origin: Origin::Direct(None), flows }
}

/// Writes and waits, so that the committer gets to keep house, until a condition holds.
async fn until(store: &EmbeddedStore, condition: impl Fn(&super::super::Memory) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition(&super::super::lock(&store.memory)) {
        assert!(Instant::now() < deadline, "waited in vain");
        tokio::time::sleep(Duration::from_millis(20)).await;
        store.apply(direct(Vec::new())).await.unwrap();
    }
}

async fn bytes(store: &EmbeddedStore, hour: u32) -> Vec<(String, u64)> {
    let mut scan = store.scan(Selection::hour(hour), None, None).await.unwrap();
    let mut rows = Vec::new();
    while let Some(row) = scan.next().unwrap() {
        rows.push((row.key.src_app.to_string(), row.sides.source.bytes_tx()));
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_last_written_hours_stay_in_memory_and_all_can_be_read() {
    let options = Options { hot_hours: 2, checkpoint_bytes: 1, ..Options::default() };
    let directory = Directory::with(options);
    let store = directory.try_open().unwrap();
    for hour in 0..6 {
        let flows = (0..3000).map(|n| flow(&format!("app-{n:04}"), hour, 1)).collect();
        store.apply(direct(flows)).await.unwrap();
    }
    let hot = |memory: &super::super::Memory| -> Vec<u32> {
        let hot = memory.hours().filter(|(_, state)| state.is_hot());
        hot.map(|(hour, _)| hour).collect()
    };
    until(&store, |memory| hot(memory) == [4, 5]).await;
    // A late write: it is seen at once, and put together with what is on disk in time.
    store.apply(direct(vec![flow("app-0007", 1, 5), flow("late", 1, 1)])).await.unwrap();
    for _ in 0..2 {
        let found = bytes(&store, 1).await;
        assert_eq!(found.len(), 3001);
        assert_eq!((&found[7], &found[3000]), (&("app-0007".into(), 6), &("late".into(), 1)));
        let hours = store.hours(Selection::all()).await.unwrap();
        let flows: Vec<u64> = hours.iter().map(|(_, totals)| totals.flows).collect();
        assert_eq!(flows, [3000, 3001, 3000, 3000, 3000, 3000]);
        until(&store, |memory| memory.hour(1).unwrap().totals().is_some()).await;
    }
    store.close().await;
    drop(store);
    let store = directory.try_open().unwrap();
    assert_eq!(hot(&super::super::lock(&store.memory)).len(), 2, "as before");
    assert_eq!(bytes(&store, 1).await.len(), 3001);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_keeps_what_a_checkpoint_replaces() {
    let directory =
        Directory::with(Options { checkpoint_bytes: 1, hot_hours: 0, ..Options::default() });
    let store = directory.try_open().unwrap();
    let write = || direct((0..5000).map(|n| flow(&format!("app-{n:04}"), 1, 1)).collect());
    store.apply(write()).await.unwrap();
    until(&store, |memory| !memory.hour(1).unwrap().is_hot()).await;
    let mut scan = store.scan(Selection::hour(1), None, None).await.unwrap();
    let before = scan.next().unwrap().unwrap().sides;
    for round in 2..5 {
        store.apply(write()).await.unwrap();
        let written = u128::from(round * 5000_u64);
        until(&store, |memory| {
            memory.hour(1).unwrap().totals().is_some_and(|totals| totals.bytes_tx == written)
        })
        .await;
    }
    let mut count = 1;
    while let Some(row) = scan.next().unwrap() {
        assert_eq!(row.sides, before);
        count += 1;
    }
    assert_eq!(count, 5000);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_hours_go_and_what_comes_for_them_is_acknowledged_and_counted() {
    let now = u32::try_from(crate::clock::now_ms() / 3_600_000).unwrap();
    let retain = |hours| Options { retain_hours: NonZeroU32::new(hours), ..Options::default() };
    let directory = Directory::with(retain(3));
    let store = directory.try_open().unwrap();
    let expired = |applied: crate::store::Applied| applied.expired_flows;
    for hour in now - 5..=now {
        store.apply(direct(vec![flow("a", hour, 1)])).await.unwrap();
    }
    until(&store, |memory| memory.hours().next().unwrap().0 == now - 2).await;
    let mixed = vec![flow("a", now - 3, 1), flow("b", now, 7), flow("c", 0, 1)];
    assert_eq!(expired(store.apply(direct(mixed)).await.unwrap()), 2);
    let write_key = WriteKey { key: b"k".to_vec(), fingerprint: [1; 32] };
    let keyed = || Write {
        origin: Origin::Direct(Some(write_key.clone())),
        flows: vec![flow("a", now - 9, 1)],
    };
    for _ in 0..2 {
        assert_eq!(expired(store.apply(keyed()).await.unwrap()), 1, "the same answer again");
    }
    assert_eq!(bytes(&store, now).await, [("a".to_owned(), 1), ("b".to_owned(), 7)]);
    store.close().await;
    drop(store);
    let store = directory.try_open().unwrap();
    assert_eq!(store.hours(Selection::all()).await.unwrap().len(), 3);
    // Hours of the future, or of a clock that is ahead, take nothing away.
    store.apply(direct(vec![flow("a", now + 1000, 1)])).await.unwrap();
    tokio::time::sleep(Duration::from_millis(250)).await;
    store.apply(direct(vec![flow("a", now - 2, 1)])).await.unwrap();
    assert_eq!(store.hours(Selection::all()).await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_that_are_not_kept_leave_the_disk() {
    let retain_hours = NonZeroU32::new(2);
    let options = Options { checkpoint_bytes: 1, retain_hours, ..Options::default() };
    let directory = Directory::with(options);
    let store = directory.try_open().unwrap();
    // Hours of a direct writer's own numbering: the newest counts.
    for hour in 1..=9 {
        store.apply(direct(vec![flow("a", hour, 1)])).await.unwrap();
        until(&store, |memory| memory.hours().next().unwrap().0 + 2 > hour).await;
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    let stored = loop {
        store.apply(direct(Vec::new())).await.unwrap();
        let stored = super::super::lock(&store.journal).as_ref().unwrap().stored_hours();
        if stored == [8, 9] || Instant::now() > deadline {
            break stored;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(stored, [8, 9]);
}

#[tokio::test(flavor = "multi_thread")]
async fn dedupe_records_are_forgotten_when_their_time_is_over() {
    let directory = Directory::with(Options { dedupe_hours: 0, ..Options::default() });
    let store = directory.try_open().unwrap();
    let write_key = WriteKey { key: b"k".to_vec(), fingerprint: [1; 32] };
    let keyed =
        || Write { origin: Origin::Direct(Some(write_key.clone())), flows: vec![flow("a", 1, 1)] };
    store.apply(keyed()).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while store.apply(keyed()).await.unwrap().status == Status::Duplicate {
        assert!(Instant::now() < deadline, "it is remembered for ever");
    }
    store.close().await;
    drop(store);
    let store = directory.try_open().unwrap();
    until(&store, |memory| memory.instances().next().is_none()).await;
    let journal = super::super::lock(&store.journal).clone().unwrap();
    journal.forget(&[], u64::MAX).unwrap();
    assert_eq!(journal.write_key(b"k").unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_who_is_too_slow_has_missed_something() {
    let directory = Directory::new(DEFAULT_CHECKPOINT_BYTES);
    let store = directory.try_open().unwrap();
    let mut follower = store.changes(Selection::all(), None).await.unwrap();
    let name = "x".repeat(240);
    let big = |n| (0..5000).map(|k| flow(&format!("{name}-{n}-{k}"), 1, 1)).collect();
    for n in 0..8 {
        store.apply(direct(big(n))).await.unwrap();
    }
    let missed = follower.next().await;
    let Err(ChangesError::Missed { up_to }) = missed else { panic!("{missed:?}") };
    assert_eq!(up_to, 8);
    store.apply(direct(vec![flow("a", 1, 3)])).await.unwrap();
    let next = follower.next().await.unwrap();
    let three = Sides { source: Counters::new(3, 0).unwrap(), ..Sides::default() };
    assert_eq!((next.rows.len(), next.rows[0].sides), (1, three));
}

#[test]
fn forgetting_the_first_use_of_a_key_leaves_the_second() {
    let directory = Directory::new(DEFAULT_CHECKPOINT_BYTES);
    let journal = super::super::Journal::open(directory.path.path()).unwrap();
    for (index, applied_ms) in [(1, 1), (2, 5)] {
        let mut dedupe = super::super::journal::Dedupe::default();
        let stored = super::super::record::dedupe::StoredKey {
            fingerprint: [index as u8; 32],
            applied_ms,
            expired_flows: 0,
        };
        dedupe.write_keys.insert(b"k".to_vec(), stored);
        journal.commit(index, vec![2, 0].into(), &dedupe).unwrap();
    }
    journal.forget(&[], 3).unwrap();
    assert_eq!(journal.write_key(b"k").unwrap().unwrap().applied_ms, 5);
    journal.forget(&[], 6).unwrap();
    assert_eq!(journal.write_key(b"k").unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_goes_soon_though_no_more_writes_come() {
    let retain_hours = NonZeroU32::new(2);
    let directory = Directory::with(Options { retain_hours, ..Options::default() });
    let store = directory.try_open().unwrap();
    for hour in [1, 2, 3, 9] {
        store.apply(direct(vec![flow("a", hour, 1)])).await.unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while store.hours(Selection::all()).await.unwrap().len() > 1 {
        assert!(Instant::now() < deadline, "hours stay that are not kept");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
