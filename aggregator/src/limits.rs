//! Every bound of the aggregator, in one place. The bounds of the vocabulary are in
//! `flow_model::limits`.

use std::time::Duration;

pub use flow_model::limits::MAX_BODY_BYTES;

/// Writes that may wait for the committer; beyond, a write is refused as overloaded.
pub const MAX_QUEUED_WRITES: usize = 4_096;

/// Bytes of log records that may wait for the committer; beyond, a write is refused as
/// overloaded.
pub const MAX_QUEUED_BYTES: usize = 256 * 1024 * 1024;

/// Writes that one sync may cover.
pub const MAX_GROUP_WRITES: usize = 1_024;

/// Bytes of log records that one sync may cover, beyond the first.
pub const MAX_GROUP_BYTES: usize = 32 * 1024 * 1024;

/// The default of `--checkpoint-bytes`: the log's size at which a checkpoint is written, if the
/// last checkpoint was no larger.
pub const DEFAULT_CHECKPOINT_BYTES: u64 = 64 * 1024 * 1024;

/// Names or records of an hour that make one value on disk.
pub const PART_LEN: usize = 1_024;

/// Log entries that one batch of deletions covers after a checkpoint.
pub const MAX_TRIM_ENTRIES: usize = 4_096;

/// The longest key that tells a resend of a direct write, with who sent it, in bytes.
pub const MAX_WRITE_KEY_BYTES: usize = 512;

/// Bytes of the last log entries that are remembered for followers of the stream.
pub const MAX_RECENT_BYTES: usize = 8 * 1024 * 1024;

/// Changed flows at which an answer to a follower of the stream ends.
pub const MAX_CHANGED_KEYS: usize = 10_000;

/// Dedupe records that one sweep forgets.
pub const MAX_FORGOTTEN: usize = 10_000;

/// How often the committer looks for what has become too old, when nothing else happens.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The default of `--hot-hours`: hours that stay in memory, the last written ones.
pub const DEFAULT_HOT_HOURS: u32 = 48;

/// The default of `--memory-budget`: bytes of flows in memory beyond which hours leave it.
pub const DEFAULT_MEMORY_BUDGET: u64 = 2 * 1024 * 1024 * 1024;

/// The default of `--dedupe-hours`: how long it is remembered what was delivered.
pub const DEFAULT_DEDUPE_HOURS: u32 = 168;

/// When an overloaded client is asked to come back.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long a shutdown waits for requests in flight.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(20);

/// The size of a piece of a streamed answer, in bytes.
pub const STREAM_CHUNK_BYTES: usize = 64 * 1024;

/// The longest query string, in bytes.
pub const MAX_QUERY_BYTES: usize = 16 * 1024;

/// Names and prefixes that one read may filter by, in all.
pub const MAX_FILTER_VALUES: usize = 100;

/// Rows of a page, unless `limit` says otherwise.
pub const DEFAULT_PAGE_ROWS: usize = 1_000;

/// The largest `limit` of a page and of a summary.
pub const MAX_PAGE_ROWS: usize = 10_000;

/// Groups of a summary, unless `limit` says otherwise.
pub const DEFAULT_SUMMARY_ROWS: usize = 20;

/// Hints, unless `limit` says otherwise.
pub const DEFAULT_HINTS: usize = 10;

/// The largest `limit` of hints.
pub const MAX_HINTS: usize = 1_000;

/// The latest hours with flows that hints are taken from, unless hours are given.
pub const HINT_HOURS: usize = 24;

/// Reads that may be under way, from the first look at the store to the last byte.
pub const MAX_CONCURRENT_READS: usize = 32;

/// How long a read waits for its turn before it is refused.
pub const READ_WAIT: Duration = Duration::from_secs(1);

/// Rows of a record batch in an Arrow stream.
pub const ARROW_BATCH_ROWS: usize = 8_192;

/// Followers of `/v1/stream`.
pub const MAX_STREAMS: usize = 1_000;

/// The least time between two events of a stream.
pub const STREAM_INTERVAL: Duration = Duration::from_secs(1);

/// Flows in one event of a stream; more are split.
pub const MAX_STREAM_EVENT_ROWS: usize = 1_000;

/// The longest silence on a stream.
pub const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a stream waits for its reader to take what was sent.
pub const STREAM_STALL: Duration = Duration::from_secs(10);

// A single largest request always fits the queue and a group.
const _: () = assert!(MAX_QUEUED_BYTES >= 2 * MAX_BODY_BYTES);
const _: () = assert!(MAX_GROUP_WRITES <= MAX_QUEUED_WRITES);
// A page without a limit, and hints without one, are allowed pages and hints.
const _: () = assert!(DEFAULT_PAGE_ROWS <= MAX_PAGE_ROWS && DEFAULT_SUMMARY_ROWS <= MAX_PAGE_ROWS);
const _: () = assert!(DEFAULT_HINTS <= MAX_HINTS);
