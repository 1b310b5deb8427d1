//! How far the contents of another store have been moved into this directory.

use fjall::PersistMode;

use super::{Journal, JournalError};

/// Where it is noted in `meta`.
const KEY: &str = "moving";

impl Journal {
    /// What was noted of a move that has not ended.
    pub fn moving(&self) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(self.meta.get(KEY)?.map(|note| note.to_vec()))
    }

    /// Notes how far a move is, or that there is none any more.
    pub fn set_moving(&self, note: Option<&[u8]>) -> Result<(), JournalError> {
        match note {
            Some(note) => self.meta.insert(KEY, note)?,
            None => self.meta.remove(KEY)?,
        }
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }
}
