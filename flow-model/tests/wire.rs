//! The wire format against golden files, which others may rely on, and against bad input.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

use flow_model::limits::{MAX_BATCH_FLOWS, MAX_COUNTER, MAX_NAME_BYTES};
use flow_model::wire::{
    WireError, decode_answer, decode_batch, decode_flow_lines, decode_flows, encode_answer,
    encode_batch, encode_flow, encode_flows,
};
use flow_model::{Answer, Batch, Counters, Flow, FlowKey, Name, Reporter, Status};
use proptest::prelude::*;

fn flow(hour: u32, names: [&str; 3], bytes_tx: u64, bytes_rx: u64) -> Flow<'static> {
    let [src_app, dest_app, vpc_id] = names.map(|name| Name::new(name.to_owned()).unwrap());
    let counters = Counters::new(bytes_tx, bytes_rx).unwrap();
    Flow { key: FlowKey { src_app, dest_app, vpc_id }, hour, counters }
}

fn golden_batch() -> Batch<'static> {
    Batch {
        instance: Name::new("sidecar~10.0.0.7~web-1~shop/18da4b2c.2").unwrap(),
        sequence: 3,
        reporter: Reporter::Destination,
        watermark_ms: 1_764_000_123_456,
        lost_bytes: 12,
        folded_bytes: 34,
        ended: false,
        flows: vec![
            flow(490_000, ["frontend", "backend", "vpc-1"], 100, 200),
            flow(490_000, ["a\"b\\c", "日本 👩‍💻", "v|1"], MAX_COUNTER, 0),
            flow(490_001, ["_other", "_unknown", "vpc-1"], 0, MAX_COUNTER),
        ],
    }
}

#[test]
fn batches_match_the_golden_file_both_ways() {
    let golden = include_bytes!("golden/batch-v1.json").trim_ascii_end();
    assert_eq!(
        String::from_utf8(encode_batch(&golden_batch())).unwrap(),
        str::from_utf8(golden).unwrap()
    );
    assert_eq!(decode_batch(golden).unwrap(), golden_batch());
}

#[test]
fn the_last_batch_of_an_instance_matches_the_golden_file_both_ways() {
    let golden = include_bytes!("golden/batch-v1-ended.json").trim_ascii_end();
    let batch = Batch { ended: true, flows: Vec::new(), ..golden_batch() };
    assert_eq!(String::from_utf8(encode_batch(&batch)).unwrap(), str::from_utf8(golden).unwrap());
    assert_eq!(decode_batch(golden).unwrap(), batch);
    // Who says that it has not ended says no more than who says nothing.
    let not_ended = str::from_utf8(golden).unwrap().replace("true", "false");
    assert_eq!(decode_batch(not_ended.as_bytes()).unwrap(), Batch { ended: false, ..batch });
}

#[test]
fn flows_match_the_golden_file_both_ways() {
    let golden = include_bytes!("golden/flows.json").trim_ascii_end();
    let flows = golden_batch().flows;
    assert_eq!(String::from_utf8(encode_flows(&flows)).unwrap(), str::from_utf8(golden).unwrap());
    assert_eq!(decode_flows(golden).unwrap(), flows);
}

#[test]
fn receipts_match_the_golden_file_both_ways() {
    let golden = include_bytes!("golden/answer-v1.json").trim_ascii_end();
    let answer =
        Answer { instance: Name::new("i").unwrap(), sequence: 3, status: Status::Duplicate };
    assert_eq!(encode_answer(&answer), golden);
    assert_eq!(decode_answer(golden).unwrap(), answer);
    let later = br#"{"new":[1],"instance":"i","sequence":3,"status":"duplicate"}"#;
    assert_eq!(decode_answer(later).unwrap(), answer);
    for not_a_receipt in [&b""[..], b"{}", b"no healthy upstream", b"[]", br#"{"instance":"i"}"#] {
        assert!(decode_answer(not_a_receipt).is_err());
    }
}

#[test]
fn fields_may_come_in_any_order() {
    let golden = include_bytes!("golden/batch-v1.json");
    // serde_json's objects are sorted by name, so that `flows` comes before `hour`.
    let sorted: serde_json::Value = serde_json::from_slice(golden).unwrap();
    assert_eq!(decode_batch(sorted.to_string().as_bytes()).unwrap(), golden_batch());
}

#[test]
fn an_empty_batch_is_well_formed() {
    let batch = Batch { flows: Vec::new(), ..golden_batch() };
    assert_eq!(decode_batch(&encode_batch(&batch)).unwrap(), batch);
}

