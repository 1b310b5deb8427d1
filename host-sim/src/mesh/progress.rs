//! How far a mesh has come.

/// How far the sidecars of one thread have come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Which thread.
    pub thread: usize,
    /// Virtual time since the start, in nanoseconds.
    pub virtual_ns: u64,
    /// Callbacks that have run.
    pub callbacks: u64,
    /// Calls that reached the receiver.
    pub pushes: u64,
}
