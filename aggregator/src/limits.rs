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

/// The default of `--max-connections`.
pub const DEFAULT_MAX_CONNECTIONS: usize = 10_000;

/// File descriptors that connections leave to the store (its engine keeps up to 900 files open)
/// and to everything else.
pub const RESERVED_FILES: u64 = 1_024;

/// Connections beyond the bound that are told so at the same time; more are just closed.
pub const MAX_REFUSALS: usize = 64;

/// How long a refused client may take to read why.
pub const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long accepting pauses when the system has no file descriptor or memory for a connection.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a TLS handshake may take.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may be without a request in flight, also while the head of a request
/// dribbles in. Longer than the minute for which common load balancers keep theirs.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// The same while three quarters of the connections or more are taken.
pub const CROWDED_IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// How often at least a connection is looked at.
pub const CONNECTION_CHECK: Duration = Duration::from_secs(5);

/// How long a client may take nothing of what it is sent.
pub const WRITE_STALL: Duration = Duration::from_secs(30);

/// How long a request's body may take, besides a second for every [`MIN_BODY_RATE`] bytes.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes a second at which a long body must arrive.
pub const MIN_BODY_RATE: usize = 64 * 1024;

/// Bytes of request bodies in memory at a time, by what has arrived; beyond, requests are refused
/// as too many.
pub const MAX_BODIES_BYTES: usize = 256 * 1024 * 1024;

/// The longest query string, in bytes.
pub const MAX_QUERY_BYTES: usize = 16 * 1024;

/// The longest path, in bytes.
pub const MAX_PATH_BYTES: usize = 1_024;

/// Names and values of a request's headers, in bytes.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Headers of a request; also what hyper allows by default, where it needs no heap for them.
pub const MAX_HEADERS: usize = 100;

/// The whole head of a request as hyper takes it. What is between the bounds above and this one is
/// answered in words; beyond, hyper answers with the bare status.
pub const MAX_HEAD_BYTES: usize = 48 * 1024;

/// Requests at a time on one HTTP/2 connection.
pub const MAX_HTTP2_STREAMS: u32 = 100;

/// Bytes that may wait for the client in one HTTP/2 stream.
pub const HTTP2_SEND_BYTES: usize = 64 * 1024;

/// How often an HTTP/2 client is asked whether it is there, and how long it may take to answer.
pub const HTTP2_PING: Duration = Duration::from_secs(20);

/// How often files that are reloaded on change are looked at.
pub const RELOAD_POLL: Duration = Duration::from_secs(2);

/// The size of a token file, in bytes.
pub const MAX_TOKEN_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// The length of a token's name, in bytes.
pub const MAX_TOKEN_NAME_BYTES: usize = 64;

/// The random bytes in a token.
pub const TOKEN_BYTES: usize = 32;

// A single largest request always fits the queue and a group.
const _: () = assert!(MAX_QUEUED_BYTES >= 2 * MAX_BODY_BYTES);
const _: () = assert!(MAX_GROUP_WRITES <= MAX_QUEUED_WRITES);

// Bodies of the largest size are possible, several at a time.
const _: () = assert!(MAX_BODIES_BYTES >= 4 * MAX_BODY_BYTES);
// hyper takes every head that our own bounds allow.
const _: () = assert!(MAX_HEAD_BYTES > MAX_QUERY_BYTES + MAX_PATH_BYTES + MAX_HEADER_BYTES);
// Who writes fits beside the longest idempotency key that HTTP lets through.
const _: () = assert!(MAX_TOKEN_NAME_BYTES + 255 < MAX_WRITE_KEY_BYTES);
