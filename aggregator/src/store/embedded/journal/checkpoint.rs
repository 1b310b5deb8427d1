//! Writing a checkpoint, and letting go of what it replaces.

use std::collections::{BTreeMap, HashSet};

use fjall::{Database, Keyspace, PersistMode, Slice};
use flow_model::Hour;

use super::keys::{KIND_NAMES, KIND_RECORDS, hour_prefix, part_key};
use super::{Journal, JournalError, damaged};
use crate::limits::MAX_TRIM_ENTRIES;
use crate::store::embedded::hour_table::HourSnapshot;
use crate::store::embedded::record::{self, DecodeError, StoredCheckpoint};

impl Journal {
    /// Writes hours as they were after log entry `log_index`, and then lets go of the log up to
    /// there. Gives the new checkpoint and the bytes that it took.
    pub fn write_checkpoint(
        &self,
        before: &StoredCheckpoint,
        hours: &[(Hour, HourSnapshot)],
        log_index: u64,
    ) -> Result<(StoredCheckpoint, u64), JournalError> {
        let generation = before.generation + 1;
        let size_bytes = self.write_parts(generation, hours)?;
        let mut pointers: BTreeMap<Hour, u64> = before.hours.iter().copied().collect();
        pointers.extend(hours.iter().map(|(hour, _)| (*hour, generation)));
        let after =
            StoredCheckpoint { generation, hours: pointers.into_iter().collect(), log_index };
        let bytes = after.encode().map_err(|error| damaged("the checkpoint", &error))?;
        // The new parts are on disk and nothing refers to them. This one write makes them count,
        // and the log up to here not.
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        batch.insert(&self.meta, "checkpoint", bytes);
        batch.commit()?;
        // What is not removed now is removed when the directory is opened next.
        if let Err(error) = self.trim(&after) {
            log::warn!("replaced log entries and parts could not be removed: {error}");
        }
        Ok((after, size_bytes))
    }

    fn write_parts(
        &self,
        generation: u64,
        hours: &[(Hour, HourSnapshot)],
    ) -> Result<u64, JournalError> {
        let mut ingestion = self.parts.start_ingestion()?;
        let mut size_bytes = 0;
        let mut write = |hour, kind, chunk, encoded: Result<Vec<u8>, DecodeError>| {
            let bytes = encoded.map_err(|error| damaged("a checkpoint part", &error))?;
            size_bytes += bytes.len() as u64;
            Ok::<(), JournalError>(ingestion.write(part_key(generation, hour, kind, chunk), bytes)?)
        };
        for (hour, snapshot) in hours {
            for (chunk, names) in (0..).zip(snapshot.names.chunks()) {
                write(*hour, KIND_NAMES, chunk, record::encode_names(names))?;
            }
            for (chunk, records) in (0..).zip(snapshot.records.chunks()) {
                write(*hour, KIND_RECORDS, chunk, record::encode_records(records))?;
            }
        }
        ingestion.finish()?;
        Ok(size_bytes)
    }

    /// Removes log entries and parts that a checkpoint has replaced.
    pub(super) fn trim(&self, checkpoint: &StoredCheckpoint) -> Result<(), JournalError> {
        let current: HashSet<[u8; 12]> = checkpoint
            .hours
            .iter()
            .map(|(hour, generation)| hour_prefix(*generation, *hour))
            .collect();
        let is_stale = |key: &Slice| key.get(..12).is_none_or(|prefix| !current.contains(prefix));
        remove(&self.database, &self.parts, self.parts.iter(), is_stale)?;
        let replaced = self.log.range(..=checkpoint.log_index.to_be_bytes());
        remove(&self.database, &self.log, replaced, |_| true)
    }
}

fn remove(
    database: &Database,
    keyspace: &Keyspace,
    items: fjall::Iter,
    is_stale: impl Fn(&Slice) -> bool,
) -> Result<(), JournalError> {
    let mut batch = database.batch();
    for item in items {
        let key = item.key()?;
        if is_stale(&key) {
            batch.remove(keyspace, key);
        }
        if batch.len() == MAX_TRIM_ENTRIES {
            std::mem::replace(&mut batch, database.batch()).commit()?;
        }
    }
    Ok(batch.commit()?)
}
