//! What a store does, whatever it is built on: it applies writes exactly once and serves
//! snapshots. It knows flows, not HTTP and not JSON.
//!
//! Every store passes the suite in [`contract`].

#[cfg(test)]
mod contract;
pub mod embedded;

use async_trait::async_trait;
use flow_model::{Counters, Flow, FlowKey, Hour, Reporter, Status};

/// A place where flows accumulate.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Adds the write's flows, whole or not at all. When this returns `Ok`, the write is durable.
    /// When the caller does not wait for the end, either may have happened.
    ///
    /// # Errors
    /// When nothing was changed, and why.
    async fn apply(&self, write: Write<'_>) -> Result<Status, ApplyError>;

    /// A snapshot of an hour, in key order. Writes go on while it is read.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn scan(&self, hour: Hour) -> Result<Box<dyn Scan>, ReadError>;

    /// The hours that have flows, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn hours(&self) -> Result<Vec<Hour>, ReadError>;

    /// The instances that have delivered batches, in order of their ids.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn instances(&self) -> Result<Vec<Instance>, ReadError>;

    /// Whether writes can succeed.
    ///
    /// # Errors
    /// When they cannot, with a reason for the operator.
    async fn ready(&self) -> Result<(), ReadError>;

    /// Finishes what was accepted and lets go of the data. Later calls fail.
    async fn close(&self);
}

/// Deltas to be added.
#[derive(Clone, Debug)]
pub struct Write<'a> {
    /// Where they come from, and so how a resend is told.
    pub origin: Origin<'a>,
    /// The deltas; a key may occur more than once.
    pub flows: Vec<Flow<'a>>,
}

/// Where a write comes from.
#[derive(Clone, Debug)]
pub enum Origin<'a> {
    /// A direct write. It counts as reported by the source, and a resend counts again.
    Direct,
    /// A batch of an instance. It is applied if its sequence is beyond the instance's last one.
    Batch(Delivery<'a>),
}

impl Origin<'_> {
    /// The side whose counters the write adds to.
    pub fn reporter(&self) -> Reporter {
        match self {
            Self::Direct => Reporter::Source,
            Self::Batch(delivery) => delivery.reporter,
        }
    }
}

/// A batch without its flows.
#[derive(Clone, Debug)]
pub struct Delivery<'a> {
    /// The instance's id.
    pub instance: flow_model::Name<'a>,
    /// The batch's number in its instance.
    pub sequence: u64,
    /// The side that saw the flows.
    pub reporter: Reporter,
    /// See [`flow_model::Batch::watermark_ms`].
    pub watermark_ms: u64,
    /// See [`flow_model::Batch::lost_bytes`].
    pub lost_bytes: u64,
    /// See [`flow_model::Batch::folded_bytes`].
    pub folded_bytes: u64,
}

/// What an instance has delivered so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The instance's id.
    pub id: String,
    /// The sequence of its last batch.
    pub sequence: u64,
    /// The side of its last batch.
    pub reporter: Reporter,
    /// The watermark of its last batch, in milliseconds since the Unix epoch, by its own clock.
    pub watermark_ms: u64,
    /// Bytes that it reported lost, in all; it stops at the largest counter.
    pub lost_bytes: u64,
    /// Bytes that it folded into `_other` rows, in all; it stops at the largest counter.
    pub folded_bytes: u64,
    /// When its last batch arrived, in milliseconds since the Unix epoch, by our clock.
    pub last_seen_ms: u64,
}

/// The counters of the two sides, kept apart because they count the same bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// What the source side reported.
    pub source: Counters,
    /// What the destination side reported.
    pub destination: Counters,
}

impl Sides {
    /// The counters of one side.
    pub fn side_mut(&mut self, reporter: Reporter) -> &mut Counters {
        match reporter {
            Reporter::Source => &mut self.source,
            Reporter::Destination => &mut self.destination,
        }
    }

    /// One figure for both: the larger, direction by direction. A side can miss bytes, because it
    /// has no sidecar or has not delivered yet; it does not invent any.
    pub fn reconciled(&self) -> Counters {
        self.source.max(self.destination)
    }
}

/// One key of an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// The key.
    pub key: FlowKey<'a>,
    /// Its counters.
    pub sides: Sides,
}

/// The rows of a snapshot, one after the other, in key order.
pub trait Scan: Send {
    /// The next row, which borrows from the snapshot.
    fn next(&mut self) -> Option<Row<'_>>;
}

/// Why a write changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Too much is waiting. The client may try again.
    #[error("too many writes are waiting")]
    Overloaded,
    /// A sum would leave the range of counters.
    #[error("element {index}: the sum of {field} would exceed 2^63-1")]
    Overflow {
        /// The position of the flow whose addition fails.
        index: usize,
        /// Which counter.
        field: &'static str,
    },
    /// The store is closing, or its disk has failed: the reason is for the operator's log.
    #[error("the store takes no writes: {0}")]
    Unavailable(String),
}

/// Why a read failed; the reason is for the operator's log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot be read: {0}")]
pub struct ReadError(pub String);
