//! The store contract over a real Redis Cluster, and what only this store has: other processes
//! beside it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use flow_tests::redis_cluster::RedisCluster;

use super::{ClusterStore, Options, Target};
use crate::limits::DEFAULT_DEDUPE_HOURS;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::store::contract::{Place, shared_contract_tests};

/// The cluster of all tests of this process.
fn cluster() -> &'static RedisCluster {
    static CLUSTER: OnceLock<RedisCluster> = OnceLock::new();
    CLUSTER.get_or_init(|| RedisCluster::start(3, 0))
}

/// A store of its own in the cluster.
struct Name(String);

impl Name {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    fn options(&self) -> Options {
        Options {
            target: Target::parse(&cluster().url(&self.0)).unwrap(),
            authorities: None,
            replica_acks: None,
            reads_replicas: false,
            retain_hours: None,
            dedupe_hours: DEFAULT_DEDUPE_HOURS,
        }
    }

    async fn store(&self) -> ClusterStore {
        let metrics = Arc::new(Metrics::new().unwrap());
        ClusterStore::open(&self.options(), metrics).await.unwrap()
    }
}

#[async_trait]
impl Place for Name {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.store().await)
    }
}

mod contract {
    use super::*;
    shared_contract_tests!(Name::new());
}

mod beside_others;
mod bounds;
mod moving;
mod nodes;
