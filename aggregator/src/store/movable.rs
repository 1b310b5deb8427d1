//! `Movable`: what a store does besides, so that all that it holds can be moved to another.

use async_trait::async_trait;

use super::{ApplyError, ReadError, Store};

/// A store whose contents can be moved, and to which others' can be.
#[async_trait]
pub trait Movable: Store {
    /// What was noted of a move into this store that has not ended; none if there is no such move.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn moving(&self) -> Result<Option<Vec<u8>>, ReadError>;

    /// Notes something of a move into this store, durably, or that it has ended.
    ///
    /// # Errors
    /// When it is not known whether that was noted.
    async fn set_moving(&self, note: Option<&[u8]>) -> Result<(), ApplyError>;

    /// The instances that have a batch here of which only a part may have been added, in order:
    /// what [`Store::instances`] says of them does not tell a resend of it.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn half_delivered(&self) -> Result<Vec<String>, ReadError>;
}
