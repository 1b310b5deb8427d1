//! Following the stream.

use serde_json::{Value, json};

use crate::fake::Fake;
use crate::program::fas;

fn changed(src_app: &str, bytes_tx: u64) -> (&'static str, String) {
    let flow = json!({"src_app": src_app, "dest_app": "d", "vpc_id": "v",
                      "bytes_tx": bytes_tx, "bytes_rx": 2, "hour": 7});
    ("flows", json!({"flows": [flow]}).to_string())
}

#[test]
fn every_change_is_seen_once_through_broken_connections() {
    let fake = Fake::start();
    fake.memory().events.extend([
        changed("a", 10),
        changed("a", 15),
        ("reset", json!({"reason": "too old"}).to_string()),
        changed("b", 1),
        changed("a", 1_015),
    ]);
    let run = fas(&fake.url, &["tail", "--limit", "4", "--output", "ndjson", "--src-app", "x*"]);
    assert_eq!(run.code, 0, "{run:?}");
    let rows: Vec<Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let changes: Vec<_> =
        rows.iter().map(|row| (row["src_app"].as_str(), row["change_tx"].as_u64())).collect();
    assert_eq!(
        changes,
        [(Some("a"), None), (Some("a"), Some(5)), (Some("b"), None), (Some("a"), Some(1_000))]
    );
    let said: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(said.iter().filter(|line| line.contains("trying again")).count(), 4, "{said:?}");
    assert!(said.contains(&"fas: reset: changes were missed: too old"), "{said:?}");
    assert!(fake.memory().asked.iter().all(|asked| asked == "/v1/stream?src_app=x*"));
}

#[test]
fn people_see_the_change_and_the_figure() {
    let fake = Fake::start();
    fake.memory().events.extend([changed("a", 500), changed("a", 2_500)]);
    let run = fas(&fake.url, &["tail", "--limit", "2"]);
    let lines: Vec<Vec<&str>> =
        run.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0].join(" "), "Changes in all hours");
    assert_eq!(lines[2][1..].join(" "), "7 a d v - - 500 B 2 B");
    assert_eq!(lines[3][1..].join(" "), "7 a d v +2.00 kB +0 B 2.50 kB 2 B");
}

#[test]
fn a_server_that_is_not_there_or_says_no_is_not_waited_for() {
    fas("http://127.0.0.1:1", &["tail"]).error(1);
    let fake = Fake::start();
    fake.memory().token = Some("t".to_owned());
    fas(&fake.url, &["tail"]).error(3);
}
