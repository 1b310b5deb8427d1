//! `Journal`: the store's directory. fjall keeps four keyspaces in it:
//!
//! | keyspace | key | value |
//! |---|---|---|
//! | `log` | index, u64 | the flows of one write |
//! | `instances` | instance id | its dedupe record |
//! | `parts` | generation u64, hour u32, kind u8, chunk u32 | a chunk of an hour's names or records |
//! | `meta` | `format`, `checkpoint` | the directory's format; which parts and log entries count |
//!
//! Integers in keys are big-endian, so that they sort. A log entry and the dedupe record of its
//! batch are committed in one atomic, synced write.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Slice};
use flow_model::Hour;

use super::hour_table::HourSnapshot;
use super::memory::Memory;
use super::record::{self, DecodeError, StoredCheckpoint, StoredInstance};
use crate::limits::MAX_TRIM_ENTRIES;

/// What the directory's layout is; a directory of another format is refused.
const DIRECTORY_FORMAT: &[u8] = b"fas embedded store 1";

/// fjall's block cache, in bytes. The store reads from disk only when it opens.
const BLOCK_CACHE_BYTES: u64 = 4 * 1024 * 1024;

const KIND_NAMES: u8 = 0;
const KIND_RECORDS: u8 = 1;

/// Why a directory cannot be opened, or is not usable any more.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process has it open.
    #[error("the directory is in use by another process")]
    Locked,
    /// It is something else, or of a version that this program does not know.
    #[error("the directory holds data of another format ({0:?}); this version reads {expected:?}",
            expected = String::from_utf8_lossy(DIRECTORY_FORMAT))]
    Format(String),
    /// A value cannot be read.
    #[error("{what}: {reason}")]
    Damaged {
        /// Which value.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The disk or the database says no.
    #[error("{0}")]
    Storage(String),
}

impl From<fjall::Error> for JournalError {
    fn from(error: fjall::Error) -> Self {
        match error {
            fjall::Error::Locked => Self::Locked,
            other => Self::Storage(other.to_string()),
        }
    }
}

