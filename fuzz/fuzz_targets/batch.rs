//! Batches and receipts: what is read can be written, and is then read as the same.
#![no_main]

use flow_model::limits::MAX_BATCH_FLOWS;
use flow_model::wire::{decode_answer, decode_batch, encode_answer, encode_batch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(batch) = decode_batch(bytes) {
        let value: serde_json::Value = serde_json::from_slice(bytes).expect("it is JSON");
        let ended = value.get("ended").is_some_and(|ended| ended.as_bool() == Some(true));
        assert_eq!(ended, batch.ended);
        assert!(batch.sequence > 0 && batch.flows.len() <= MAX_BATCH_FLOWS);
        // What we write ourselves is scanned; what others write may have been parsed.
        assert_eq!(decode_batch(&encode_batch(&batch)).as_ref(), Ok(&batch));
    }
    if let Ok(answer) = decode_answer(bytes) {
        assert_eq!(decode_answer(&encode_answer(&answer)).as_ref(), Ok(&answer));
    }
});
