//! What is noted in a directory while the contents of another store are moved into it.

use async_trait::async_trait;

use super::{EmbeddedStore, blocking};
use crate::store::{ApplyError, Movable, ReadError};

#[async_trait]
impl Movable for EmbeddedStore {
    async fn moving(&self) -> Result<Option<Vec<u8>>, ReadError> {
        let journal = self.journal()?;
        let note = blocking(move || journal.moving()).await?;
        note.map_err(|error| ReadError(error.to_string()))
    }

    async fn set_moving(&self, note: Option<&[u8]>) -> Result<(), ApplyError> {
        let unavailable = |error: ReadError| ApplyError::Unavailable(error.0);
        let journal = self.journal().map_err(unavailable)?;
        let note = note.map(<[u8]>::to_vec);
        let noted = blocking(move || journal.set_moving(note.as_deref())).await;
        noted.map_err(unavailable)?.map_err(|error| ApplyError::Unavailable(error.to_string()))
    }

    async fn half_delivered(&self) -> Result<Vec<String>, ReadError> {
        // A batch is one commit.
        Ok(Vec::new())
    }
}
