//! What a store does, whatever it is built on: it applies writes exactly once and serves
//! snapshots. It knows flows, not HTTP and not JSON.
//!
//! Every store passes the suite in [`contract`].

pub mod changes;
pub mod cluster;
pub mod completeness;
#[cfg(test)]
mod contract;
pub mod embedded;
pub(crate) mod first;
pub mod instance;
pub mod movable;
pub mod selection;
pub mod summary;

use async_trait::async_trait;
use flow_model::{CounterError, Counters, Flow, FlowKey, Hour, Reporter, Status};

pub use self::changes::{ChangeSet, ChangedRow, Changes, ChangesError};
pub use self::instance::{Instance, Loss, Progress};
pub use self::movable::Movable;
pub use self::selection::{Condition, Filter, NameField, Pattern, Position, Selection};
pub use self::summary::{Group, GroupBy, GroupKey, OrderBy, Summary, Totals};

/// A place where flows accumulate.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Adds the write's flows, whole or not at all. When this returns `Ok`, the write is durable.
    /// When the caller does not wait for the end, either may have happened.
    ///
    /// # Errors
    /// When nothing was changed, and why.
    async fn apply(&self, write: Write<'_>) -> Result<Applied, ApplyError>;

    /// The selected flows as they are now, in order of hour and key, after a position if one is
    /// given, and at most `limit` of them if it is given. Writes go on while they are read. In one
    /// directory each hour is a snapshot; on a cluster each row is as it was when it was read.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn scan(
        &self,
        selection: Selection,
        after: Option<Position>,
        limit: Option<usize>,
    ) -> Result<Box<dyn Scan>, ReadError>;

    /// Sums of the selected flows by group: the `limit` largest groups and the rest.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn summarize(
        &self,
        selection: Selection,
        group_by: GroupBy,
        order_by: OrderBy,
        limit: usize,
    ) -> Result<Summary, ReadError>;

    /// The hours that have selected flows, in order, with their totals.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn hours(&self, selection: Selection) -> Result<Vec<(Hour, Totals)>, ReadError>;

    /// At most `limit` of the instances that have delivered batches, in order of their ids, after
    /// an id if one is given.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn instances(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Instance>, ReadError>;

    /// Notes how far an instance had come in another store, unless it has come as far here. When
    /// this returns `Ok`, it is durable.
    ///
    /// # Errors
    /// When it is not noted.
    async fn restore(&self, instance: &Instance) -> Result<(), ApplyError>;

    /// Shows all instances that are remembered, in no order.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn survey(&self, visit: Visit<'_>) -> Result<(), ReadError>;

    /// Since when instances and hours are remembered, in milliseconds since the Unix epoch: who
    /// was last seen before may have been forgotten, and so may the flows of an hour before.
    fn remembers_since_ms(&self) -> u64;

    /// When the last batch had come as the store was opened, in milliseconds since the Unix epoch:
    /// up to then instances could be heard.
    fn heard_until_ms(&self) -> u64;

    /// Follows what changes after `after`, the `up_to` of an earlier change, or from now on.
    ///
    /// # Errors
    /// When the store cannot tell what changes.
    async fn changes(
        &self,
        selection: Selection,
        after: Option<u64>,
    ) -> Result<Box<dyn Changes>, ReadError>;

    /// Whether writes can succeed.
    ///
    /// # Errors
    /// When they cannot, and why.
    async fn ready(&self) -> Result<(), NotReady>;

    /// Finishes what was accepted and lets go of the data. Later calls fail.
    async fn close(&self);
}

