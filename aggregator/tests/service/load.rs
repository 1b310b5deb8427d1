//! Many records, many clients, one key, many keys: totals are exact.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::fas::{Answer, Fas, directory};

type Key = (String, String, String);
type Totals = BTreeMap<Key, (u64, u64)>;

fn record(key: &Key, tx: u64, rx: u64, hour: u32) -> Value {
    json!({"src_app": key.0, "dest_app": key.1, "vpc_id": key.2,
           "bytes_tx": tx, "bytes_rx": rx, "hour": hour})
}

fn key(src: impl ToString, dest: impl ToString, vpc: impl ToString) -> Key {
    (src.to_string(), dest.to_string(), vpc.to_string())
}

/// An hour's totals; keys must be unique and sorted.
fn totals(fas: &Fas, hour: u32) -> Totals {
    let flows = fas.flows(hour);
    let text = |flow: &Value, field: &str| flow[field].as_str().unwrap().to_owned();
    let rows: Vec<(Key, (u64, u64))> = flows
        .iter()
        .map(|flow| {
            let key = (text(flow, "src_app"), text(flow, "dest_app"), text(flow, "vpc_id"));
            (key, (flow["bytes_tx"].as_u64().unwrap(), flow["bytes_rx"].as_u64().unwrap()))
        })
        .collect();
    assert!(rows.is_sorted_by(|a, b| a.0 < b.0), "in key order, each key once");
    rows.into_iter().collect()
}

/// Clients come again when there is too much to do, as there may be on a slow machine.
fn post_until_taken(fas: &Fas, body: &str) -> Answer {
    loop {
        let answer = fas.post("/flows", body);
        if answer.status != 503 {
            return answer;
        }
    }
}

#[test]
fn three_hundred_thousand_records_from_thirty_clients_are_exact() {
    const CLIENTS: u64 = 30;
    const REQUESTS: u64 = 100;
    const RECORDS: u64 = 100;
    let data = directory();
    let fas = Fas::start(data.path());
    // Every client writes to keys of its own and to keys that all share, in two hours.
    let plan = |client: u64, request: u64, n: u64| {
        let shared = n.is_multiple_of(2);
        let owner = if shared { "all".to_owned() } else { format!("client-{client}") };
        let hour = 100 + u32::try_from(request % 2).unwrap();
        (key(owner, n % 10, "v"), client * 1000 + n, request, hour)
    };
    let mut expected: BTreeMap<u32, Totals> = BTreeMap::new();
    for client in 0..CLIENTS {
        for (request, n) in (0..REQUESTS).flat_map(|r| (0..RECORDS).map(move |n| (r, n))) {
            let (key, tx, rx, hour) = plan(client, request, n);
            let sum = expected.entry(hour).or_default().entry(key).or_default();
            *sum = (sum.0 + tx, sum.1 + rx);
        }
    }
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let fas = &fas;
            scope.spawn(move || {
                for request in 0..REQUESTS {
                    let records: Vec<Value> = (0..RECORDS)
                        .map(|n| {
                            let (key, tx, rx, hour) = plan(client, request, n);
                            record(&key, tx, rx, hour)
                        })
                        .collect();
                    let answer = post_until_taken(fas, &json!(records).to_string());
                    assert_eq!(answer.status, 200, "{answer:?}");
                    assert_eq!(answer.json()["accepted"], RECORDS);
                }
            });
        }
    });
    for (hour, expected) in expected {
        assert_eq!(totals(&fas, hour), expected);
    }
}

#[test]
fn ten_thousand_records_of_one_key_in_one_request_add_up_beyond_2_to_the_53() {
    let data = directory();
    let fas = Fas::start(data.path());
    let one = key("a", "b", "v");
    let tx = |n: u64| (1 << 40) + u64::from(n == 0);
    let records: Vec<Value> = (0..10_000).map(|n| record(&one, tx(n), 3, 1)).collect();
    assert_eq!(fas.post("/flows", json!(records).to_string()).json()["accepted"], 10_000);
    // Odd, and larger than 2^53: a double cannot hold it.
    let sum = 10_000 * (1 << 40) + 1;
    assert_eq!(totals(&fas, 1), BTreeMap::from([(one, (sum, 30_000))]));
}

#[test]
fn nine_thousand_nine_hundred_keys_come_back_one_by_one() {
    let data = directory();
    let fas = Fas::start(data.path());
    let expected: Totals = (0..9_900_u64)
        .map(|n| (key(format!("app-{}", n % 99), format!("app-{}", n / 99), "v"), (n, 2 * n)))
        .collect();
    let records: Vec<Value> =
        expected.iter().map(|(key, (tx, rx))| record(key, *tx, *rx, 1)).collect();
    for part in records.chunks(1_000) {
        assert_eq!(fas.post("/flows", json!(part).to_string()).status, 200);
    }
    assert_eq!(totals(&fas, 1), expected);
}

#[test]
fn keys_with_every_separator_stay_apart() {
    let data = directory();
    let fas = Fas::start(data.path());
    let mut expected = Totals::new();
    for (n, separator) in "|,;:/\\-_.#~ \"'`$%&*+=<>?@^!()[]{}\u{a0}\u{2028}\u{1f}"
        .chars()
        .filter(|c| !c.is_control())
        .enumerate()
    {
        let n = n as u64 + 1;
        let joined = |parts: &[&str]| parts.join(&separator.to_string());
        expected.insert(key(joined(&["a", "b"]), "c", "d"), (n, 1));
        expected.insert(key("a", joined(&["b", "c"]), "d"), (n, 2));
        expected.insert(key("a", "b", joined(&["c", "d"])), (n, 3));
        expected.insert(key(joined(&["a", "b", "c"]), separator, separator), (n, 4));
    }
    let records: Vec<Value> =
        expected.iter().map(|(key, (tx, rx))| record(key, *tx, *rx, 1)).collect();
    assert_eq!(fas.post("/flows", json!(records).to_string()).status, 200);
    assert_eq!(totals(&fas, 1), expected);
}