/// What is said of a direct write with this text in place of its second element.
fn flaw(element: &str) -> (Option<usize>, Option<&'static str>, String) {
    let good = r#"{"src_app":"a","dest_app":"b","vpc_id":"v","bytes_tx":1,"bytes_rx":2,"hour":3}"#;
    match decode_flows(format!("[{good},{element}]").as_bytes()) {
        Err(WireError::Invalid { index, field, reason }) => (index, field, reason),
        other => panic!("{element}: {other:?}"),
    }
}

/// The same, with one field's value replaced.
fn field_flaw(field: &str, value: &str) -> (Option<usize>, Option<&'static str>, String) {
    let mut fields: Vec<String> = Vec::new();
    for (name, good) in [
        ("src_app", "\"a\""),
        ("dest_app", "\"b\""),
        ("vpc_id", "\"v\""),
        ("bytes_tx", "1"),
        ("bytes_rx", "2"),
        ("hour", "3"),
    ] {
        fields.push(format!("\"{name}\":{}", if name == field { value } else { good }));
    }
    flaw(&format!("{{{}}}", fields.join(",")))
}

#[test]
fn a_bad_value_is_reported_with_its_element_and_field() {
    let long = format!("\"{}\"", "x".repeat(MAX_NAME_BYTES + 1));
    for field in ["src_app", "dest_app", "vpc_id"] {
        for bad in ["null", "\"\"", "1", "true", "[]", "{}", "\"a\\u0000\"", "\"\\n\"", &long] {
            let (index, named, reason) = field_flaw(field, bad);
            assert_eq!((index, named), (Some(1), Some(field)), "{bad}: {reason}");
        }
    }
    for field in ["bytes_tx", "bytes_rx", "hour"] {
        let beyond = if field == "hour" { "4294967296" } else { "9223372036854775808" };
        for bad in [
            "null",
            "\"1\"",
            "-1",
            "1.5",
            "1.0",
            "1e3",
            "1e999",
            "true",
            "[1]",
            beyond,
            "18446744073709551616",
        ] {
            let (index, named, reason) = field_flaw(field, bad);
            assert_eq!((index, named), (Some(1), Some(field)), "{bad}: {reason}");
        }
    }
}

