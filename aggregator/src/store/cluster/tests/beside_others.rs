//! Several front ends on one cluster.

use std::sync::Arc;

use flow_model::Status;
use tokio::task::JoinSet;

use super::Name as Place;
use super::bounds::{batch, direct, flow, keyed, total};
use crate::store::{Selection, Store};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_counts_once_whoever_it_is_sent_to() {
    let place = Place::new();
    let fronts = [place.store().await, place.store().await, place.store().await].map(Arc::new);
    for sequence in 1..=20 {
        let mut deliveries = JoinSet::new();
        for n in 0..9 {
            let store = Arc::clone(&fronts[n % 3]);
            let flows = (0..5).map(|n| flow(&format!("s-{n}"), "x", 1, 1)).collect();
            deliveries.spawn(async move {
                let write = batch("i", sequence, flows);
                store.apply(write).await.unwrap().status
            });
        }
        let outcomes = deliveries.join_all().await;
        let applied = outcomes.iter().filter(|status| **status == Status::Applied).count();
        assert_eq!(applied, 1, "of batch {sequence}");
    }
    for store in fronts {
        assert_eq!(total(&*store, 1).await.bytes_tx, 100);
        assert_eq!(store.instances(None, 9).await.unwrap()[0].progress.sequence, 20);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_direct_write_with_a_key_counts_once_whoever_it_is_sent_to() {
    let place = Place::new();
    let fronts = [place.store().await, place.store().await].map(Arc::new);
    let mut writes = JoinSet::new();
    for n in 0..40 {
        let store = Arc::clone(&fronts[n % 2]);
        let key = format!("k-{}", n / 8);
        let flows = (0..5).map(|n| flow(&format!("s-{n}"), "x", 1, 1)).collect();
        writes.spawn(async move { store.apply(keyed(&key, flows)).await.map(|_| ()) });
    }
    for outcome in writes.join_all().await {
        outcome.unwrap();
    }
    assert_eq!(total(&*fronts[0], 1).await.bytes_tx, 25);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_writes_the_other_reads_and_its_followers_are_told() {
    let place = Place::new();
    let [writer, reader] = [place.store().await, place.store().await];
    let mut follower = reader.changes(Selection::all(), None).await.unwrap();
    writer.apply(direct(vec![flow("a", "x", 1, 3)])).await.unwrap();
    let changes = follower.next().await.unwrap();
    assert_eq!(changes.rows.len(), 1);
    assert_eq!(changes.rows[0].sides.source.bytes_tx(), 3);
    assert_eq!(total(&reader, 1).await.bytes_tx, 3);
    // Who goes on at the other one misses nothing: it has listened, too.
    let mut known = writer.changes(Selection::all(), None).await.unwrap();
    reader.apply(direct(vec![flow("a", "x", 1, 4)])).await.unwrap();
    let told = known.next().await.unwrap();
    writer.apply(direct(vec![flow("b", "x", 1, 5)])).await.unwrap();
    let mut resumed = reader.changes(Selection::all(), Some(told.up_to)).await.unwrap();
    let mut seen = Vec::new();
    while !seen.contains(&"b".to_owned()) {
        let more = resumed.next().await.unwrap();
        seen.extend(more.rows.iter().map(|row| row.key.src_app.to_string()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_pushes_of_one_app_are_exact() {
    let place = Place::new();
    let fronts = [place.store().await, place.store().await].map(Arc::new);
    let mut instances = JoinSet::new();
    for n in 0..60 {
        let store = Arc::clone(&fronts[n % 2]);
        instances.spawn(async move {
            for sequence in 1..=10 {
                let flows = (0..20).map(|n| flow("hot", &format!("d-{n}"), 1, 1)).collect();
                let applied = store.apply(batch(&format!("i-{n}"), sequence, flows)).await.unwrap();
                assert_eq!(applied.status, Status::Applied);
            }
        });
    }
    instances.join_all().await;
    let totals = total(&*fronts[0], 1).await;
    assert_eq!((totals.flows, totals.bytes_tx), (20, 60 * 10 * 20));
}
