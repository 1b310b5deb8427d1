//! What can be moved here from another store.

use flow_model::limits::MAX_COUNTER;
use flow_model::{Reporter, Status};

use super::{Place, batch, flow, key, rows, sides, status_of};
use crate::store::{ApplyError, Instance, Loss, Origin, Progress, Write, WriteKey};

fn moved(contents: u8, reporter: Reporter, bytes_tx: u64) -> Write<'static> {
    let write_key = WriteKey { key: reporter.as_str().into(), fingerprint: [contents; 32] };
    let flows = (0..50).map(|n| flow(&key(&format!("s-{n}"), "b", "v"), 1, bytes_tx, 0)).collect();
    Write { origin: Origin::Moved { key: write_key, reporter }, flows }
}

pub(crate) async fn what_is_moved_is_added_once_and_to_its_side(place: &dyn Place) {
    let mut store = place.open().await;
    let (source, destination) = (Reporter::Source, Reporter::Destination);
    for status in [Status::Applied, Status::Duplicate, Status::Duplicate] {
        for (reporter, bytes_tx) in [(source, 5), (destination, 7)] {
            let outcome = store.apply(moved(1, reporter, bytes_tx)).await;
            assert_eq!(status_of(outcome), Ok(status), "{reporter:?}");
        }
        let there = rows(&*store, 1).await;
        assert_eq!(there.len(), 50);
        assert!(there.iter().all(|(_, both)| *both == sides((5, 0), (7, 0))));
        store.close().await;
        store = place.open().await;
    }
    assert_eq!(store.apply(moved(2, source, 5)).await, Err(ApplyError::KeyReused));
    assert_eq!(store.instances(None, 9).await.unwrap(), []);
}

pub(crate) async fn what_an_instance_had_delivered_elsewhere_is_a_resend(place: &dyn Place) {
    let mut store = place.open().await;
    let progress = Progress {
        sequence: 7,
        reporter: Reporter::Destination,
        watermark_ms: 9,
        lost_bytes: MAX_COUNTER,
        folded_bytes: 3,
        losses: vec![Loss { hour: 4, lost_bytes: 1, folded_bytes: 3 }],
        ended: true,
        clock_offset_ms: Some(-5),
        first_hour: 2,
        last_seen_ms: crate::clock::now_ms() - 5_000,
    };
    let moved = Instance { id: "i".to_owned(), progress };
    for _ in 0..3 {
        store.restore(&moved).await.unwrap();
        assert_eq!(
            store.instances(None, 9).await.unwrap(),
            std::slice::from_ref(&moved),
            "as it was"
        );
        store.close().await;
        store = place.open().await;
    }
    let push = |sequence| {
        let flows = vec![flow(&key("a", "b", "v"), 1, 1, 0)];
        batch("i", sequence, Reporter::Source, flows)
    };
    assert_eq!(status_of(store.apply(push(7)).await), Ok(Status::Duplicate));
    assert_eq!(status_of(store.apply(push(8)).await), Ok(Status::Applied));
    // Who has come further here has not gone back.
    store.restore(&moved).await.unwrap();
    assert_eq!(status_of(store.apply(push(8)).await), Ok(Status::Duplicate));
    assert_eq!(store.instances(None, 9).await.unwrap()[0].progress.sequence, 8);
    assert_eq!(rows(&*store, 1).await, [(key("a", "b", "v"), sides((1, 0), (0, 0)))]);
}
