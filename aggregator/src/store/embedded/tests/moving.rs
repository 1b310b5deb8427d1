//! What is noted of moves into a directory.

use super::Directory;
use crate::store::embedded::Options;
use crate::store::{Movable, Store};

#[tokio::test]
async fn what_is_noted_of_a_move_is_there_after_reopening_until_it_is_removed() {
    let place = Directory::with(Options::default());
    for note in [None, Some(&b"a"[..]), Some(b"\0\xFF"), None] {
        let store = place.try_open().unwrap();
        store.set_moving(note).await.unwrap();
        store.close().await;
        drop(store);
        let store = place.try_open().unwrap();
        assert_eq!(store.moving().await.unwrap().as_deref(), note);
        assert_eq!(store.half_delivered().await.unwrap(), [""; 0]);
        store.close().await;
        assert!(store.set_moving(note).await.is_err(), "it is closed");
    }
}
