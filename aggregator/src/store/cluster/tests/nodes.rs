//! Nodes that are started anew, or fall silent, while they are read or listened to.

use std::sync::Arc;
use std::time::Duration;

use flow_tests::redis_cluster::RedisCluster;
use tokio::time::timeout;

use super::bounds::{direct, flow};
use super::{ClusterStore, Name as Place, Options, Target};
use crate::limits::{EAR_SILENCE, SCAN_COUNT};
use crate::metrics::Metrics;
use crate::store::{ChangesError, Selection, Store};

/// A store in a cluster of its own.
async fn store_in(cluster: &RedisCluster) -> ClusterStore {
    let target = Target::parse(&cluster.url("nodes")).unwrap();
    let options = Options { target, ..Place::new().options() };
    ClusterStore::open(&options, Arc::new(Metrics::new().unwrap())).await.unwrap()
}

/// A cursor is of the process that gave it: the next one has its fields in another order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_is_read_whole_though_its_node_is_started_anew_meanwhile() {
    let mut cluster = RedisCluster::start(1, 0);
    let store = store_in(&cluster).await;
    let count = 40 * SCAN_COUNT;
    for some in (0..count).collect::<Vec<_>>().chunks(SCAN_COUNT) {
        let flows = some.iter().map(|n| flow("hot", &format!("d-{n}"), 1, 1)).collect();
        store.apply(direct(flows)).await.unwrap();
    }
    let mut rows = async |milliseconds: u64| {
        let scan = store.scan(Selection::hour(1), None, None);
        let killed = async {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            cluster.kill(0);
            cluster.restart(0);
        };
        let (scan, ()) = tokio::join!(scan, killed);
        let mut scan = scan?;
        let mut rows = 0;
        while scan.next()?.is_some() {
            rows += 1;
        }
        Ok::<usize, crate::store::ReadError>(rows)
    };
    // Some in the middle of it.
    for milliseconds in [10, 20, 40, 60, 80, 120] {
        assert_eq!(rows(milliseconds).await.unwrap(), count, "after {milliseconds} ms");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_are_told_when_a_node_has_said_nothing_for_long() {
    let cluster = RedisCluster::start(1, 0);
    let store = store_in(&cluster).await;
    let mut follower = store.changes(Selection::all(), None).await.unwrap();
    cluster.pause(0);
    let told = timeout(4 * EAR_SILENCE, follower.next()).await;
    cluster.resume(0);
    assert!(matches!(told, Ok(Err(ChangesError::Missed { .. }))), "{told:?}");
    // And it is heard again.
    let followed = async {
        loop {
            store.apply(direct(vec![flow("a", "x", 1, 1)])).await.unwrap();
            let next = timeout(Duration::from_secs(1), follower.next()).await;
            if let Ok(Ok(changes)) = next
                && !changes.rows.is_empty()
            {
                return;
            }
        }
    };
    timeout(Duration::from_secs(30), followed).await.unwrap();
}
