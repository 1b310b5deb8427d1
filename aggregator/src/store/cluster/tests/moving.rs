//! What is noted of moves, and batches of which only a part is there.

use redis::cmd;

use super::Name as Place;
use super::bounds::{batch, flow};
use crate::store::cluster::layout::Shard;
use crate::store::{Movable, Store};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_noted_of_a_move_is_there_for_others_until_it_is_removed() {
    let place = Place::new();
    let store = place.store().await;
    assert_eq!(store.moving().await.unwrap(), None);
    for note in [&b"a"[..], b"\0\xFF"] {
        store.set_moving(Some(note)).await.unwrap();
        assert_eq!(place.store().await.moving().await.unwrap().as_deref(), Some(note));
    }
    store.set_moving(None).await.unwrap();
    assert_eq!(place.store().await.moving().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_is_ahead_in_a_shard_is_told() {
    let place = Place::new();
    let store = place.store().await;
    let flows = || (0..20).map(|n| flow(&format!("s-{n}"), "x", 1, 1)).collect::<Vec<_>>();
    for id in ["a", "b", "c"] {
        store.apply(batch(id, 1, flows())).await.unwrap();
    }
    store.apply(batch("a", 2, vec![flow("s-1", "x", 1, 1)])).await.unwrap();
    store.apply(batch("c", 2, Vec::new())).await.unwrap();
    assert_eq!(store.half_delivered().await.unwrap(), [""; 0]);
    // As if who took the batch had been killed before its last step.
    let home = Shard::of_bytes(b"a");
    let mut read = cmd("HGET");
    read.arg(store.net.keys.homes(Shard::of_bytes(b"b"))).arg("b");
    let of_b = store.net.tell(vec![(Shard::of_bytes(b"b"), read)]).await.unwrap().remove(0);
    let mut put_back = cmd("HSET");
    let record = crate::store::cluster::call::bytes(&of_b).unwrap().into_owned();
    put_back.arg(store.net.keys.homes(home)).arg("a").arg(record);
    store.net.tell(vec![(home, put_back)]).await.unwrap();
    assert_eq!(store.half_delivered().await.unwrap(), ["a"]);
    // Or had been killed in its first batch.
    let mut forget = cmd("HDEL");
    forget.arg(store.net.keys.homes(Shard::of_bytes(b"c"))).arg("c");
    store.net.tell(vec![(Shard::of_bytes(b"c"), forget)]).await.unwrap();
    assert_eq!(store.half_delivered().await.unwrap(), ["a", "c"]);
    // A resend to another front end completes it.
    let other = place.store().await;
    other.apply(batch("c", 1, flows())).await.unwrap();
    other.apply(batch("a", 2, vec![flow("s-1", "x", 1, 1)])).await.unwrap();
    assert_eq!(other.half_delivered().await.unwrap(), [""; 0]);
}
