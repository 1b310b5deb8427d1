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

/// How long a connection to a node of the cluster may take to be there.
pub const STORE_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a node may take for a group of writes, besides [`STORE_COPY_TIMEOUT`].
pub const STORE_GROUP_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a group of writes waits for the copies of what it wrote.
pub const STORE_COPY_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a write to the cluster may take in all, whatever moves or fails meanwhile: less than
/// filters wait for an answer.
pub const STORE_WRITE_PATIENCE: Duration = Duration::from_secs(4);

/// How long one step of a read may take in all.
pub const STORE_READ_PATIENCE: Duration = Duration::from_secs(8);

/// How long one node may take to answer a step of a read: another may be asked after that, which
/// has taken its place.
pub const STORE_ASK_TIMEOUT: Duration = Duration::from_secs(3);

/// For how long nothing is read from a copy that could not answer.
pub const COPY_REST: Duration = Duration::from_secs(10);

/// The pause before something is tried again that a node could not do.
pub const STORE_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// How often the nodes are asked who serves what, when nothing seems wrong.
pub const TOPOLOGY_INTERVAL: Duration = Duration::from_secs(5);

/// How long one node may take to say so.
pub const TOPOLOGY_PATIENCE: Duration = Duration::from_secs(1);

/// Commands that are sent to a node at a time.
pub const MAX_STORE_PIPELINE: usize = 512;

/// What one call of the script may cost a node, in microseconds about: far from the 10 ms for which
/// nothing may hold it.
pub const MAX_CALL_COST: usize = 4_000;

/// What it costs to add to a flow, of this.
pub const CALL_FLOW_COST: usize = 2;

/// What each source in an hour costs besides: keys of its own are looked up and written to.
pub const CALL_SOURCE_COST: usize = 20;

/// Writes that one call of the script covers.
pub const MAX_CALL_WRITES: usize = 500;

/// Calls of the script that one wait for copies covers.
pub const MAX_GROUP_CALLS: usize = 256;

/// Records of instances that a front end remembers for each shard and kind.
pub const MAX_KNOWN_RECORDS: usize = 2_048;

/// For how many seconds a direct write without a key is remembered: longer than it is tried.
pub const MADE_KEY_SECONDS: u64 = 60;

/// Flows that are moved to another store in one write and for each side. The keys that make a
/// repeated move harmless are made of these chunks: who goes on with a move must use the same.
pub const MOVE_CHUNK_FLOWS: usize = 1_000;

/// Such chunks that may be under way.
pub const MAX_MOVES: usize = 32;

/// Chunks after which it is noted how far a move has come.
pub const MOVES_PER_NOTE: u32 = 64;

/// Instances of a move that may be under way.
pub const MAX_RESTORES: usize = 256;

/// Instances that are read at once when they are moved.
pub const MOVE_INSTANCES: usize = 100_000;

/// How long a chunk or an instance is tried to be moved.
pub const MOVE_PATIENCE: Duration = Duration::from_secs(60);

/// How long a move may rest before it goes on: what tells a resend must not be forgotten.
pub const MAX_MOVE_REST: Duration = Duration::from_secs(24 * 3_600);

/// For how many seconds a chunk that was moved is remembered in a cluster.
pub const MOVED_KEY_SECONDS: u64 = 25 * 3_600;

/// Instances that an error names.
pub const MAX_NAMED_INSTANCES: usize = 5;

/// How long the connection for writes to a node stays when nothing is written.
pub const LANE_IDLE: Duration = Duration::from_secs(60);

/// Fields of a hash that one step of a scan asks for.
pub const SCAN_COUNT: usize = 1_000;

/// How often the scan of a hash begins anew because another node has answered, before it is given
/// up.
pub const MAX_SCAN_RESTARTS: u32 = 5;

/// Hours that a read asks for by their names; of more, it looks at all.
pub const MAX_NAMED_HOURS: u32 = 64;

/// Sources whose flows are read at a time.
pub const SCAN_SOURCES: usize = 256;

/// Shards whose instances are read at a time.
pub const SURVEY_SHARDS: usize = 64;

/// Parts of the shards that are summed at the same time.
pub const SUMMARY_TASKS: usize = 8;

/// How long it may take until all shards tell what changes.
pub const EAR_PATIENCE: Duration = Duration::from_secs(5);

/// How often a node that tells what changes is asked whether it is there.
pub const EAR_PING: Duration = Duration::from_secs(4);

/// How long it may say nothing.
pub const EAR_SILENCE: Duration = Duration::from_secs(12);

/// How far the clocks of two front ends may be apart for a follower that changes from one to the
/// other, in microseconds: as far as a filter's clock may be wrong.
pub const CHANGES_OVERLAP_US: u64 = 10_000_000;

/// Sums of an hour in a shard beyond which a write in several steps is looked at as a whole before
/// its first step: 2^61.
pub const NEAR_THE_LIMIT: u128 = 1 << 61;

