//! Stored values: any bytes are read or refused, and what is read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| aggregator::fuzzing::stored(bytes));