impl From<std::io::Error> for JournalError {
    fn from(error: std::io::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

#[derive(Clone)]
pub(super) struct Journal {
    database: Database,
    log: Keyspace,
    instances: Keyspace,
    parts: Keyspace,
    meta: Keyspace,
}

/// Writes that become durable together.
#[derive(Default)]
pub(super) struct Entries {
    pub log: Vec<(u64, Vec<u8>)>,
    pub instances: Vec<(String, StoredInstance)>,
}

/// What [`Journal::load`] found.
pub(super) struct Loaded {
    pub memory: Memory,
    pub checkpoint: StoredCheckpoint,
    /// The last log entry's index, or the checkpoint's.
    pub log_index: u64,
    /// The hours that the log has changed since the checkpoint.
    pub dirty: Vec<Hour>,
    /// The size of the log since the checkpoint, in bytes.
    pub log_bytes: u64,
}

impl Journal {
    pub fn open(directory: &Path) -> Result<Self, JournalError> {
        std::fs::create_dir_all(directory)?;
        let database = Database::builder(directory).cache_size(BLOCK_CACHE_BYTES).open()?;
        let keyspace = |name| database.keyspace(name, KeyspaceCreateOptions::default);
        let journal = Self {
            log: keyspace("log")?,
            instances: keyspace("instances")?,
            parts: keyspace("parts")?,
            meta: keyspace("meta")?,
            database,
        };
        journal.check_format()?;
        Ok(journal)
    }

    fn check_format(&self) -> Result<(), JournalError> {
        match self.meta.get("format")? {
            Some(format) if &*format == DIRECTORY_FORMAT => Ok(()),
            Some(other) => Err(JournalError::Format(String::from_utf8_lossy(&other).into_owned())),
            None => {
                self.meta.insert("format", DIRECTORY_FORMAT)?;
                Ok(self.database.persist(PersistMode::SyncAll)?)
            }
        }
    }

    /// Makes entries durable, all or none.
    pub fn commit(&self, entries: Entries) -> Result<(), JournalError> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for (index, bytes) in entries.log {
            batch.insert(&self.log, index.to_be_bytes(), bytes);
        }
        for (id, instance) in entries.instances {
            let bytes = instance.encode().map_err(|error| damaged("a dedupe record", &error))?;
            batch.insert(&self.instances, id.into_bytes(), bytes);
        }
        Ok(batch.commit()?)
    }

    /// Reads everything, and removes what a checkpoint that was cut short has left behind.
    pub fn load(&self) -> Result<Loaded, JournalError> {
        let checkpoint = match self.meta.get("checkpoint")? {
            Some(bytes) => StoredCheckpoint::decode(&bytes)
                .map_err(|error| damaged("the checkpoint", &error))?,
            None => StoredCheckpoint::default(),
        };
        self.trim(&checkpoint)?;
        let mut memory = Memory::default();
        for (hour, generation) in &checkpoint.hours {
            self.load_hour(&mut memory, *hour, *generation)?;
        }
        for item in self.instances.iter() {
            let (id, bytes) = item.into_inner()?;
            let id = String::from_utf8_lossy(&id).into_owned();
            let instance = StoredInstance::decode(&bytes)
                .map_err(|error| damaged(&format!("the dedupe record of {id}"), &error))?;
            memory.set_instance(id, instance);
        }
        self.replay(memory, checkpoint)
    }

    fn load_hour(
        &self,
        memory: &mut Memory,
        hour: Hour,
        generation: u64,
    ) -> Result<(), JournalError> {
        let what = || format!("hour {hour} of checkpoint {generation}");
        let table = memory.table_mut(hour);
        for item in self.parts.prefix(hour_prefix(generation, hour)) {
            let (key, bytes) = item.into_inner()?;
            // Names come first: kinds sort, and chunks within a kind.
            if key.get(12) == Some(&KIND_NAMES) {
                for name in record::decode_names(&bytes).map_err(|e| damaged(&what(), &e))? {
                    table.intern(&name).map_err(|e| damaged(&what(), &e))?;
                }
            } else {
                for record in record::decode_records(&bytes).map_err(|e| damaged(&what(), &e))? {
                    table.add_record(record).map_err(|e| damaged(&what(), &e))?;
                }
            }
        }
        Ok(())
    }

    fn replay(
        &self,
        mut memory: Memory,
        checkpoint: StoredCheckpoint,
    ) -> Result<Loaded, JournalError> {
        let mut log_index = checkpoint.log_index;
        let mut dirty = std::collections::BTreeSet::new();
        let mut log_bytes = 0;
        for item in self.log.range((log_index + 1).to_be_bytes()..) {
            let (key, bytes) = item.into_inner()?;
            log_index = key_index(&key)?;
            let what = || format!("log entry {log_index}");
            let (reporter, flows) =
                record::decode_write(&bytes).map_err(|error| damaged(&what(), &error))?;
            memory.add(&flows, reporter).map_err(|error| damaged(&what(), &error))?;
            dirty.extend(flows.iter().map(|flow| flow.hour));
            log_bytes += bytes.len() as u64;
        }
        let dirty = dirty.into_iter().collect();
        Ok(Loaded { memory, checkpoint, log_index, dirty, log_bytes })
    }

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
        let mut pointers: std::collections::BTreeMap<Hour, u64> =
            before.hours.iter().copied().collect();
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
    fn trim(&self, checkpoint: &StoredCheckpoint) -> Result<(), JournalError> {
        let current: std::collections::HashSet<[u8; 12]> = checkpoint
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

#[cfg(test)]
impl Journal {
    pub fn part_count(&self) -> Result<usize, JournalError> {
        Ok(self.parts.len()?)
    }

    pub fn set_format(&self, format: &str) {
        self.meta.insert("format", format).unwrap();
        self.database.persist(PersistMode::SyncAll).unwrap();
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

fn hour_prefix(generation: u64, hour: Hour) -> [u8; 12] {
    let mut key = [0; 12];
    let (first, last) = key.split_at_mut(8);
    first.copy_from_slice(&generation.to_be_bytes());
    last.copy_from_slice(&hour.to_be_bytes());
    key
}

fn part_key(generation: u64, hour: Hour, kind: u8, chunk: u32) -> Vec<u8> {
    let mut key = hour_prefix(generation, hour).to_vec();
    key.push(kind);
    key.extend_from_slice(&chunk.to_be_bytes());
    key
}

fn key_index(key: &[u8]) -> Result<u64, JournalError> {
    let bytes = key.try_into().map_err(|error| damaged("a log entry's key", &error))?;
    Ok(u64::from_be_bytes(bytes))
}

fn damaged(what: &str, reason: &dyn std::fmt::Display) -> JournalError {
    JournalError::Damaged { what: what.to_owned(), reason: reason.to_string() }
}
