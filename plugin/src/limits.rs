//! Every bound of the filter, in one place. What the wire format bounds is in `flow_model`.

use flow_model::limits::{MAX_BATCH_FLOWS, MAX_NAME_BYTES};

/// The shortest and longest time between two pushes, in milliseconds.
pub const INTERVAL_MS: (u64, u64) = (100, 3_600_000);

/// The time between two pushes where the configuration does not say, in milliseconds.
pub const DEFAULT_INTERVAL_MS: u64 = 5_000;

/// The shortest and longest time that a push may take, in milliseconds.
pub const TIMEOUT_MS: (u64, u64) = (100, 600_000);

/// The time that a push may take where the configuration does not say, in milliseconds.
pub const DEFAULT_TIMEOUT_MS: u64 = 5_000;

/// How long after its timeout a push without any callback is given up, in milliseconds.
pub const CALLBACK_GRACE_MS: u64 = 5_000;

/// The fewest and most rows that a table may hold.
pub const MAX_FLOWS: (u64, u64) = (1, 65_536);

/// The rows that a table may hold where the configuration does not say.
pub const DEFAULT_MAX_FLOWS: u64 = 4_096;

/// The fewest and most rows of one batch.
pub const BATCH_FLOWS: (u64, u64) = (1, 10_000);

/// The rows of one batch where the configuration does not say.
pub const DEFAULT_BATCH_FLOWS: u64 = 1_000;

/// The longest text in a configuration that is not a name: a path, a token, a header, in bytes.
pub const MAX_TEXT_BYTES: usize = 8_192;

/// The most data callbacks, in each direction of a stream, in which a peer that is not known yet
/// is looked for.
pub const MAX_TRIES: u8 = 8;

/// How many names, and how many keys, are kept to be used again: more than most sidecars see.
pub const RECENT: usize = 64;

/// How much of each end of a delivery on a connection is kept, to know it when it comes again.
pub const WINDOW_BYTES: u64 = 64;

/// How much must come again before it is taken for the same bytes, and not for equal ones.
pub const MIN_EVIDENCE_BYTES: u64 = 4;

/// How long after a delivery the next one may begin with the same bytes because they were held
/// back, in nanoseconds. Who is asked whether a connection may pass has answered by then.
pub const MAX_HOLD_NS: u64 = 10_000_000_000;

/// How often bytes must have come again before a doubt is decided for that.
pub const MIN_FINDINGS: u32 = 3;

/// The wait after a first failed push, in milliseconds; it doubles with every further one.
pub const BACKOFF_FIRST_MS: u64 = 500;

/// The longest wait that the filter chooses by itself, in milliseconds.
pub const BACKOFF_CAP_MS: u64 = 60_000;

/// The longest wait that a `Retry-After` can ask for, in seconds.
pub const RETRY_AFTER_CAP_S: u64 = 300;

/// The most that is read of an answer to a push, in bytes.
pub const MAX_ANSWER_BYTES: usize = 16_384;

/// The most of a rejection's reason that is logged, in bytes.
pub const MAX_REASON_BYTES: usize = 200;

/// The shortest and longest time between two ticks, in milliseconds.
pub const TICK_MS: (u64, u64) = (20, 1_000);

/// How many ticks fit an interval.
pub const TICKS_PER_INTERVAL: u64 = 5;

/// The longest silence of an instance that has seen traffic, in milliseconds: then it says that it
/// is there, and up to when it has told all. What is silent for long counts as lost.
pub const HEARTBEAT_MS: u64 = 60_000;

/// How often the word of the end is sent when there is nothing else to say: then Envoy need not
/// wait for an aggregator that is away.
pub const MAX_END_SENDS: u32 = 3;

/// How long before the end of an hour the clock is read at every callback, and not at ticks only,
/// in milliseconds: ten of the longest ticks, since a busy Envoy's are late.
pub const HOUR_MARGIN_MS: u64 = 10 * TICK_MS.1;

/// A step of the wall clock beyond this many ticks is taken for a clock that was set.
pub const MAX_STEP_TICKS: u64 = 10;

/// How often drawing a number from the shared counter is tried against other threads.
pub const MAX_DRAWS: u32 = 1_000;

/// The most instances of an Envoy process that can have a record of what they have not delivered.
pub const MAX_SLOTS: u32 = 1_024;

/// How long after one look at these records the next one is, in milliseconds.
pub const LOOK_MS: u64 = 1_000;

/// How many of these records an instance looks at then.
pub const LOOKS: u32 = 16;

/// How long an instance may leave its record as it is before another takes it for dead, in
/// milliseconds of the other's ticks.
pub const ABANDONED_MS: u64 = 10_000;

/// The same, where the other has not seen traffic, and would be heard of for this alone.
pub const ABANDONED_UNNAMED_MS: u64 = 30_000;

// A batch is never refused for its size: flow_model asserts that its largest fits a body.
const _: () = assert!(BATCH_FLOWS.1 <= MAX_BATCH_FLOWS as u64);
// An answer repeats an instance's id, at most doubled by escapes, and little else.
const _: () = assert!(2 * MAX_NAME_BYTES + 256 <= MAX_ANSWER_BYTES);
const _: () = assert!(INTERVAL_MS.0 / TICKS_PER_INTERVAL >= TICK_MS.0);
const _: () = assert!(BACKOFF_FIRST_MS < BACKOFF_CAP_MS);
// Who is late by a few ticks is alive.
const _: () = assert!(ABANDONED_MS >= 10 * TICK_MS.1);
const _: () = assert!(ABANDONED_MS < ABANDONED_UNNAMED_MS);
const _: () = assert!(BACKOFF_CAP_MS <= RETRY_AFTER_CAP_S * 1_000);
