//! What readers may rely on.

use std::sync::Arc;

use super::{Place, batch, direct, flow, key, rows, sides};
use crate::store::{
    ChangeSet, Changes, ChangesError, Filter, GroupBy, NameField, OrderBy, Pattern, Position,
    Selection, Totals,
};
use flow_model::Reporter;

fn filter(field: NameField, patterns: &[&str]) -> Filter {
    let pattern = |text: &&str| match text.strip_suffix('*') {
        Some(prefix) => Pattern::Prefix(prefix.to_owned()),
        None => Pattern::Exact((*text).to_owned()),
    };
    let mut filter = Filter::default();
    filter.require(field, patterns.iter().map(pattern).collect());
    filter
}

pub(crate) async fn pages_follow_each_other_also_while_others_write(place: &dyn Place) {
    let store = place.open().await;
    let keys: Vec<_> = (0..500).map(|n| key(&format!("app-{n:03}"), "b", "v")).collect();
    for hour in [1, 2] {
        let flows = keys.iter().map(|key| flow(key, hour, 1, 1)).collect();
        store.apply(direct(flows)).await.unwrap();
    }
    let mut found = Vec::new();
    let mut after = None;
    for n in 0.. {
        let mut page = store.scan(Selection::all(), after.clone(), Some(7)).await.unwrap();
        let before = found.len();
        while let Some(row) = page.next().unwrap() {
            found.push(Position { hour: row.hour, key: row.key.into_owned() });
        }
        if found.len() == before {
            break;
        }
        after = found.last().cloned();
        // New keys on both sides of where the reader is, and others that it knows.
        let new = [key(&format!("app-{n:03}x"), "b", "v"), key("zzz", &format!("b-{n}"), "v")];
        let flows = new.iter().chain(&keys).map(|key| flow(key, 3, 1, 1)).collect();
        store.apply(direct(flows)).await.unwrap();
        let behind = key("aaa", &format!("b-{n}"), "v");
        store.apply(direct(vec![flow(&behind, 1, 1, 1)])).await.unwrap();
    }
    assert!(found.is_sorted_by(|a, b| a < b), "in order, none twice");
    for hour in [1, 2] {
        for key in &keys {
            assert!(found.contains(&Position { hour, key: key.clone() }), "none left out");
        }
    }
}

pub(crate) async fn filters_select_by_exact_names_and_prefixes(place: &dyn Place) {
    let store = place.open().await;
    let sources = ["web", "web-1", "web-2", "wef", "x*", "db"];
    let keys: Vec<_> = sources
        .iter()
        .flat_map(|src| ["db", "cache"].map(|dest| key(src, dest, &format!("v-{dest}"))))
        .collect();
    store.apply(direct(keys.iter().map(|key| flow(key, 1, 1, 0)).collect())).await.unwrap();
    for (field, patterns, count) in [
        (NameField::SrcApp, &["web"][..], 2),
        (NameField::SrcApp, &["web*"], 6),
        (NameField::SrcApp, &["web*", "web-1", "we*", "db", "db"], 10),
        (NameField::SrcApp, &["*"], 12),
        (NameField::SrcApp, &[], 0),
        (NameField::SrcApp, &["nobody", "zz*"], 0),
        (NameField::DestApp, &["ca*"], 6),
        (NameField::VpcId, &["v-db", "v-x"], 6),
    ] {
        let selection = Selection { filter: filter(field, patterns), ..Selection::hour(1) };
        let mut scan = store.scan(selection, None, None).await.unwrap();
        let mut found = 0;
        while let Some(row) = scan.next().unwrap() {
            assert!(filter(field, patterns).matches(&row.key));
            found += 1;
        }
        assert_eq!(found, count, "{field:?} {patterns:?}");
    }
}

pub(crate) async fn groups_and_the_rest_add_up_to_the_whole(place: &dyn Place) {
    let store = place.open().await;
    for n in 0_u64..50 {
        let key = key(&format!("s-{}", n % 7), &format!("d-{}", n % 5), "v");
        store.apply(direct(vec![flow(&key, (n % 2) as u32, n, 1)])).await.unwrap();
    }
    let whole = Totals { flows: 50, bytes_tx: 49 * 25, bytes_rx: 50 };
    for names in 0..8_u8 {
        for (hour, limit) in [(false, 0), (true, 1), (false, 3), (true, 100)] {
            let names = [names & 1 != 0, names & 2 != 0, names & 4 != 0];
            let group_by = GroupBy { names, hour };
            let order_by = OrderBy::BytesTotal;
            let summary =
                store.summarize(Selection::all(), group_by, order_by, limit).await.unwrap();
            assert_eq!(summary.total(), whole);
            assert!(summary.groups.len() <= limit);
            assert_eq!(summary.rest_groups == 0, summary.rest.flows == 0);
        }
    }
    let by_source = GroupBy::name(NameField::SrcApp);
    let top = store.summarize(Selection::all(), by_source, OrderBy::Flows, 1).await.unwrap();
    assert_eq!(top.groups[0].key.names, [Some("s-0".into()), None, None]);
    assert_eq!((top.groups[0].totals.flows, top.rest_groups), (8, 6));
}