/// Looks at an instance's id and how far it has come. It holds up writes: no more than a look.
pub type Visit<'a> = &'a mut (dyn FnMut(&str, &Progress) + Send);

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Whether it was added, or had been before.
    pub status: Status,
    /// How many of its flows were left out, because their hour is no longer kept.
    pub expired_flows: u64,
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
    /// A direct write. It counts as reported by the source. A resend counts again, unless it has
    /// a key.
    Direct(Option<WriteKey>),
    /// A batch of an instance. It is applied if its sequence is beyond the instance's last one.
    Batch(Delivery<'a>),
    /// What another store holds of one side. The key is the move's own, and is for this write.
    Moved {
        /// What tells a resend.
        key: WriteKey,
        /// The side whose counters were moved.
        reporter: Reporter,
    },
}

impl Origin<'_> {
    /// The side whose counters the write adds to.
    pub fn reporter(&self) -> Reporter {
        match self {
            Self::Direct(_) => Reporter::Source,
            Self::Batch(delivery) => delivery.reporter,
            Self::Moved { reporter, .. } => *reporter,
        }
    }
}

/// What tells a resend of a direct write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteKey {
    /// The key that the writer chose, together with who it is: at most
    /// [`MAX_WRITE_KEY_BYTES`](crate::limits::MAX_WRITE_KEY_BYTES).
    pub key: Vec<u8>,
    /// A hash of what is written: the same key with another is refused.
    pub fingerprint: [u8; 32],
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
    /// See [`flow_model::Batch::ended`].
    pub ended: bool,
    /// How far the instance's clock is ahead of ours, in milliseconds; none if it does not tell.
    pub clock_offset_ms: Option<i64>,
}

impl Delivery<'_> {
    /// The same, borrowing nothing.
    pub fn into_owned(self) -> Delivery<'static> {
        let Self {
            instance,
            sequence,
            reporter,
            watermark_ms,
            lost_bytes,
            folded_bytes,
            ended,
            clock_offset_ms,
        } = self;
        Delivery {
            instance: instance.into_owned(),
            sequence,
            reporter,
            watermark_ms,
            lost_bytes,
            folded_bytes,
            ended,
            clock_offset_ms,
        }
    }
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

    /// The sums of the two, side by side.
    ///
    /// # Errors
    /// When a sum would leave the range of a counter.
    pub fn checked_add(self, other: Self) -> Result<Self, CounterError> {
        Ok(Self {
            source: self.source.checked_add(other.source)?,
            destination: self.destination.checked_add(other.destination)?,
        })
    }

    /// What is left when only one side is asked for: its counters alone, and nothing at all if it
    /// has reported no bytes.
    pub fn selected(self, reporter: Option<Reporter>) -> Option<Self> {
        let alone = match reporter {
            None => return Some(self),
            Some(Reporter::Source) => Self { source: self.source, ..Self::default() },
            Some(Reporter::Destination) => {
                Self { destination: self.destination, ..Self::default() }
            }
        };
        (alone != Self::default()).then_some(alone)
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
    /// The hour.
    pub hour: Hour,
    /// The key.
    pub key: FlowKey<'a>,
    /// Its counters.
    pub sides: Sides,
}

/// The rows of a read, one after the other, in order of hour and key. May block on a disk.
pub trait Scan: Send {
    /// The next row, which borrows from the snapshot; nothing after the last.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn next(&mut self) -> Result<Option<Row<'_>>, ReadError>;
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
    /// A write with the same key and other contents was applied before.
    #[error("the idempotency key was used for another write")]
    KeyReused,
    /// The store is closing, or its disk has failed: the reason is for the operator's log.
    #[error("the store takes no writes: {0}")]
    Unavailable(String),
}

/// Why a read failed; the reason is for the operator's log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot be read: {0}")]
pub struct ReadError(pub String);

/// Why writes cannot succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotReady {
    /// The reason in words that everybody may read.
    pub told: &'static str,
    /// The reason, for the operator's log.
    pub reason: String,
}

impl NotReady {
    /// For a reason that is nobody's secret.
    pub fn openly(told: &'static str) -> Self {
        Self { told, reason: told.to_owned() }
    }

    /// For a reason that only the operator should know.
    pub fn quietly(reason: String) -> Self {
        Self { told: "the store takes no writes", reason }
    }
}
