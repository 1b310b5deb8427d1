//! `Changes`: what writes have changed, for those who follow a store as it grows.

use async_trait::async_trait;
use flow_model::{FlowKey, Hour};

use super::Sides;

/// Flows that have changed, as they are now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// All changes up to this number have been given. The numbers of a store only grow.
    pub up_to: u64,
    /// The flows, in order of hour and key, each once. None if no change passed the filter.
    pub rows: Vec<ChangedRow>,
}

/// A flow that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedRow {
    /// The hour.
    pub hour: Hour,
    /// The key.
    pub key: FlowKey<'static>,
    /// The counters as they are now.
    pub sides: Sides,
}

/// Why there are no more changes to be had from here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangesError {
    /// More has changed than is remembered: the follower was away or slow for too long. Read
    /// anew, and follow from `up_to`.
    #[error("more has changed than is remembered; read anew, and follow from {up_to}")]
    Missed {
        /// The last change that there is.
        up_to: u64,
    },
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
    /// The store cannot be read; the reason is for the operator's log.
    #[error("the store cannot be read: {0}")]
    Unreadable(String),
}

/// Follows a store. It holds up nobody: who does not come back in time has missed something.
#[async_trait]
pub trait Changes: Send {
    /// The number up to which all changes have been given: at first where it began to follow.
    fn up_to(&self) -> u64;

    /// Waits until something has changed since the last call, whether or not it passes the
    /// filter, and gives what does.
    ///
    /// # Errors
    /// When changes were missed, or the store cannot be read.
    async fn next(&mut self) -> Result<ChangeSet, ChangesError>;
}