/// The next change that passes the filter: others are told of, too, without rows.
async fn next_selected(follower: &mut dyn Changes) -> ChangeSet {
    loop {
        let changes = follower.next().await.unwrap();
        if !changes.rows.is_empty() {
            return changes;
        }
    }
}

pub(crate) async fn followers_see_what_has_changed(place: &dyn Place) {
    let store = place.open().await;
    let (a, b) = (key("a", "x", "v"), key("b", "x", "v"));
    store.apply(direct(vec![flow(&a, 1, 1, 1)])).await.unwrap();
    let selection =
        Selection { hours: 0..=9, filter: filter(NameField::SrcApp, &["a*"]), reporter: None };
    let mut follower = store.changes(selection.clone(), None).await.unwrap();
    let writer = {
        let (store, a, b) = (Arc::clone(&store), a.clone(), b.clone());
        tokio::spawn(async move {
            let flows = vec![flow(&b, 1, 9, 9), flow(&a, 1, 2, 0), flow(&a, 10, 9, 9)];
            store.apply(direct(flows)).await.unwrap();
        })
    };
    let first = next_selected(&mut *follower).await;
    writer.await.unwrap();
    let [row] = first.rows.as_slice() else { panic!("{first:?}") };
    let expected = (1, &a, sides((3, 1), (0, 0)));
    assert_eq!((row.hour, &row.key, row.sides), expected, "as it is now, not the difference");
    store.apply(batch("i", 1, Reporter::Destination, vec![flow(&a, 1, 5, 5)])).await.unwrap();
    store.apply(batch("i", 1, Reporter::Destination, vec![flow(&a, 1, 5, 5)])).await.unwrap();
    let resumed = store.changes(selection.clone(), Some(first.up_to)).await.unwrap();
    for mut resumed in [follower, resumed] {
        let next = next_selected(&mut *resumed).await;
        assert!(next.up_to > first.up_to);
        assert_eq!(next.rows[0].sides, sides((3, 1), (5, 5)));
    }
    let beyond = store.changes(selection.clone(), Some(u64::MAX)).await.unwrap().next().await;
    assert!(matches!(beyond, Err(ChangesError::Missed { .. })));
    store.close().await;
    let store = place.open().await;
    let mut late = store.changes(selection, Some(0)).await.unwrap();
    let Err(ChangesError::Missed { up_to }) = late.next().await else { panic!("remembered") };
    assert!(up_to > first.up_to);
    store.apply(direct(vec![flow(&a, 2, 1, 0)])).await.unwrap();
    assert_eq!(late.next().await.unwrap().rows[0].hour, 2, "it goes on from there");
    assert_eq!(rows(&*store, 1).await[0].1, sides((3, 1), (5, 5)));
}

pub(crate) async fn one_side_can_be_read_alone(place: &dyn Place) {
    let store = place.open().await;
    let [both, source, destination] = ["both", "source", "zest"].map(|name| key(name, "b", "v"));
    let [from, to] = Reporter::ALL;
    let sent = vec![flow(&both, 1, 10, 1), flow(&source, 1, 5, 0), flow(&destination, 1, 0, 0)];
    store.apply(batch("i", 1, from, sent)).await.unwrap();
    let mut changes = store.changes(of_side(to), None).await.unwrap();
    let received = vec![flow(&both, 1, 4, 6), flow(&destination, 1, 0, 9)];
    store.apply(batch("j", 1, to, received)).await.unwrap();
    store.apply(batch("i", 2, from, vec![flow(&source, 1, 1, 0)])).await.unwrap();
    let (none, only_source) = ((0, 0), [(&both, (10, 1)), (&source, (6, 0))]);
    let only_destination = [(&both, (4, 6)), (&destination, (0, 9))];
    for (reporter, expected) in [(from, only_source), (to, only_destination)] {
        let of = |counters| match reporter {
            Reporter::Source => sides(counters, none),
            Reporter::Destination => sides(none, counters),
        };
        let mut scan = store.scan(of_side(reporter), None, Some(2)).await.unwrap();
        for (key, counters) in expected {
            let row = scan.next().unwrap().unwrap();
            assert_eq!((&row.key, row.sides), (key, of(counters)));
        }
        assert!(scan.next().unwrap().is_none());
        let total = expected.iter().fold(Totals::default(), |mut total, (_, (tx, rx))| {
            total.add(&Totals { flows: 1, bytes_tx: (*tx).into(), bytes_rx: (*rx).into() });
            total
        });
        assert_eq!(store.hours(of_side(reporter)).await.unwrap(), [(1, total)]);
        let all = GroupBy::default();
        let summary = store.summarize(of_side(reporter), all, OrderBy::Flows, 1).await.unwrap();
        assert_eq!(summary.total(), total);
    }
    let mut changed = Vec::new();
    while changed.len() < 2 {
        changed.extend(changes.next().await.unwrap().rows);
    }
    assert_eq!(changed[0].sides, sides(none, (4, 6)));
    let mut sources = store.changes(of_side(from), None).await.unwrap();
    let more = vec![flow(&both, 1, 1, 0), flow(&destination, 1, 1, 0)];
    store.apply(batch("j", 2, to, more)).await.unwrap();
    assert_eq!(sources.next().await.unwrap().rows, [], "the other side has not changed");
}

fn of_side(reporter: Reporter) -> Selection {
    Selection { reporter: Some(reporter), ..Selection::hour(1) }
}
