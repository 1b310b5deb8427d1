//! `Tally`: how many batches took which way.

/// What became of the batches so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Batches that the aggregator has.
    pub delivered: u64,
    /// Pushes that had to be repeated.
    pub retried: u64,
    /// Batches that the aggregator will never take.
    pub rejected: u64,
    /// The bytes of rejected batches.
    pub rejected_bytes: u64,
}
