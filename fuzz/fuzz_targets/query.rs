//! Query strings of reads: they are taken or refused with a reason that names a parameter, and
//! what is taken selects what a naive reading says.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| aggregator::fuzzing::query(text));
