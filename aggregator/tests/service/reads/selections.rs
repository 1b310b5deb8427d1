//! Which flows are read: hours and names.

use super::client::{Row, a_row, encoded, read, rows, write};
use crate::fas::{Fas, directory};

/// Flows in the hours 0, 1, 5 and the last, with names that could be taken for others.
fn some_rows() -> Vec<Row> {
    let mut rows = vec![
        a_row(0, "web", "db", "v1", 1, 10),
        a_row(1, "web", "db", "v1", 2, 20),
        a_row(1, "web-2", "db", "v2", 3, 30),
        a_row(1, "web*", "d,b", "v1", 4, 40),
        a_row(1, r"we\b", "db", "v1", 5, 50),
        a_row(5, "api", "web", "v2", 6, 60),
        a_row(5, "ä b&c=d+e", "web", "v1", 7, 70),
        a_row(u32::MAX, "web", "db", "v1", 8, 80),
    ];
    rows.sort();
    rows
}

fn selected(fas: &Fas, query: &str) -> Vec<Row> {
    let answer = read(fas, &format!("/v1/flows?{query}"));
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    rows(&answer.json())
}

#[test]
fn hours_are_one_or_a_half_open_range_by_number_or_time() {
    let data = directory();
    let fas = Fas::start(data.path());
    let all = some_rows();
    write(&fas, &all);
    for (query, hours) in [
        ("hour=1", &[1][..]),
        ("hour=2", &[]),
        ("from=0", &[0, 1, 5, u32::MAX]),
        ("from=1", &[1, 5, u32::MAX]),
        ("from=1&to=5", &[1]),
        ("from=1&to=6", &[1, 5]),
        ("from=5&to=1", &[]),
        ("from=5&to=4294967296", &[5, u32::MAX]),
        ("from=5&to=4294967295", &[5]),
        ("hour=1970-01-01T01:00:00Z", &[1]),
        ("hour=1970-01-01T01:59:59.999Z", &[1]),
        ("hour=1969-12-31T23:59:59Z", &[]),
        ("from=1970-01-01T00:59:59Z&to=1970-01-01T05:00:00Z", &[0, 1]),
        ("from=1970-01-01T01:00:00Z&to=1970-01-01T05:00:01Z", &[1, 5]),
        ("from=1970-01-01T03:30:00%2B02:30&to=5", &[1]),
        ("from=1960-01-01T00:00:00Z&to=1", &[0]),
    ] {
        let expected: Vec<_> = all.iter().filter(|row| hours.contains(&row.0)).cloned().collect();
        assert_eq!(selected(&fas, query), expected, "{query}");
    }
}

#[test]
fn names_of_one_field_are_alternatives_and_fields_must_all_agree() {
    let data = directory();
    let fas = Fas::start(data.path());
    let all = some_rows();
    write(&fas, &all);
    type Wanted = fn(&Row) -> bool;
    for (conditions, wanted) in [
        (&[("src_app", "web")][..], (|row| row.1 == "web") as Wanted),
        (&[("src_app", "web*")], |row| row.1.starts_with("web")),
        (&[("src_app", r"web\*")], |row| row.1 == "web*"),
        (&[("src_app", "web**")], |row| row.1.starts_with("web*")),
        (&[("src_app", r"we\\*")], |row| row.1.starts_with(r"we\")),
        (&[("src_app", r"we\b")], |row| row.1 == r"we\b"),
        (&[("src_app", "*")], |_| true),
        (&[("src_app", "WEB")], |_| false),
        (&[("dest_app", "d,b")], |row| row.2 == "d,b"),
        (&[("src_app", "ä b&c=d+e")], |row| row.1.starts_with('ä')),
        (&[("src_app", "api"), ("src_app", "web-*")], |row| row.1 == "api" || row.1 == "web-2"),
        (&[("dest_app", "db"), ("vpc_id", "v1")], |row| row.2 == "db" && row.3 == "v1"),
        (&[("dest_app", "db"), ("dest_app", "web"), ("vpc_id", "v2")], |row| row.3 == "v2"),
    ] {
        let mut query = "from=0".to_owned();
        for (field, value) in conditions {
            query.push_str(&format!("&{field}={}", encoded(value)));
        }
        let expected: Vec<_> = all.iter().filter(|row| wanted(row)).cloned().collect();
        assert_eq!(selected(&fas, &query), expected, "{query}");
    }
}

#[test]
fn the_larger_of_both_sides_is_read_everywhere() {
    let data = directory();
    let fas = Fas::start(data.path());
    for (instance, reporter, tx, rx) in [("i", "source", 10, 1), ("j", "destination", 4, 6)] {
        let batch = serde_json::json!({
            "version": 1, "instance": instance, "sequence": 1, "reporter": reporter,
            "watermark_ms": 0, "lost_bytes": 0, "folded_bytes": 0,
            "hours": [{"hour": 3, "flows": [["a", "b", "v", tx, rx]]}]});
        assert_eq!(fas.post("/v1/batches", batch.to_string()).status, 200);
    }
    assert_eq!(selected(&fas, "hour=3"), [a_row(3, "a", "b", "v", 10, 6)]);
    for path in ["/v1/summary?hour=3&group_by=src_app", "/v1/hours", "/v1/hints?field=vpc_id"] {
        let answer = read(&fas, path);
        assert!(answer.text().contains("\"bytes_total\":16"), "{path}: {answer:?}");
    }
}
