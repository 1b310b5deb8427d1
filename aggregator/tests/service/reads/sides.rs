//! One side's figures, and what the two sides disagree on.

use serde_json::{Value, json};

use super::client::{a_row, read, read_as, row, rows};
use crate::fas::{Fas, directory};

/// `both` was seen by both sides, the others by one.
fn start() -> (tempfile::TempDir, Fas) {
    let data = directory();
    let fas = Fas::start(data.path());
    for (instance, reporter, flows) in [
        ("i", "source", json!([["both", "b", "v", 10, 1], ["sent", "b", "v", 5, 0]])),
        ("j", "destination", json!([["both", "b", "v", 4, 6], ["taken", "b", "w", 0, 9]])),
        ("i", "source", json!([["same", "b", "v", 3, 3]])),
        ("j", "destination", json!([["same", "b", "v", 3, 3]])),
    ] {
        let sequence = if flows[0][0] == "same" { 2 } else { 1 };
        let batch = json!({
            "version": 1, "instance": instance, "sequence": sequence, "reporter": reporter,
            "watermark_ms": 0, "lost_bytes": 0, "folded_bytes": 0,
            "hours": [{"hour": 3, "flows": flows}]});
        assert_eq!(fas.post("/v1/batches", batch.to_string()).status, 200);
    }
    (data, fas)
}

#[test]
fn a_side_is_read_alone_in_every_read() {
    let (_data, fas) = start();
    let flows = |reporter: &str| {
        let answer = read(&fas, &format!("/v1/flows?hour=3{reporter}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        rows(&answer.json())
    };
    let row = |src: &str, vpc: &str, tx, rx| a_row(3, src, "b", vpc, tx, rx);
    let source = [row("both", "v", 10, 1), row("same", "v", 3, 3), row("sent", "v", 5, 0)];
    let destination = [row("both", "v", 4, 6), row("same", "v", 3, 3), row("taken", "w", 0, 9)];
    assert_eq!(flows("&reporter=source"), source);
    assert_eq!(flows("&reporter=destination"), destination);
    assert_eq!(flows("").len(), 4);
    assert_eq!(flows("")[0], row("both", "v", 10, 6), "the larger, never the sum");
    for (reporter, total) in [("source", 22), ("destination", 25)] {
        for path in [
            "/v1/summary?hour=3&limit=1",
            "/v1/summary?hour=3&group_by=src_app,dest_app,vpc_id,hour&limit=1",
            "/v1/hours?hour=3",
        ] {
            let answer = read(&fas, &format!("{path}&reporter={reporter}"));
            let figure = format!("\"bytes_total\":{total}");
            assert!(answer.text().contains(&figure), "{path} {reporter}: {answer:?}");
        }
    }
    let hints = read(&fas, "/v1/hints?field=vpc_id&reporter=destination").json();
    let values: Vec<&Value> =
        hints["hints"].as_array().unwrap().iter().map(|hint| &hint["value"]).collect();
    assert_eq!(values, ["v", "w"]);
    let lines = read_as(&fas, "/v1/flows?hour=3&reporter=source", "application/x-ndjson");
    assert_eq!(lines.text().lines().count(), 3);
    for path in ["/v1/flows?hour=3", "/v1/summary?hour=3", "/v1/hours?from=0", "/v1/stream?to=9"] {
        assert_eq!(read(&fas, &format!("{path}&reporter=both")).status, 400, "{path}");
    }
    assert_eq!(read(&fas, "/flows?hour=3&reporter=source").status, 400, "the plain form has none");
}

#[test]
fn pages_of_a_side_follow_each_other() {
    let (_data, fas) = start();
    let (mut found, mut query) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/flows?hour=3&reporter=destination&limit=1{query}");
        let page = read(&fas, &path).json();
        found.extend(page["flows"].as_array().unwrap().iter().map(row));
        let Value::String(cursor) = &page["next_cursor"] else { break };
        query = format!("&cursor={cursor}");
    }
    assert_eq!(found.len(), 3);
    let other = read(&fas, &format!("/v1/flows?hour=3&reporter=source{query}"));
    assert_eq!(other.status, 400, "a cursor is for its own query alone");
}

#[test]
fn an_audit_lists_what_the_sides_disagree_on() {
    let (_data, fas) = start();
    let found = read(&fas, "/v1/audit?hour=3").json();
    let both = json!({
        "hour": 3, "src_app": "both", "dest_app": "b", "vpc_id": "v", "reported_by": "both",
        "source_bytes_tx": 10, "source_bytes_rx": 1,
        "destination_bytes_tx": 4, "destination_bytes_rx": 6, "difference_bytes": 11});
    let total = json!({
        "flows": 4, "agreeing": 1, "disagreeing": 1, "one_sided": 2, "difference_bytes": 11});
    assert_eq!(found, json!({"rows": [both], "total": total, "complete": false}));
    let sources = |query: &str| {
        let found = read(&fas, &format!("/v1/audit?{query}")).json();
        let rows = found["rows"].as_array().unwrap().iter();
        rows.map(|row| row["src_app"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(sources("hour=3&include=one_sided"), ["both", "taken", "sent"]);
    assert_eq!(sources("from=0&include=one_sided&limit=2"), ["both", "taken"]);
    assert_eq!(sources("from=0&include=one_sided&vpc_id=w"), ["taken"]);
    assert_eq!(sources("hour=4"), [] as [&str; 0]);
    let csv = read_as(&fas, "/v1/audit?hour=4", "text/csv");
    assert!(csv.text().starts_with("hour,src_app,dest_app,vpc_id,reported_by,"), "{csv:?}");
    for bad in ["", "?hour=3&include=all", "?hour=3&reporter=source", "?hour=3&limit=10001"] {
        assert_eq!(read(&fas, &format!("/v1/audit{bad}")).status, 400, "{bad}");
    }
}
