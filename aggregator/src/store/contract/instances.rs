//! What is remembered of instances.

use std::collections::BTreeMap;

use flow_model::Reporter;
use flow_model::flow::HOUR_MS;

use super::{Place, batch, flow, key};
use crate::store::{Loss, Origin, Progress, Store, Write};

/// An empty batch with these words about its instance.
fn says(
    sequence: u64,
    watermark_ms: u64,
    ended: bool,
    clock_offset_ms: Option<i64>,
) -> Write<'static> {
    let mut write = batch("i", sequence, Reporter::Source, Vec::new());
    if let Origin::Batch(delivery) = &mut write.origin {
        (delivery.watermark_ms, delivery.ended) = (watermark_ms, ended);
        delivery.clock_offset_ms = clock_offset_ms;
    }
    write
}

async fn progress(store: &dyn Store) -> Progress {
    let instances = store.instances(None, 1).await.unwrap();
    instances.into_iter().next().unwrap().progress
}

pub(crate) async fn what_instances_say_of_themselves_is_remembered(place: &dyn Place) {
    let mut store = place.open().await;
    store.apply(says(1, 5 * HOUR_MS, false, Some(-7))).await.unwrap();
    let first = progress(&*store).await;
    assert_eq!((first.ended, first.clock_offset_ms), (false, Some(-7)));
    assert_eq!(first.first_hour, 5);
    store.apply(says(2, 6 * HOUR_MS, true, Some(i64::MAX))).await.unwrap();
    // A resend says nothing new.
    store.apply(says(2, 9 * HOUR_MS, false, None)).await.unwrap();
    // Each batch reports 5 lost bytes, and 7 that were folded.
    let loss = Loss { hour: 5, lost_bytes: 10, folded_bytes: 14 };
    for _ in 0..2 {
        let last = progress(&*store).await;
        assert_eq!((last.ended, last.clock_offset_ms), (true, Some(i64::MAX)));
        assert_eq!((last.watermark_ms, last.losses.as_slice()), (6 * HOUR_MS, &[loss][..]));
        assert_eq!(last.first_hour, 5);
        assert!(last.last_seen_ms >= first.last_seen_ms);
        store.close().await;
        store = place.open().await;
    }
    let mut late = says(3, 7 * HOUR_MS, false, None);
    late.flows = vec![flow(&key("a", "b", "v"), 9, 1, 1), flow(&key("a", "b", "v"), 3, 1, 1)];
    store.apply(late).await.unwrap();
    let again = progress(&*store).await;
    assert_eq!((again.ended, again.clock_offset_ms), (false, None), "it goes on after all");
    assert_eq!((again.first_hour, again.losses.len()), (3, 2));
}

pub(crate) async fn a_survey_shows_every_instance(place: &dyn Place) {
    let store = place.open().await;
    for id in ["b", "a", "c"] {
        store.apply(batch(id, 1, Reporter::Source, Vec::new())).await.unwrap();
    }
    let mut seen = BTreeMap::new();
    let mut note = |id: &str, progress: &Progress| {
        seen.insert(id.to_owned(), progress.clone());
    };
    store.survey(&mut note).await.unwrap();
    let listed = store.instances(None, 9).await.unwrap();
    let listed: BTreeMap<_, _> = listed.into_iter().map(|one| (one.id, one.progress)).collect();
    assert_eq!(seen, listed);
    assert!(store.remembers_since_ms() < listed["a"].last_seen_ms);
}

pub(crate) async fn when_somebody_was_last_heard_is_known_after_a_restart(place: &dyn Place) {
    let store = place.open().await;
    assert_eq!(store.heard_until_ms(), 0);
    for id in ["a", "b"] {
        store.apply(batch(id, 1, Reporter::Source, Vec::new())).await.unwrap();
    }
    assert_eq!(store.heard_until_ms(), 0, "it is about what was before");
    let last = store.instances(None, 9).await.unwrap();
    let last = last.iter().map(|one| one.progress.last_seen_ms).max();
    store.close().await;
    assert_eq!(Some(place.open().await.heard_until_ms()), last);
}
