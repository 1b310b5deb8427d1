//! Direct writes, as a JSON array and as lines. The naive model reads any JSON and checks the six
//! fields one by one: what it takes and what we take must be the same.
#![no_main]

use flow_model::limits::{MAX_COUNTER, MAX_NAME_BYTES};
use flow_model::wire::{decode_flow_lines, decode_flows};
use flow_model::{Flow, Hour};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let ours = decode_flows(bytes);
    if let Ok(flows) = &ours {
        let values: Vec<Value> = serde_json::from_slice(bytes).expect("what we take is an array");
        assert_eq!(values.len(), flows.len());
        for (value, flow) in values.iter().zip(flows) {
            check(value, flow);
        }
    } else if let Ok(Value::Array(values)) = serde_json::from_slice(bytes) {
        let is_good = !values.is_empty() && values.iter().all(is_flow);
        // A field that is given twice is ours alone to see: `Value` keeps the last.
        let is_plain = has_each_field_once(bytes, values.len());
        assert!(!is_good || !is_plain, "refused, though it is good: {ours:?}");
    }
    if let Ok(flows) = decode_flow_lines(bytes) {
        let text = std::str::from_utf8(bytes).expect("what we take is text");
        let lines: Vec<&str> = text.split('\n').filter(|line| !line.trim().is_empty()).collect();
        assert_eq!(lines.len(), flows.len());
        for (line, flow) in lines.iter().zip(&flows) {
            check(&serde_json::from_str(line).expect("a line is JSON"), flow);
        }
    }
});

/// Whether it is plain to see that every flow has each of its fields once.
fn has_each_field_once(bytes: &[u8], flows: usize) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let count = |field: &str| text.matches(&format!("\"{field}\"")).count();
    let fields = ["src_app", "dest_app", "vpc_id", "bytes_tx", "bytes_rx", "hour"];
    !text.contains('\\') && fields.into_iter().all(|field| count(field) == flows)
}

fn check(value: &Value, flow: &Flow<'_>) {
    assert!(is_flow(value), "taken, though it is bad: {value}");
    assert_eq!(value["src_app"], *flow.key.src_app);
    assert_eq!(value["dest_app"], *flow.key.dest_app);
    assert_eq!(value["vpc_id"], *flow.key.vpc_id);
    assert_eq!(value["bytes_tx"].as_u64(), Some(flow.counters.bytes_tx()));
    assert_eq!(value["bytes_rx"].as_u64(), Some(flow.counters.bytes_rx()));
    assert_eq!(value["hour"].as_u64(), Some(flow.hour.into()));
}

fn is_flow(value: &Value) -> bool {
    let is_name = |field: &str| {
        value[field].as_str().is_some_and(|name| {
            (1..=MAX_NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control)
        })
    };
    let is_integer = |field: &str, most: u64| value[field].as_u64().is_some_and(|n| n <= most);
    value.as_object().is_some_and(|fields| fields.len() == 6)
        && ["src_app", "dest_app", "vpc_id"].into_iter().all(is_name)
        && is_integer("bytes_tx", MAX_COUNTER)
        && is_integer("bytes_rx", MAX_COUNTER)
        && is_integer("hour", Hour::MAX.into())
}
