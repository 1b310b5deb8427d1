//! What direct writers with keys may rely on.

use flow_model::Status;
use flow_model::limits::MAX_COUNTER;

use super::{Place, flow, key, rows, sides};
use crate::store::{ApplyError, Origin, Write, WriteKey};

fn keyed(name: &str, contents: u8, bytes_tx: u64) -> Write<'static> {
    let write_key = WriteKey { key: name.as_bytes().to_vec(), fingerprint: [contents; 32] };
    let flows = vec![flow(&key("a", "b", "v"), 1, bytes_tx, 0)];
    Write { origin: Origin::Direct(Some(write_key)), flows }
}

pub(crate) async fn a_write_with_a_key_is_applied_once(place: &dyn Place) {
    let store = place.open().await;
    let status = |store: std::sync::Arc<dyn crate::store::Store>, write| async move {
        store.apply(write).await.unwrap().status
    };
    assert_eq!(status(store.clone(), keyed("k", 1, 5)).await, Status::Applied);
    assert_eq!(status(store.clone(), keyed("k", 1, 5)).await, Status::Duplicate);
    assert_eq!(status(store.clone(), keyed("k2", 1, 5)).await, Status::Applied);
    store.close().await;
    let store = place.open().await;
    assert_eq!(status(store.clone(), keyed("k", 1, 5)).await, Status::Duplicate, "reopened");
    let mut together = tokio::task::JoinSet::new();
    for _ in 0..8 {
        together.spawn(status(store.clone(), keyed("k3", 1, 5)));
    }
    let outcomes = together.join_all().await;
    assert_eq!(outcomes.iter().filter(|status| **status == Status::Applied).count(), 1);
    assert_eq!(rows(&*store, 1).await[0].1, sides((15, 0), (0, 0)));
}

pub(crate) async fn a_key_is_not_for_another_write(place: &dyn Place) {
    let store = place.open().await;
    store.apply(keyed("k", 1, 5)).await.unwrap();
    assert_eq!(store.apply(keyed("k", 2, 7)).await, Err(ApplyError::KeyReused));
    let refused = store.apply(keyed("full", 1, MAX_COUNTER)).await;
    assert!(matches!(refused, Err(ApplyError::Overflow { .. })));
    // What was refused has not used its key.
    assert_eq!(store.apply(keyed("full", 2, 1)).await.unwrap().status, Status::Applied);
    assert_eq!(rows(&*store, 1).await[0].1, sides((6, 0), (0, 0)));
}
