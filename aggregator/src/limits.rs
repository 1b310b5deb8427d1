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

/// Log entries that one batch of deletions covers after a checkpoint.
pub const MAX_TRIM_ENTRIES: usize = 4_096;

/// The longest key that tells a resend of a direct write, with who sent it, in bytes.
pub const MAX_WRITE_KEY_BYTES: usize = 512;

/// When an overloaded client is asked to come back.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long a shutdown waits for requests in flight.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(20);

/// The size of a piece of a streamed answer, in bytes.
pub const STREAM_CHUNK_BYTES: usize = 64 * 1024;

// A single largest request always fits the queue and a group.
const _: () = assert!(MAX_QUEUED_BYTES >= 2 * MAX_BODY_BYTES);
const _: () = assert!(MAX_GROUP_WRITES <= MAX_QUEUED_WRITES);
