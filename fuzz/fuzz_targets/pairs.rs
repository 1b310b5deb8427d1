//! Serialised pairs, as guests of host-sim give them: they are refused, or are what writing them
//! again gives.
#![no_main]

use host_sim::pairs::{deserialize, serialize, serialized_len};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(pairs) = deserialize(bytes)
        && !bytes.is_empty()
    {
        assert_eq!(serialized_len(&pairs), bytes.len());
        assert_eq!(serialize(&pairs).as_deref(), Ok(bytes));
    }
});