/// The default of `--checkpoint-bytes`: the log's size at which a checkpoint is written, if the
/// last checkpoint was no larger.
pub const DEFAULT_CHECKPOINT_BYTES: u64 = 64 * 1024 * 1024;

/// Names or records of an hour that make one value on disk.
pub const PART_LEN: usize = 1_024;

/// Log entries that one batch of deletions covers after a checkpoint.
pub const MAX_TRIM_ENTRIES: usize = 4_096;

/// The longest `idempotency-key`, in bytes.
pub const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;

/// The longest key that tells a resend of a direct write, with who sent it, in bytes.
pub const MAX_WRITE_KEY_BYTES: usize = 512;

/// Compressed bodies that may be unpacked at the same time: each can become as large as a body
/// may be.
pub const MAX_UNPACKING: usize = 8;

/// The largest window of zstd, as a power of two: 8 MiB, what its format asks decoders to take.
pub const MAX_ZSTD_WINDOW_LOG: u32 = 23;

/// Bytes of the last log entries that are remembered for followers of the stream.
pub const MAX_RECENT_BYTES: usize = 8 * 1024 * 1024;

/// Changed flows at which an answer to a follower of the stream ends.
pub const MAX_CHANGED_KEYS: usize = 10_000;

/// Dedupe records that one sweep forgets.
pub const MAX_FORGOTTEN: usize = 10_000;

/// Hours in which an instance reported lost or folded bytes that are told apart.
pub const MAX_LOSS_HOURS: usize = 24;

/// How far an instance's clock may be from ours before its hours are called wrong. A push may
/// take seconds on its way, which looks like a clock that is behind.
pub const MAX_CLOCK_OFFSET: Duration = Duration::from_secs(10);

/// How long nothing may be heard of an instance before it counts as lost. Filters send something
/// every minute.
pub const LOST_AFTER: Duration = Duration::from_secs(15 * 60);

/// How long after its end an hour can be complete: the first batch of an instance that has just
/// begun comes within its interval.
pub const COMPLETE_GRACE: Duration = Duration::from_secs(30);

/// How old a look at all instances may be that says which hours are complete, if it is quick.
pub const MAX_OVERVIEW_AGE: Duration = Duration::from_secs(1);

/// How many times longer than it has taken such a look serves, so that looking is a tenth of the
/// time at most.
pub const LOOK_SERVES: u32 = 10;

/// Instances of a kind that a report on an hour names, unless `limit` says otherwise.
pub const DEFAULT_WITNESSES: usize = 100;

/// The largest `limit` of such a report.
pub const MAX_WITNESSES: usize = 1_000;

/// Flows of an audit, unless `limit` says otherwise; the largest `limit` is that of a page.
pub const DEFAULT_AUDIT_ROWS: usize = 100;

/// How often the committer looks for what has become too old, when nothing else happens.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The default of `--hot-hours`: hours that stay in memory, the last written ones.
pub const DEFAULT_HOT_HOURS: u32 = 48;

/// The default of `--memory-budget`: bytes of flows in memory beyond which hours leave it.
pub const DEFAULT_MEMORY_BUDGET: u64 = 2 * 1024 * 1024 * 1024;

/// The default of `--dedupe-hours`: how long it is remembered what was delivered.
pub const DEFAULT_DEDUPE_HOURS: u32 = 168;

/// Writes under way, from their head to their answer; more are refused before they are read.
pub const MAX_WRITES_IN_FLIGHT: usize = 2_048;

/// Bodies that are larger are decoded where they hold up nothing else.
pub const LARGE_BODY_BYTES: usize = 256 * 1024;

/// How long requests may wait for a thread; beyond, new ones are refused.
pub const MAX_LAG: Duration = Duration::from_millis(200);

/// How long a refusal for either reason is held back: the client sends nothing meanwhile.
pub const REFUSAL_PAUSE: Duration = Duration::from_millis(500);

/// How often the lag is measured while requests come.
pub const LAG_PROBE: Duration = Duration::from_millis(25);

/// When an overloaded client is asked to come back.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long a shutdown waits for requests in flight.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(20);

/// The size of a piece of a streamed answer, in bytes.
pub const STREAM_CHUNK_BYTES: usize = 64 * 1024;

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

/// Flows that `fas import` sends in one request. The keys that make a repeated import harmless
/// are made of these chunks, so another figure would make every import a new one.
pub const CHUNK_RECORDS: usize = 1_000;

/// The longest record that `fas import` reads, in bytes: three names with every character
/// escaped, with room for spaces.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;

/// The longest line of a log that `fas import --spill` reads, in bytes: a batch of the largest size
/// in JSON in JSON, where a quote takes four, and what loggers write around it.
pub const MAX_SPILL_LINE_BYTES: usize = 4 * MAX_BODY_BYTES + 64 * 1024;

/// The most requests that `fas import` may have in flight.
pub const MAX_PARALLEL_IMPORTS: u8 = 4;

