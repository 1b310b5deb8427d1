//! What the scanner reads, the parser reads alike; and what is written as documented, it does
//! read.

use proptest::prelude::*;

use super::batch::{parse_batch, scan_batch};
use super::flows::{parse_flows, parse_line, scan_array, scan_line};

const FLOW: &str = r#"{"src_app":"web","dest_app":"db","vpc_id":"v 1","bytes_tx":0,"bytes_rx":9223372036854775807,"hour":4294967295}"#;

const SPACED: &str = "{ \"src_app\" : \"web\",\n\t\"dest_app\": \"db\", \"vpc_id\": \"v\", \"bytes_tx\": 1, \"bytes_rx\": 20, \"hour\": 3 }";

const BATCH: &str = r#"{"version":1,"instance":"i","sequence":3,"reporter":"source","watermark_ms":5,"lost_bytes":0,"folded_bytes":10,"hours":[{"hour":0,"flows":[["a","b","c",1,2],["a","b","d",30,4]]},{"hour":7,"flows":[["a","b","c",1,2]]}]}"#;

/// The last batch of an instance that had nothing left.
const LAST_BATCH: &str = r#"{"version":1,"instance":"i","sequence":4,"reporter":"source","watermark_ms":5,"lost_bytes":0,"folded_bytes":0,"ended":true,"hours":[]}"#;

/// A message with some bytes changed, taken away or put in.
fn mutated(message: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        any::<u8>(),
        prop::sample::select(b"{}[],:\" \\0123456789.eE-+\n\x7f".to_vec()),
    ];
    let change = (0..message.len(), 0..3_u8, bytes);
    prop::collection::vec(change, 0..3).prop_map(move |changes| {
        let mut bytes = message.as_bytes().to_vec();
        for (at, kind, byte) in changes {
            let at = at.min(bytes.len() - 1);
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    })
}

#[test]
fn what_is_written_as_documented_is_scanned() {
    for flow in [FLOW, SPACED] {
        assert!(scan_line(flow.as_bytes()).is_some());
        for array in [format!("[{flow}]"), format!(" [ {flow} , {flow}\n] ")] {
            assert!(scan_array(array.as_bytes()).is_some(), "{array}");
        }
    }
    for batch in [BATCH, LAST_BATCH] {
        assert!(scan_batch(batch.as_bytes()).is_some(), "{batch}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn a_scanned_flow_is_a_parsed_flow(line in prop_oneof![mutated(FLOW), mutated(SPACED)]) {
        if let Some(flow) = scan_line(&line) {
            prop_assert_eq!(parse_line(&line, 0), Ok(flow));
        }
        let array = [b"[", line.as_slice(), b",", line.as_slice(), b"]"].concat();
        if let Some(flows) = scan_array(&array) {
            prop_assert_eq!(parse_flows(&array), Ok(flows));
        }
    }

    #[test]
    fn a_scanned_batch_is_a_parsed_batch(bytes in prop_oneof![mutated(BATCH), mutated(LAST_BATCH)]) {
        if let Some(batch) = scan_batch(&bytes) {
            prop_assert_eq!(parse_batch(&bytes), Ok(batch));
        }
    }
}
