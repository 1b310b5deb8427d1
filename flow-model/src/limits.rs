//! Every bound of the vocabulary and of the wire format, in one place.

/// The largest value of a counter, and of every other integer on the wire: 2^63-1, so that it
/// fits the signed 64-bit integers of other languages and stores.
pub const MAX_COUNTER: u64 = i64::MAX as u64;

/// The longest name (`src_app`, `dest_app`, `vpc_id`, or an instance's id), in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 256;

/// The most flows that one batch may carry.
pub const MAX_BATCH_FLOWS: usize = 10_000;

/// The largest request body that a server must accept, and may refuse beyond, in bytes.
pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// The most bytes that JSON needs for one byte of a name: `"` and `\` take two.
/// (Control characters, which take six, are not allowed in names.)
const MAX_ESCAPED_BYTES: usize = 2;

/// Three names, their quotes, two counters of 19 digits, and punctuation.
const MAX_WIRE_FLOW_BYTES: usize = 3 * (MAX_NAME_BYTES * MAX_ESCAPED_BYTES + 3) + 2 * 20 + 3;

/// The most bytes that one hour's group adds around its flows.
const MAX_WIRE_HOUR_BYTES: usize = 40;

// The largest batch, even with a flow an hour, fits a body; a filter that keeps to
// MAX_BATCH_FLOWS never sees "too large".
const _: () =
    assert!(MAX_BATCH_FLOWS * (MAX_WIRE_FLOW_BYTES + MAX_WIRE_HOUR_BYTES) + 4096 <= MAX_BODY_BYTES);
