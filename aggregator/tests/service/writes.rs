//! Direct writes in all their forms: lines, compressed bodies, and keys that make resends harmless.

use std::io::Write;

use flow_model::limits::MAX_BODY_BYTES;
use serde_json::json;

use crate::fas::{Answer, Fas, agent, answer, directory};

const FLOW: &str =
    r#"{"src_app":"a","dest_app":"b","vpc_id":"v","bytes_tx":1,"bytes_rx":2,"hour":3}"#;

fn post(fas: &Fas, headers: &[(&str, &str)], body: &[u8]) -> (Answer, bool) {
    let mut request = agent().post(fas.url("/flows"));
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send(body).unwrap();
    let replayed =
        response.headers().get("idempotency-replayed").is_some_and(|value| value == "true");
    (answer(response), replayed)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

fn sum(fas: &Fas) -> u64 {
    fas.flows(3).iter().map(|flow| flow["bytes_tx"].as_u64().unwrap()).sum()
}

#[test]
fn flows_may_come_one_a_line_and_errors_name_the_flow() {
    let data = directory();
    let fas = Fas::start(data.path());
    let lines = [("content-type", "application/x-ndjson")];
    let (good, _) = post(&fas, &lines, format!("{FLOW}\n\n{FLOW}\r\n").as_bytes());
    assert_eq!((good.status, good.json()), (200, json!({"accepted": 2})));
    for (bad, index, field) in [
        (format!("{FLOW}\n{}", FLOW.replace("\"hour\":3", "\"hour\":-3")), json!(1), json!("hour")),
        (format!("{FLOW}\n{FLOW}\n{{"), json!(2), json!(null)),
        ("\n".to_owned(), json!(null), json!(null)),
    ] {
        let (refused, _) = post(&fas, &lines, bad.as_bytes());
        assert_eq!(refused.status, 400, "{refused:?}");
        assert_eq!((&refused.json()["index"], &refused.json()["field"]), (&index, &field));
    }
    assert_eq!(sum(&fas), 2, "nothing of a bad body was added");
    // Batches are one JSON object.
    assert_eq!(fas.post_as("/v1/batches", Some("application/x-ndjson"), "{}").status, 415);
}

#[test]
fn bodies_may_be_compressed_and_are_bounded_before_and_after() {
    let data = directory();
    let fas = Fas::start(data.path());
    let body = format!("[{FLOW}]");
    let padded = |size: usize| {
        let mut body = body.clone().into_bytes();
        body.resize(size, b' ');
        body
    };
    for (coding, pack) in [("gzip", gzip as fn(&[u8]) -> Vec<u8>), ("x-gzip", gzip), ("ZSTD", zstd)]
    {
        let coding = [("content-encoding", coding)];
        assert_eq!(post(&fas, &coding, &pack(body.as_bytes())).0.status, 200);
        assert_eq!(post(&fas, &coding, &pack(&padded(MAX_BODY_BYTES))).0.status, 200);
        let (large, _) = post(&fas, &coding, &pack(&padded(MAX_BODY_BYTES + 1)));
        assert_eq!(large.status, 413, "{large:?}");
        let packed = pack(body.as_bytes());
        for bad in [&packed[..packed.len() - 3], body.as_bytes(), b""] {
            let (refused, _) = post(&fas, &coding, bad);
            assert_eq!(refused.status, 400, "{refused:?}");
        }
    }
    assert_eq!(post(&fas, &[("content-encoding", "identity")], body.as_bytes()).0.status, 200);
    for coding in ["br", "gzip, zstd", ""] {
        let (refused, _) = post(&fas, &[("content-encoding", coding)], &gzip(body.as_bytes()));
        assert_eq!(refused.status, 415, "{coding:?}");
    }
    assert_eq!(sum(&fas), 7);
}

#[test]
fn a_window_that_would_take_too_much_memory_is_refused() {
    let data = directory();
    let fas = Fas::start(data.path());
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(format!("[{FLOW}]").as_bytes()).unwrap();
    let (refused, _) = post(&fas, &[("content-encoding", "zstd")], &encoder.finish().unwrap());
    assert_eq!(refused.status, 400, "{refused:?}");
}

#[test]
fn a_write_with_a_key_is_applied_once() {
    let data = directory();
    let mut fas = Fas::start(data.path());
    let body = format!("[{FLOW}]");
    let key = [("idempotency-key", "8e03978e-40d5-43dd-bc93-6894a57f9324")];
    let first = post(&fas, &key, body.as_bytes());
    assert_eq!((first.0.status, first.1), (200, false));
    for _ in 0..2 {
        let (again, replayed) = post(&fas, &key, body.as_bytes());
        assert_eq!((again.json(), replayed), (json!({"accepted": 1}), true));
    }
    // A resend may be compressed otherwise.
    let packed = [key[0], ("content-encoding", "gzip")];
    assert!(post(&fas, &packed, &gzip(body.as_bytes())).1);
    fas.kill();
    let fas = Fas::start(data.path());
    assert!(post(&fas, &key, body.as_bytes()).1, "after a crash");
    let (other, _) = post(&fas, &key, format!("[{FLOW},{FLOW}]").as_bytes());
    assert_eq!((other.status, other.content_type.as_str()), (422, "application/problem+json"));
    assert_eq!(sum(&fas), 1);
}

#[test]
fn what_was_refused_has_not_used_its_key() {
    let data = directory();
    let fas = Fas::start(data.path());
    let key = [("idempotency-key", "k")];
    assert_eq!(post(&fas, &key, b"[{}]").0.status, 400);
    let (good, replayed) = post(&fas, &key, format!("[{FLOW}]").as_bytes());
    assert_eq!((good.status, replayed), (200, false));
}

#[test]
fn a_key_is_visible_ascii_of_bounded_length() {
    let data = directory();
    let fas = Fas::start(data.path());
    let body = format!("[{FLOW}]");
    let longest = "k".repeat(255);
    assert_eq!(post(&fas, &[("idempotency-key", &longest)], body.as_bytes()).0.status, 200);
    for bad in ["", "a b", "\u{e9}", &"k".repeat(256)] {
        let (refused, _) = post(&fas, &[("idempotency-key", bad)], body.as_bytes());
        assert_eq!(refused.status, 400, "{bad:?}");
    }
    let two = [("idempotency-key", "a"), ("idempotency-key", "b")];
    assert_eq!(post(&fas, &two, body.as_bytes()).0.status, 400);
    assert_eq!(sum(&fas), 1);
}

#[test]
fn flows_of_hours_that_are_not_kept_are_acknowledged_and_counted() {
    let data = directory();
    let fas = Fas::start_with(data.path(), &["--listen", "127.0.0.1:0", "--retain-hours", "2"]);
    let at = |hour: u32| FLOW.replace("\"hour\":3", &format!("\"hour\":{hour}"));
    assert_eq!(fas.post("/flows", format!("[{}]", at(10))).json(), json!({"accepted": 1}));
    let mixed = format!("[{},{},{}]", at(10), at(9), at(3));
    crate::fas::until("hour 3 is no longer kept", || {
        fas.post("/flows", &mixed).json() == json!({"accepted": 2, "expired": 1})
    });
    let batch = |hour: u32| {
        json!({"version": 1, "instance": format!("i-{hour}"), "sequence": 1, "reporter": "source",
               "watermark_ms": 5, "lost_bytes": 0, "folded_bytes": 0,
               "hours": [{"hour": hour, "flows": [["a", "b", "v", 1, 2]]}]})
    };
    let receipt = fas.post("/v1/batches", batch(3).to_string());
    assert_eq!(receipt.json()["status"], "applied", "the filter may forget it");
    assert!(fas.flows(3).is_empty());
    let metrics = fas.get("/metrics").body;
    let expired = metrics.lines().find(|line| line.starts_with("fas_flows_expired_total")).unwrap();
    assert!(expired.split(' ').nth(1).unwrap().parse::<u64>().unwrap() >= 2, "{expired}");
}
