//! What the interface answers, good and bad.

use std::io::{Read, Write};
use std::net::TcpStream;

use flow_model::limits::MAX_BODY_BYTES;
use serde_json::{Value, json};

use crate::fas::{Fas, agent, answer, directory, until};

fn flow(src_app: &str, tx: u64, hour: u32) -> Value {
    json!({"src_app": src_app, "dest_app": "b", "vpc_id": "v",
           "bytes_tx": tx, "bytes_rx": 2, "hour": hour})
}

fn batch(instance: &str, sequence: u64, reporter: &str, tx: u64) -> String {
    json!({"version": 1, "instance": instance, "sequence": sequence, "reporter": reporter,
           "watermark_ms": 5, "lost_bytes": 3, "folded_bytes": 4,
           "hours": [{"hour": 1, "flows": [["a", "b", "v", tx, 2]]}]})
    .to_string()
}

#[test]
fn a_direct_write_is_answered_with_its_number_and_read_back() {
    let data = directory();
    let fas = Fas::start(data.path());
    let written =
        fas.post("/flows", json!([flow("z", 1, 1), flow("a", 2, 1), flow("z", 4, 1)]).to_string());
    assert_eq!((written.status, written.body.as_str()), (200, r#"{"accepted":3}"#));
    assert_eq!(written.content_type, "application/json");
    let mut z = flow("z", 5, 1);
    z["bytes_rx"] = json!(4);
    assert_eq!(fas.flows(1), [flow("a", 2, 1), z]);
    let exact = fas.get("/flows?hour=1").body;
    assert!(exact.starts_with(
        r#"[{"src_app":"a","dest_app":"b","vpc_id":"v","bytes_tx":2,"bytes_rx":2,"hour":1},{"#
    ));
    let empty = fas.get("/flows?hour=2");
    assert_eq!((empty.status, empty.body.as_str()), (200, "[]"));
}

#[test]
fn names_pass_unchanged_whatever_they_are_made_of() {
    let data = directory();
    let fas = Fas::start(data.path());
    let names = [
        "a b",
        "a|b",
        "a,b",
        "a:b",
        "a/b",
        "a\\b",
        "a\"b",
        "a-b",
        "ß日本",
        "👩‍💻",
        "a\u{301}",
        " x ",
    ];
    let mut flows: Vec<Value> = names.iter().map(|name| flow(name, 1, 1)).collect();
    let written = fas.post("/flows", json!(flows).to_string());
    assert_eq!(written.status, 200, "{written:?}");
    flows.sort_by(|a, b| a["src_app"].as_str().cmp(&b["src_app"].as_str()));
    assert_eq!(fas.flows(1), flows);
}

#[test]
fn bad_input_is_a_400_that_names_the_element_and_changes_nothing() {
    let data = directory();
    let fas = Fas::start(data.path());
    for (field, value) in [
        ("src_app", json!(null)),
        ("dest_app", json!("")),
        ("vpc_id", json!("a\u{7}b")),
        ("bytes_tx", json!(-1)),
        ("bytes_rx", json!(1.5)),
        ("bytes_tx", json!("7")),
        ("bytes_rx", json!(1_u64 << 63)),
        ("hour", json!(1_u64 << 32)),
        ("hour", json!(null)),
    ] {
        let mut bad = flow("a", 1, 1);
        bad[field] = value;
        let refused = fas.post("/flows", json!([flow("a", 1, 1), bad]).to_string());
        assert_eq!(refused.status, 400, "{refused:?}");
        assert_eq!(refused.content_type, "application/problem+json");
        let problem = refused.json();
        assert_eq!((&problem["index"], &problem["field"]), (&json!(1), &json!(field)));
        assert_eq!(problem["status"], 400);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("element 1") && detail.contains(field), "{detail}");
    }
    let mut unknown = flow("a", 1, 1);
    unknown["colour"] = json!("red");
    for bad in ["", "[]", "{}", "[{}]", "[", "null", &json!([unknown]).to_string()] {
        let refused = fas.post("/flows", bad);
        assert_eq!(refused.status, 400, "{bad}: {refused:?}");
    }
    assert_eq!(fas.flows(1), [] as [Value; 0]);
}

#[test]
fn other_media_types_are_a_415() {
    let data = directory();
    let fas = Fas::start(data.path());
    let body = json!([flow("a", 1, 1)]).to_string();
    for bad in [None, Some("text/plain"), Some("application/jsonp"), Some("text/json; x")] {
        let refused = fas.post_as("/flows", bad, &body);
        assert_eq!(
            (refused.status, refused.content_type.as_str()),
            (415, "application/problem+json")
        );
    }
    for good in ["application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(fas.post_as("/flows", Some(good), &body).status, 200);
    }
}

#[test]
fn the_largest_body_is_taken_and_the_next_is_a_413() {
    let data = directory();
    let fas = Fas::start(data.path());
    let mut body = json!([flow("a", 1, 1)]).to_string();
    body.push_str(&" ".repeat(MAX_BODY_BYTES - body.len()));
    assert_eq!(fas.post("/flows", &body).status, 200);
    body.push(' ');
    // Announced, the server need not read it; chunked, it finds out.
    let mut refused = vec![post_raw(&fas, &format!("content-length: {}", body.len()), b"")];
    let chunked = agent()
        .post(fas.url("/flows"))
        .header("content-type", "application/json")
        .send(ureq::SendBody::from_reader(&mut body.as_bytes()));
    refused.extend(chunked.map(|response| answer(response).status));
    assert!(refused.iter().all(|status| *status == 413), "{refused:?}");
    assert_eq!(fas.flows(1), [flow("a", 1, 1)]);
}

/// Sends a head and part of a body, and gives the status of the answer.
fn post_raw(fas: &Fas, header: &str, body: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(&fas.address).unwrap();
    write!(
        stream,
        "POST /flows HTTP/1.1\r\nhost: fas\r\ncontent-type: application/json\r\n{header}\r\n\r\n"
    )
    .unwrap();
    stream.write_all(body).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    str::from_utf8(&head[9..]).unwrap().parse().unwrap()
}

#[test]
fn a_body_that_breaks_off_changes_nothing() {
    let data = directory();
    let fas = Fas::start(data.path());
    let body = json!([flow("a", 1, 1)]).to_string();
    let mut stream = TcpStream::connect(&fas.address).unwrap();
    write!(
        stream,
        "POST /flows HTTP/1.1\r\nhost: fas\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len() + 1
    )
    .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
    assert_eq!(fas.flows(1), [] as [Value; 0]);
}

#[test]
fn a_sum_beyond_the_range_is_a_409_that_names_the_element() {
    let data = directory();
    let fas = Fas::start(data.path());
    let most = i64::MAX as u64;
    assert_eq!(fas.post("/flows", json!([flow("a", most, 1)]).to_string()).status, 200);
    let refused = fas.post("/flows", json!([flow("b", 1, 1), flow("a", 1, 1)]).to_string());
    assert_eq!(refused.status, 409);
    assert_eq!(
        (&refused.json()["index"], &refused.json()["field"]),
        (&json!(1), &json!("bytes_tx"))
    );
    assert_eq!(fas.flows(1), [flow("a", most, 1)]);
}

#[test]
fn a_missing_or_bad_hour_is_a_400_with_a_reason() {
    let data = directory();
    let fas = Fas::start(data.path());
    for (query, word) in [
        ("", "missing"),
        ("?hour=", "integer"),
        ("?hour=-1", "integer"),
        ("?hour=4294967296", "4294967295"),
        ("?hour=1&hour=2", "twice"),
        ("?when=1", "unknown parameter"),
    ] {
        let refused = fas.get(&format!("/flows{query}"));
        assert_eq!(
            (refused.status, refused.content_type.as_str()),
            (400, "application/problem+json")
        );
        assert!(refused.json()["detail"].as_str().unwrap().contains(word), "{refused:?}");
    }
}

#[test]
fn a_batch_is_applied_once_and_its_receipt_names_it() {
    let data = directory();
    let fas = Fas::start(data.path());
    let receipt = |status| json!({"instance": "i", "sequence": 1, "status": status});
    assert_eq!(fas.post("/v1/batches", batch("i", 1, "source", 7)).json(), receipt("applied"));
    for _ in 0..3 {
        let again = fas.post("/v1/batches", batch("i", 1, "source", 7));
        assert_eq!((again.status, again.json()), (200, receipt("duplicate")));
    }
    assert_eq!(fas.flows(1), [flow("a", 7, 1)]);
    // The other side saw more: its figure is taken, not the sum.
    fas.post("/v1/batches", batch("j", 1, "destination", 9));
    assert_eq!(fas.flows(1), [flow("a", 9, 1)]);
    let refused = fas.post("/v1/batches", batch("i", 0, "source", 7));
    assert_eq!((refused.status, &refused.json()["field"]), (400, &json!("sequence")));
}

#[test]
fn a_batch_is_counted_though_its_client_has_gone() {
    let data = directory();
    let fas = Fas::start(data.path());
    let mut clients = 0;
    let mut write_and_go = || {
        clients += 1;
        let body = batch(&format!("i-{clients}"), 1, "source", 1);
        let mut stream = TcpStream::connect(&fas.address).unwrap();
        write!(
            stream,
            "POST /v1/batches HTTP/1.1\r\nhost: fas\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
    };
    (0..50).for_each(|_| write_and_go());
    // A request that was never read is nobody's; the figures agree on the others. It may be that
    // none was read: then another client tries.
    until("the figures agree", || {
        let stored = fas.flows(1).first().map_or(0, |flow| flow["bytes_tx"].as_u64().unwrap());
        let line = format!("fas_batches_total{{status=\"applied\"}} {stored}");
        if stored == 0 {
            write_and_go();
        }
        stored > 0 && fas.get("/metrics").body.lines().any(|found| found == line)
    });
}

#[test]
fn what_is_not_there_says_so() {
    let data = directory();
    let fas = Fas::start(data.path());
    let missing = fas.get("/nowhere");
    assert_eq!((missing.status, missing.content_type.as_str()), (404, "application/problem+json"));
    let wrong = fas.get("/v1/batches");
    assert_eq!((wrong.status, wrong.content_type.as_str()), (405, "application/problem+json"));
}

#[test]
fn health_and_metrics_tell_how_it_is_doing() {
    let data = directory();
    let fas = Fas::start(data.path());
    assert_eq!(fas.get("/healthz").status, 200);
    assert_eq!(fas.get("/readyz").status, 200);
    fas.post("/flows", json!([flow("a", 1, 1), flow("b", 1, 1)]).to_string());
    fas.post("/v1/batches", batch("i", 1, "source", 7));
    fas.post("/v1/batches", batch("i", 1, "source", 7));
    fas.post("/v1/batches", "{}");
    fas.get("/nowhere");
    let metrics = fas.get("/metrics");
    assert!(metrics.content_type.starts_with("text/plain; version=0.0.4"));
    for line in [
        "fas_flows_accepted_total 3",
        "fas_batches_total{status=\"applied\"} 1",
        "fas_batches_total{status=\"duplicate\"} 1",
        "fas_batches_total{status=\"refused\"} 1",
        "fas_reported_lost_bytes_total 3",
        "fas_reported_folded_bytes_total 4",
        "fas_http_requests_total{path=\"/v1/batches\",status=\"200\"} 2",
        "fas_http_requests_total{path=\"other\",status=\"404\"} 1",
        "fas_commit_seconds_count 2",
    ] {
        assert!(metrics.body.lines().any(|found| found == line), "{line}\n{}", metrics.body);
    }
}
