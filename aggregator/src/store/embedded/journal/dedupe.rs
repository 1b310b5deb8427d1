//! Dedupe records on disk: the keys of direct writes are looked up here, and both kinds are
//! forgotten here when their time is over.

use fjall::Slice;

use super::{Journal, JournalError, damaged};
use crate::limits::MAX_FORGOTTEN;
use crate::store::embedded::record::dedupe::StoredKey;

impl Journal {
    /// The write that was applied under a key, if there was one.
    pub fn write_key(&self, key: &[u8]) -> Result<Option<StoredKey>, JournalError> {
        let stored = self.write_keys.get(key)?;
        let decoded = stored.map(|bytes| StoredKey::decode(&bytes)).transpose();
        decoded.map_err(|error| damaged("the record of an idempotency key", &error))
    }

    /// Forgets instances, and the keys of direct writes that were applied before a time, some at
    /// a time. Not synced: what is there again after a crash is forgotten again.
    pub fn forget(&self, instances: &[String], keys_before_ms: u64) -> Result<(), JournalError> {
        let mut batch = self.database.batch();
        for id in instances {
            batch.remove(&self.instances, id.as_bytes());
        }
        for item in self.write_key_times.range(..keys_before_ms.to_be_bytes()).take(MAX_FORGOTTEN) {
            let time_and_key = item.key()?;
            if let Some((time, key)) = time_and_key.split_first_chunk() {
                // The key may have been used again since.
                let known = self.write_key(key)?;
                if known.is_some_and(|known| known.applied_ms == u64::from_be_bytes(*time)) {
                    batch.remove(&self.write_keys, Slice::from(key));
                }
            }
            batch.remove(&self.write_key_times, time_and_key);
        }
        Ok(batch.commit()?)
    }
}

/// The key of a write key's entry by time.
pub(super) fn time_key(applied_ms: u64, key: &[u8]) -> Vec<u8> {
    [&applied_ms.to_be_bytes(), key].concat()
}