/// How often `fas import` sends a chunk before it gives up: about a minute and a half.
pub const IMPORT_ATTEMPTS: u32 = 10;

/// How often a command asks a busy server for something that it reads.
pub const READ_ATTEMPTS: u32 = 4;

/// The first pause of the command line before it tries again, doubled each time; see
/// [`MAX_RETRY_PAUSE`].
pub const FIRST_RETRY_PAUSE: Duration = Duration::from_millis(250);

/// The longest such pause that the command line chooses by itself.
pub const MAX_RETRY_PAUSE: Duration = Duration::from_secs(15);

/// The longest pause that a server can make the command line take, by `retry-after`.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How long the command line waits for a connection.
pub const CLIENT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long `fas tail` waits for the next bytes of a stream, which has a comment every 15 s.
pub const STREAM_SILENCE: Duration = Duration::from_secs(45);

/// Rows that the command line asks for at once.
pub const PAGE_ROWS: u64 = 10_000;

/// Rows that a table for people is laid out by at once.
pub const TABLE_PAGE_ROWS: u64 = 1_000;

/// The largest answer that the command line takes, in bytes.
pub const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// The largest event of a stream that the command line takes, in bytes.
pub const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// Flows whose last figures `fas tail` remembers.
pub const MAX_REMEMBERED_FLOWS: usize = 100_000;

/// The default of `--max-connections`.
pub const DEFAULT_MAX_CONNECTIONS: usize = 10_000;

/// File descriptors that connections leave to the store (its engine keeps up to 900 files open)
/// and to everything else.
pub const RESERVED_FILES: u64 = 1_024;

/// Connections beyond the bound that are told so at the same time; more are just closed.
pub const MAX_REFUSALS: usize = 64;

/// How long a refused client may take to read why.
pub const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// How much of a body that nobody wants is taken in after the answer: a client that is still sending
/// would lose the answer if the connection were closed at once (RFC 9112, 9.6).
pub const LINGER_BYTES: usize = 256 * 1024;

/// How long a client may take to notice that its answer is there.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

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

// There is time to ask who has taken a node's place.
const _: () = assert!(STORE_READ_PATIENCE.as_secs() >= 2 * STORE_ASK_TIMEOUT.as_secs());

// A single largest request always fits the queue and a group.
const _: () = assert!(MAX_QUEUED_BYTES >= 2 * MAX_BODY_BYTES);
const _: () = assert!(MAX_GROUP_WRITES <= MAX_QUEUED_WRITES);

// A page without a limit, and hints without one, are allowed pages and hints.
const _: () = assert!(DEFAULT_PAGE_ROWS <= MAX_PAGE_ROWS && DEFAULT_SUMMARY_ROWS <= MAX_PAGE_ROWS);
const _: () = assert!(DEFAULT_HINTS <= MAX_HINTS && DEFAULT_WITNESSES <= MAX_WITNESSES);
const _: () = assert!(DEFAULT_AUDIT_ROWS <= MAX_PAGE_ROWS);

// A clock that is as wrong as may be, and a filter's pace, are far from what makes one lost.
const _: () = assert!(LOST_AFTER.as_secs() >= 10 * 60 + MAX_CLOCK_OFFSET.as_secs());
const _: () = assert!(COMPLETE_GRACE.as_secs() >= MAX_CLOCK_OFFSET.as_secs());

// A chunk of an import fits a body, though every name were as long and as much escaped as it can
// be; and so does a page an answer.
const MAX_FLOW_BYTES: usize = 3 * 2 * flow_model::limits::MAX_NAME_BYTES + 256;
const _: () = assert!(CHUNK_RECORDS * MAX_FLOW_BYTES <= MAX_BODY_BYTES);
const _: () = assert!(PAGE_ROWS * MAX_FLOW_BYTES as u64 <= MAX_ANSWER_BYTES);
const _: () = assert!(MAX_FLOW_BYTES <= MAX_RECORD_BYTES);

// Who goes on with a move in time finds what tells its resends, also if clocks are a little off.
const _: () = assert!(MOVED_KEY_SECONDS >= MAX_MOVE_REST.as_secs() + 3_600);

// The key of a direct write is the token's name, a NUL and the header.
const _: () = assert!(MAX_TOKEN_NAME_BYTES + 1 + MAX_IDEMPOTENCY_KEY_BYTES <= MAX_WRITE_KEY_BYTES);

// Bodies of the largest size are possible, several at a time.
const _: () = assert!(MAX_BODIES_BYTES >= 4 * MAX_BODY_BYTES);
// hyper takes every head that our own bounds allow.
const _: () = assert!(MAX_HEAD_BYTES > MAX_QUERY_BYTES + MAX_PATH_BYTES + MAX_HEADER_BYTES);
// Who writes fits beside the longest idempotency key that HTTP lets through.
const _: () = assert!(MAX_TOKEN_NAME_BYTES + 255 < MAX_WRITE_KEY_BYTES);
