//! The times of pushes: how far apart they are, when it is, and what it is time for.

/// How often and how much is pushed.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The time between two pushes, in milliseconds.
    pub interval_ms: u64,
    /// The time that a push may take, in milliseconds.
    pub timeout_ms: u64,
    /// The most rows of a batch.
    pub max_batch_flows: usize,
}

/// The time, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Milliseconds since the instance's start, for waits.
    pub steady_ms: u64,
    /// Milliseconds since the Unix epoch, for what is said to others.
    pub wall_ms: u64,
}

/// What it is time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// A sign of life, between two pushes that are far apart.
    Heartbeat,
    /// What there is to report.
    Push,
    /// The same, and that there will be no more.
    End,
}
