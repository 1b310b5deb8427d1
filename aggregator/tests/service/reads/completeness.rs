//! Which hours are complete, as filters say and as readers are told.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::client::read;
use crate::fas::{Fas, agent, directory, until};

const HOUR_MS: u64 = 3_600_000;

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// An hour that has ended long enough ago, whenever the test runs.
fn an_hour() -> u64 {
    now_ms() / HOUR_MS - 2
}

/// Sends a batch: instance, sequence, watermark, and what else it says.
fn say(fas: &Fas, instance: &str, sequence: u64, watermark_ms: u64, ahead_ms: i64, more: &Value) {
    let mut batch = json!({
        "version": 1, "instance": instance, "sequence": sequence, "reporter": "source",
        "watermark_ms": watermark_ms, "lost_bytes": 0, "folded_bytes": 0,
        "hours": [{"hour": an_hour(), "flows": [["a", "b", "v", 1, 1]]}]});
    batch.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let clock_ms = now_ms().saturating_add_signed(ahead_ms).to_string();
    let request = agent().post(fas.url("/v1/batches")).header("content-type", "application/json");
    let sent = request.header("sender-clock-ms", clock_ms).send(batch.to_string());
    assert_eq!(sent.unwrap().status(), 200);
}

/// What is told of an hour.
fn told(fas: &Fas, hour: u64) -> Value {
    let answer = read(fas, &format!("/v1/completeness?hour={hour}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[test]
fn an_hour_waits_for_all_its_instances() {
    let data = directory();
    let fas = Fas::start(data.path());
    let (hour, end_ms) = (an_hour(), (an_hour() + 1) * HOUR_MS);
    say(&fas, "i", 1, end_ms - 1, 0, &json!({}));
    say(&fas, "j", 1, end_ms, 0, &json!({"folded_bytes": 7}));
    let waiting = told(&fas, hour);
    assert_eq!(
        (&waiting["complete"], &waiting["reasons"]),
        (&json!(false), &json!(["outstanding"]))
    );
    let counts = json!({"reported": 1, "outstanding": 1, "lost": 0, "lost_before": 0, "skewed": 0});
    assert_eq!(waiting["instances"], counts);
    assert_eq!(waiting["outstanding"][0]["id"], "i");
    assert_eq!(waiting["outstanding"][0]["watermark_ms"], end_ms - 1);
    say(&fas, "i", 2, end_ms, 0, &json!({}));
    let complete = told(&fas, hour);
    assert_eq!((&complete["complete"], &complete["reasons"]), (&json!(true), &json!([])));
    assert_eq!((&complete["lost_bytes"], &complete["folded_bytes"]), (&json!(0), &json!(0)));
    // The next hour goes on, and so does the one that it is.
    assert_eq!(told(&fas, hour + 1)["folded_bytes"], 7, "by the watermark before, or its own");
    assert_eq!(told(&fas, now_ms() / HOUR_MS)["reasons"], json!(["not_ended", "outstanding"]));
    let before = told(&fas, hour - 1);
    assert_eq!(
        (&before["complete"], &before["reasons"]),
        (&json!(null), &json!(["not_witnessed"])),
        "nobody is known who was there"
    );
    let long_ago = told(&fas, 7);
    assert_eq!(
        (&long_ago["complete"], &long_ago["reasons"]),
        (&json!(null), &json!(["not_remembered", "not_witnessed"]))
    );
}

#[test]
fn who_ended_in_order_is_not_waited_for_also_after_a_restart() {
    let data = directory();
    let mut fas = Fas::start(data.path());
    let hour = an_hour();
    say(&fas, "i", 1, hour * HOUR_MS + 1, 0, &json!({"ended": true, "hours": []}));
    for _ in 0..2 {
        assert_eq!(told(&fas, hour)["complete"], json!(true));
        let instances = read(&fas, "/v1/instances").json();
        assert_eq!(instances["instances"][0]["ended"], json!(true));
        fas.signal("TERM");
        fas.wait();
        fas = Fas::start(data.path());
    }
}

#[test]
fn lost_bytes_are_told_and_a_wrong_clock_is_seen() {
    let data = directory();
    let mut fas = Fas::start(data.path());
    let (hour, end_ms) = (an_hour(), (an_hour() + 1) * HOUR_MS);
    say(&fas, "slow", 1, end_ms - 5, -600_000, &json!({}));
    say(&fas, "slow", 2, end_ms, -600_000, &json!({"lost_bytes": 12}));
    say(&fas, "well", 1, end_ms, 0, &json!({}));
    let report = told(&fas, hour);
    assert_eq!((&report["complete"], &report["reasons"]), (&json!(false), &json!(["lost_bytes"])));
    assert_eq!(report["lost_bytes"], 12);
    let skewed = report["skewed"].as_array().unwrap();
    assert_eq!((skewed.len(), &skewed[0]["id"]), (1, &json!("slow")));
    let offset_ms = skewed[0]["clock_offset_ms"].as_i64().unwrap();
    assert!((-605_000..=-599_999).contains(&offset_ms), "{offset_ms}");
    let instances = read(&fas, "/v1/instances").json();
    assert_eq!(instances["instances"][0]["clock_offset_ms"], offset_ms);
    // Clocks are looked at once a minute, and at the start.
    fas.signal("TERM");
    fas.wait();
    fas = Fas::start(data.path());
    let metrics = fas.get("/metrics").body;
    assert!(metrics.contains("\nfas_skewed_instances 1\n"), "{metrics}");
}

#[test]
fn reads_carry_whether_their_hour_is_complete() {
    let data = directory();
    let fas = Fas::start(data.path());
    let (hour, end_ms) = (an_hour(), (an_hour() + 1) * HOUR_MS);
    let complete =
        |path: &str| read(&fas, &format!("{path}hour={hour}")).json()["complete"].clone();
    let paths = ["/v1/flows?limit=1&", "/v1/summary?", "/v1/audit?"];
    say(&fas, "i", 1, end_ms - 1, 0, &json!({}));
    for path in paths {
        assert_eq!(complete(path), json!(false), "{path}");
    }
    say(&fas, "i", 2, end_ms, 0, &json!({}));
    for path in paths {
        // It is looked at once a second at most.
        until("it is complete", || complete(path) == json!(true));
    }
    let hours = read(&fas, "/v1/hours").json();
    assert_eq!(hours["hours"][0]["complete"], json!(true));
    for path in ["/v1/flows?", "/v1/summary?"] {
        let range = read(&fas, &format!("{path}from={hour}&to={}", hour + 2)).json();
        assert_eq!(range.get("complete"), None, "{path} of several hours");
    }
    let plain = read(&fas, &format!("/flows?hour={hour}"));
    assert!(plain.text().starts_with("[{") && !plain.text().contains("complete"));
}

#[test]
fn instances_are_named_up_to_a_limit_and_parameters_are_checked() {
    let data = directory();
    let fas = Fas::start(data.path());
    let hour = an_hour();
    for n in 0..5 {
        say(&fas, &format!("i-{n}"), 1, hour * HOUR_MS + n, 0, &json!({}));
    }
    let report = read(&fas, &format!("/v1/completeness?hour={hour}&limit=2")).json();
    assert_eq!(report["instances"]["outstanding"], 5);
    let named = report["outstanding"].as_array().unwrap();
    assert_eq!((named.len(), &named[0]["id"]), (2, &json!("i-0")));
    for bad in ["", "?hour=x", "?from=1", "?hour=1&limit=0", "?hour=1&limit=1001", "?hour=1&x="] {
        assert_eq!(read(&fas, &format!("/v1/completeness{bad}")).status, 400, "{bad}");
    }
}