#[test]
fn a_bad_element_is_reported_with_its_position() {
    for bad in ["null", "1", "\"x\"", "[]", "[\"a\",\"b\",\"v\",1,2]"] {
        assert_eq!(flaw(bad).0, Some(1), "{bad}");
    }
    assert_eq!(flaw("{}").1, Some("src_app"));
    let (_, field, reason) = flaw(r#"{"src_app":"a","src_app":"a"}"#);
    assert_eq!((field, reason.as_str()), (Some("src_app"), "is given twice"));
    let (index, _, reason) = flaw(r#"{"source":"a"}"#);
    assert!(index == Some(1) && reason.contains("unknown field `source`"), "{reason}");
    let missing = r#"{"src_app":"a","dest_app":"b","vpc_id":"v","bytes_tx":1,"bytes_rx":2}"#;
    assert_eq!(flaw(missing).1, Some("hour"));
}

#[test]
fn what_is_not_json_is_malformed_and_the_empty_array_is_refused() {
    for bad in ["", "[", "[{]", "nonsense", "[1,]", "[] x", "{\"a\":\u{1}}", "[\"\\ud800\"]"] {
        let error = decode_flows(bad.as_bytes()).unwrap_err();
        assert!(matches!(error, WireError::Malformed(_) | WireError::Invalid { .. }), "{bad}");
    }
    assert!(matches!(decode_flows(b"[{\"src_app\": \xff"), Err(WireError::Malformed(_))));
    for bad in ["[]", "{}", "null", "3"] {
        let error = decode_flows(bad.as_bytes()).unwrap_err();
        assert!(matches!(error, WireError::Invalid { index: None, .. }), "{bad}: {error}");
    }
}

#[test]
fn bounds_are_inclusive() {
    let text = format!(
        r#"[{{"src_app":"a","dest_app":"b","vpc_id":"v","bytes_tx":{MAX_COUNTER},"bytes_rx":0,"hour":4294967295}}]"#
    );
    assert_eq!(decode_flows(text.as_bytes()).unwrap()[0].counters.bytes_tx(), MAX_COUNTER);
}

#[test]
fn batches_name_their_faults() {
    let good = String::from_utf8(encode_batch(&golden_batch())).unwrap();
    for (from, to, field) in [
        ("\"version\":1", "\"version\":2", "version"),
        ("\"sequence\":3", "\"sequence\":0", "sequence"),
        ("\"reporter\":\"destination\"", "\"reporter\":\"both\"", "reporter"),
        ("\"watermark_ms\":1764000123456", "\"watermark_ms\":-1", "watermark_ms"),
        ("\"lost_bytes\":12", "\"lost_bytes\":1.5", "lost_bytes"),
        ("\"folded_bytes\":34,", "", "folded_bytes"),
        ("\"folded_bytes\":34", "\"folded_bytes\":34,\"ended\":1", "ended"),
        ("\"folded_bytes\":34", "\"folded_bytes\":34,\"ended\":null", "ended"),
        ("\"folded_bytes\":34", "\"folded_bytes\":34,\"ended\":true,\"ended\":true", "ended"),
        ("100,200", "100,-200", "bytes_rx"),
        ("100,200", "100", "bytes_rx"),
        ("{\"hour\":490000,", "{\"hour\":-1,", "hour"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        match decode_batch(bad.as_bytes()) {
            Err(WireError::Invalid { field: Some(named), .. }) => assert_eq!(named, field),
            other => panic!("{to}: {other:?}"),
        }
    }
    let six = good.replacen("100,200", "100,200,300", 1);
    let error = decode_batch(six.as_bytes()).unwrap_err().to_string();
    assert_eq!(error, "element 0: has more than 5 values");
    let extra = good.replacen("{", "{\"extra\":0,", 1);
    assert!(decode_batch(extra.as_bytes()).unwrap_err().to_string().contains("extra"));
}

#[test]
fn a_batch_has_a_largest_size() {
    let flows = vec![flow(1, ["a", "b", "c"], 1, 1); MAX_BATCH_FLOWS];
    let mut batch = Batch { flows, ..golden_batch() };
    assert!(decode_batch(&encode_batch(&batch)).is_ok());
    batch.flows.push(flow(1, ["a", "b", "c"], 1, 1));
    let error = decode_batch(&encode_batch(&batch)).unwrap_err();
    assert!(error.to_string().contains("at most 10000 flows"), "{error}");
}

fn any_name() -> impl Strategy<Value = Name<'static>> {
    any::<String>().prop_filter_map("not a name", |text| Name::bounded(&text))
}

fn any_flow() -> impl Strategy<Value = Flow<'static>> {
    (any_name(), any_name(), any_name(), 0..=MAX_COUNTER, 0..=MAX_COUNTER, any::<u32>()).prop_map(
        |(src_app, dest_app, vpc_id, tx, rx, hour)| Flow {
            key: FlowKey { src_app, dest_app, vpc_id },
            hour,
            counters: Counters::new(tx, rx).unwrap(),
        },
    )
}

#[test]
fn flows_may_come_one_a_line() {
    let flows = [flow(1, ["a", "b", "c"], 1, 1), flow(2, ["ä\"", "b", "c"], 2, 1)];
    let mut lines = b"\n".to_vec();
    for flow in &flows {
        encode_flow(flow, &mut lines);
        lines.extend_from_slice(b"\r\n\n");
    }
    assert_eq!(decode_flow_lines(&lines).unwrap(), flows);
    for (bad, said) in [
        ("", "there must be at least one flow"),
        (" \n", "there must be at least one flow"),
        ("[]", "element 2: invalid type: sequence, expected an object with the fields of a flow"),
        ("{", "element 2: malformed JSON: EOF while parsing an object at line 1 column 1"),
        ("{} {}", "element 2: src_app: is missing"),
    ] {
        let good = if bad.trim().is_empty() { &b""[..] } else { &lines };
        let error = decode_flow_lines(&[good, bad.as_bytes()].concat()).unwrap_err();
        assert_eq!(error.to_string(), said);
    }
}

proptest! {
    #[test]
    fn every_batch_survives_the_wire(
        flows in prop::collection::vec(any_flow(), 0..20),
        instance in any_name(),
        sequence in 1..=MAX_COUNTER,
        ended in any::<bool>(),
    ) {
        let batch = Batch { instance, sequence, ended, flows, ..golden_batch() };
        let bytes = encode_batch(&batch);
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
        prop_assert_eq!(decode_batch(&bytes).unwrap(), batch);
    }

    #[test]
    fn every_flow_survives_the_wire(flows in prop::collection::vec(any_flow(), 1..20)) {
        let bytes = encode_flows(&flows);
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
        prop_assert_eq!(decode_flows(&bytes).unwrap(), flows);
    }

    #[test]
    fn no_input_makes_the_decoders_panic(bytes in any::<Vec<u8>>()) {
        let _ = decode_flows(&bytes);
        let _ = decode_batch(&bytes);
        let _ = decode_answer(&bytes);
    }
}
