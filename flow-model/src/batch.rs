//! `Batch`: what an instance delivers, and `Answer`: what it takes as delivered.

use crate::flow::Flow;
use crate::name::Name;
use crate::reporter::Reporter;

/// An immutable set of merged deltas of one instance. A resend has the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// The instance that saw the flows: one filter root in one VM, from its start to its end.
    pub instance: Name<'a>,
    /// The batch's number in its instance: 1, 2, 3, ... A number may be skipped (its batch was
    /// rejected), never used twice.
    pub sequence: u64,
    /// The side that saw the flows.
    pub reporter: Reporter,
    /// Milliseconds since the Unix epoch, by the instance's clock: all that the instance saw
    /// before this time is in batches up to this one.
    pub watermark_ms: u64,
    /// Bytes that the instance had to give up since the batch before, in both directions.
    pub lost_bytes: u64,
    /// Bytes of this batch that are in `_other` rows because the table was full.
    pub folded_bytes: u64,
    /// Whether the instance has ended, in order: all that it saw is in batches up to this one.
    pub ended: bool,
    /// The deltas, no key twice in an hour, grouped by hour.
    pub flows: Vec<Flow<'a>>,
}

/// What became of a batch that the aggregator took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its deltas have been added, durably.
    Applied,
    /// It had been applied before; nothing changed.
    Duplicate,
}

impl Status {
    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Duplicate => "duplicate",
        }
    }
}

/// The aggregator's receipt. Nothing else means that a batch was delivered: proxies on the way
/// answer requests, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The batch's instance.
    pub instance: Name<'a>,
    /// The batch's sequence.
    pub sequence: u64,
    /// What became of it.
    pub status: Status,
}
