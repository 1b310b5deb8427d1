//! Hours, hints and instances.

use serde_json::{Value, json};

use super::client::{a_row, read, read_as, write};
use crate::fas::{Fas, directory};

#[test]
fn hours_have_times_counts_and_totals() {
    let data = directory();
    let fas = Fas::start(data.path());
    write(
        &fas,
        &[
            a_row(0, "a", "b", "v", 1, 2),
            a_row(498_752, "a", "b", "v", 10, 20),
            a_row(498_752, "c", "b", "w", 30, 40),
            a_row(u32::MAX, "a", "b", "v", 5, 5),
        ],
    );
    let hour = |hour: u32, start: Value, flows: u32, tx: u64, rx: u64| {
        json!({"hour": hour, "start": start, "flows": flows,
               "bytes_tx": tx, "bytes_rx": rx, "bytes_total": tx + rx,
               "complete": null})
    };
    let first = hour(0, json!("1970-01-01T00:00:00Z"), 1, 1, 2);
    let last = hour(u32::MAX, json!(null), 1, 5, 5);
    let both = hour(498_752, json!("2026-11-24T08:00:00Z"), 2, 40, 60);
    let one = hour(498_752, json!("2026-11-24T08:00:00Z"), 1, 30, 40);
    for (query, expected) in [
        ("", json!([first, both, last])),
        ("?to=5", json!([first])),
        ("?from=2026-11-24T08:00:00Z&to=2026-11-24T09:00:00Z", json!([both])),
        ("?vpc_id=w", json!([one])),
        ("?vpc_id=x", json!([])),
    ] {
        let mut answer = read(&fas, &format!("/v1/hours{query}")).json();
        for hour in answer["hours"].as_array_mut().unwrap() {
            // Long ago is not known, and what has not ended is not complete. The other hour's
            // depends on when this runs.
            let complete = hour["complete"].take();
            match hour["hour"].as_u64().unwrap() {
                0 => assert_eq!(complete, json!(null)),
                498_752 => assert_ne!(complete, json!(false)),
                _ => assert_eq!(complete, json!(false)),
            }
        }
        assert_eq!(answer, json!({"hours": expected}), "{query}");
    }
}

#[test]
fn sums_beyond_64_bits_are_written_in_full() {
    let data = directory();
    let fas = Fas::start(data.path());
    let most = i64::MAX as u64;
    write(&fas, &["a", "b", "c"].map(|name| a_row(1, name, "b", "v", most, most)));
    let total = (i64::MAX as u128) * 6;
    for path in ["/v1/hours", "/v1/summary?hour=1", "/v1/hints?field=vpc_id"] {
        let answer = read(&fas, path);
        assert!(answer.text().contains(&format!("\"bytes_total\":{total}")), "{answer:?}");
    }
}

#[test]
fn hints_are_ranked_by_bytes_and_taken_from_the_latest_hours() {
    let data = directory();
    let fas = Fas::start(data.path());
    // An old hour, and then more than a day of hours that have flows, with gaps.
    let mut rows = vec![a_row(0, "old", "b", "v", 1_000, 0), a_row(9, "old-too", "b", "v", 1, 0)];
    rows.extend((1..24).map(|n| a_row(n * 10, "web", "b", "v", 1, 1)));
    rows.push(a_row(230, "web-2", "b", "w", 100, 1));
    rows.push(a_row(230, "api", "b", "w", 1, 1));
    write(&fas, &rows);
    let hints = |query: &str| {
        let answer = read(&fas, &format!("/v1/hints?field=src_app{query}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        let hints = answer.json()["hints"].clone();
        let hint = |hint: &Value| {
            (hint["value"].as_str().unwrap().to_owned(), hint["bytes_total"].as_u64().unwrap())
        };
        hints.as_array().unwrap().iter().map(hint).collect::<Vec<_>>()
    };
    let hint = |name: &str, bytes: u64| (name.to_owned(), bytes);
    let latest = [hint("web-2", 101), hint("web", 46), hint("api", 2), hint("old-too", 1)];
    assert_eq!(hints(""), latest);
    assert_eq!(hints("&prefix="), latest);
    assert_eq!(hints("&prefix=web"), latest[..2]);
    assert_eq!(hints("&prefix=web*"), []);
    assert_eq!(hints("&limit=1"), latest[..1]);
    assert_eq!(hints("&vpc_id=w"), [hint("web-2", 101), hint("api", 2)]);
    assert_eq!(hints("&from=0&prefix=old"), [hint("old", 1_000), hint("old-too", 1)]);
    assert_eq!(hints("&hour=0"), [hint("old", 1_000)]);
}

#[test]
fn instances_come_page_by_page_with_what_they_delivered() {
    let data = directory();
    let fas = Fas::start(data.path());
    let ids: Vec<String> = (0..5).map(|n| format!("side car/{n}")).collect();
    for id in ids.iter().rev() {
        let batch = json!({
            "version": 1, "instance": id, "sequence": 7, "reporter": "destination",
            "watermark_ms": 1_764_000_123_456_u64, "lost_bytes": 3, "folded_bytes": 4, "hours": []});
        assert_eq!(fas.post("/v1/batches", batch.to_string()).status, 200);
    }
    let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let answer = read(&fas, &format!("/v1/instances?{query}"));
        let document = answer.json();
        seen.extend(document["instances"].as_array().unwrap().clone());
        let Value::String(cursor) = &document["next_cursor"] else { break };
        query = format!("limit=2&cursor={cursor}");
        let link = format!("</v1/instances?{query}>; rel=\"next\"");
        assert_eq!(answer.header("link"), Some(link.as_str()));
    }
    assert_eq!(seen.iter().map(|one| one["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    let mut one = seen[0].clone();
    let last_seen = one["last_seen"].take();
    let last_seen = last_seen.as_str().unwrap();
    assert!(last_seen.starts_with("20") && last_seen.ends_with('Z') && last_seen.len() == 24);
    assert_eq!(
        one,
        json!({
        "id": ids[0], "sequence": 7, "reporter": "destination",
        "watermark_ms": 1_764_000_123_456_u64, "lost_bytes": 3, "folded_bytes": 4,
        "last_seen": null, "first_hour": 490_000, "ended": false, "clock_offset_ms": null})
    );
    let csv = read_as(&fas, "/v1/instances?limit=2", "text/csv");
    assert_eq!(csv.text().lines().count(), 3);
    assert!(csv.header("link").is_some());
}
