//! Summaries agree with a naive model, for every grouping.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::client::{Row, a_row, read, write};
use crate::fas::{Fas, directory};

const FIELDS: [&str; 4] = ["src_app", "dest_app", "vpc_id", "hour"];

/// `bytes_tx`, `bytes_rx`, `flows` of a group.
type Sums = (u64, u64, u64);

fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    // Few names, so that groups have several flows; one is that of the rest.
    let name = || prop::sample::select(vec!["a", "b", "c", "_rest"]);
    let row = (0_u32..3, name(), name(), name(), 0_u64..50, 0_u64..50)
        .prop_map(|(hour, src, dest, vpc, tx, rx)| a_row(hour, src, dest, vpc, tx, rx));
    prop::collection::vec(row, 1..80)
}

fn key(row: &Row, group_by: &[&str]) -> Vec<Value> {
    let field = |name: &&str| match *name {
        "src_app" => json!(row.1),
        "dest_app" => json!(row.2),
        "vpc_id" => json!(row.3),
        _ => json!(row.0),
    };
    group_by.iter().map(field).collect()
}

/// The groups of the flows, by their keys as text.
fn model(rows: &[Row], group_by: &[&str]) -> BTreeMap<String, Sums> {
    let mut flows: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    for row in rows {
        let sums = flows.entry((row.0, row.1.clone(), row.2.clone(), row.3.clone())).or_default();
        *sums = (sums.0 + row.4, sums.1 + row.5);
    }
    let mut groups: BTreeMap<String, Sums> = BTreeMap::new();
    for ((hour, src, dest, vpc), (tx, rx)) in flows {
        let key = key(&(hour, src, dest, vpc, tx, rx), group_by);
        let sums = groups.entry(json!(key).to_string()).or_default();
        *sums = (sums.0 + tx, sums.1 + rx, sums.2 + 1);
    }
    groups
}

fn sums(row: &Value) -> Sums {
    let number = |field: &str| row[field].as_u64().unwrap();
    assert_eq!(number("bytes_total"), number("bytes_tx") + number("bytes_rx"));
    (number("bytes_tx"), number("bytes_rx"), number("flows"))
}

fn figure(order_by: &str, (tx, rx, flows): Sums) -> u64 {
    match order_by {
        "bytes_tx" => tx,
        "bytes_rx" => rx,
        "flows" => flows,
        _ => tx + rx,
    }
}

fn add(a: Sums, b: Sums) -> Sums {
    (a.0 + b.0, a.1 + b.1, a.2 + b.2)
}

fn check(fas: &Fas, rows: &[Row], group_by: &[&str], order_by: &str, limit: usize) {
    let query = format!("from=0&group_by={}&order_by={order_by}&limit={limit}", group_by.join(","));
    let answer = read(fas, &format!("/v1/summary?{query}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let document = answer.json();
    let expected = model(rows, group_by);
    let (rest, groups) = document["rows"].as_array().unwrap().split_last().unwrap();
    assert_eq!(groups.len(), limit.min(expected.len()), "{query}");
    for group in groups {
        let key: Vec<&Value> = group_by.iter().map(|field| &group[field]).collect();
        assert_eq!(expected.get(&json!(key).to_string()), Some(&sums(group)), "{query}: {group}");
        assert_eq!(group["groups"], 1);
        assert!(FIELDS.iter().all(|field| group.get(field).is_some() == group_by.contains(field)));
    }
    let figures: Vec<u64> = groups.iter().map(|group| figure(order_by, sums(group))).collect();
    assert!(figures.is_sorted_by(|a, b| a >= b), "{query}: {figures:?}");
    let mut largest: Vec<u64> = expected.values().map(|sums| figure(order_by, *sums)).collect();
    largest.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(figures, largest[..groups.len()], "{query}");
    for field in group_by {
        assert_eq!(rest[field], if *field == "hour" { json!(null) } else { json!("_rest") });
    }
    assert_eq!(rest["groups"], expected.len() - groups.len());
    let whole = expected.values().copied().fold((0, 0, 0), add);
    assert_eq!(sums(&document["total"]), whole, "{query}");
    assert_eq!(document["total"]["groups"], expected.len());
    assert_eq!(
        groups.iter().map(sums).fold(sums(rest), add),
        whole,
        "{query}: the parts are the whole"
    );
}

#[test]
fn the_parts_are_the_whole_for_every_grouping() {
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..3 {
        let rows = any_rows().new_tree(&mut runner).unwrap().current();
        let data = directory();
        let fas = Fas::start(data.path());
        write(&fas, &rows);
        for subset in 0..16 {
            let group_by: Vec<&str> =
                (0..4).filter(|n| subset & (1 << n) != 0).map(|n| FIELDS[n]).collect();
            for order_by in ["bytes_tx", "bytes_rx", "bytes_total", "flows"] {
                for limit in [1, 3, 10_000] {
                    check(&fas, &rows, &group_by, order_by, limit);
                }
            }
        }
    }
}

#[test]
fn nothing_sums_up_to_nothing() {
    let data = directory();
    let fas = Fas::start(data.path());
    let answer = read(&fas, "/v1/summary?hour=1&group_by=src_app");
    let nothing = json!({"bytes_tx": 0, "bytes_rx": 0, "bytes_total": 0, "flows": 0, "groups": 0});
    let mut rest = nothing.clone();
    rest["src_app"] = json!("_rest");
    assert_eq!(answer.json(), json!({"rows": [rest], "total": nothing, "complete": null}));
}

#[test]
fn twenty_groups_are_given_unless_told_otherwise() {
    let data = directory();
    let fas = Fas::start(data.path());
    let rows: Vec<Row> = (0..30).map(|n| a_row(1, &format!("app-{n}"), "b", "v", n, 0)).collect();
    write(&fas, &rows);
    let document = read(&fas, "/v1/summary?hour=1&group_by=src_app").json();
    assert_eq!(document["rows"].as_array().unwrap().len(), 21);
    let filtered = read(&fas, "/v1/summary?hour=1&src_app=app-2*").json();
    assert_eq!(filtered["rows"][0]["flows"], 11);
}
