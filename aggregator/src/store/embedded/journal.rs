//! `Journal`: the store's directory. fjall keeps six keyspaces in it:
//!
//! | keyspace | key | value |
//! |---|---|---|
//! | `log` | index, u64 | the flows of the writes that one sync covered |
//! | `instances` | instance id | its dedupe record |
//! | `write_keys` | idempotency key | its dedupe record |
//! | `write_key_times` | time u64, idempotency key | nothing: what to forget first |
//! | `parts` | generation u64, hour u32, kind u8, chunk u32 | a chunk of an hour's names or records |
//! | `meta` | `format`, `checkpoint` | the directory's format; which parts and log entries count |
//! | `meta` | `moving` | how far the contents of another store have been moved here |
//!
//! Integers in keys are big-endian, so that they sort. A log entry and the dedupe record of its
//! write are committed in one atomic, synced write.

pub(super) mod checkpoint;
mod creation;
mod dedupe;
mod keys;
mod load;
mod mark;
mod moving;
pub(super) mod run;

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Slice};

use hashbrown::HashMap;

use self::creation::Creation;
use self::mark::Mark;
use super::record::dedupe::{StoredKey, encode_progress};
use crate::store::Progress;

/// What the directory's layout is; a directory of another format is refused.
const DIRECTORY_FORMAT: &[u8] = b"fas embedded store 2";

/// The layout before: its values are still read, and its first checkpoint makes it this one.
const OLD_DIRECTORY_FORMAT: &[u8] = b"fas embedded store 1";

/// fjall's block cache, in bytes: for cold hours and idempotency keys.
const BLOCK_CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// Why a directory cannot be opened, or is not usable any more.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process has it open.
    #[error("the directory is in use by another process")]
    Locked,
    /// It is something else, or of a version that this program does not know.
    #[error("the directory holds data of another format ({0:?}); this version reads {expected:?} \
             and the one before. Use the version of fas that wrote it, or a newer one",
            expected = String::from_utf8_lossy(DIRECTORY_FORMAT))]
    Format(String),
    /// A value cannot be read.
    #[error("{what} cannot be read: {reason}. Restore a backup")]
    Damaged {
        /// Which value.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Acknowledged writes are missing from the end of the log.
    #[error("the log ends with entry {found}, but {committed} were acknowledged: its journal is \
             damaged. Restore a backup; or, to go on without the missing writes, remove the file \
             {file} from the directory", file = mark::FILE_NAME)]
    Lost {
        /// The last entry that can be read.
        found: u64,
        /// The last entry that was committed.
        committed: u64,
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
    write_keys: Keyspace,
    write_key_times: Keyspace,
    parts: Keyspace,
    meta: Keyspace,
    mark: Mark,
}

/// The dedupe records of instances, by their ids.
pub(super) type Instances = HashMap<String, Progress>;

/// The dedupe records of writes that become durable together.
#[derive(Default)]
pub(super) struct Dedupe {
    pub instances: Instances,
    pub write_keys: HashMap<Vec<u8>, StoredKey>,
}

impl Journal {
    pub fn open(directory: &Path) -> Result<Self, JournalError> {
        std::fs::create_dir_all(directory)?;
        let creation = Creation::begin(directory)?;
        let database = Database::builder(directory).cache_size(BLOCK_CACHE_BYTES).open()?;
        let keyspace = |name| database.keyspace(name, KeyspaceCreateOptions::default);
        let journal = Self {
            log: keyspace("log")?,
            instances: keyspace("instances")?,
            write_keys: keyspace("write_keys")?,
            write_key_times: keyspace("write_key_times")?,
            parts: keyspace("parts")?,
            meta: keyspace("meta")?,
            mark: Mark::open(directory)?,
            database,
        };
        journal.check_format()?;
        creation.map_or(Ok(()), Creation::end)?;
        Ok(journal)
    }

    fn check_format(&self) -> Result<(), JournalError> {
        match self.meta.get("format")? {
            Some(format) if [DIRECTORY_FORMAT, OLD_DIRECTORY_FORMAT].contains(&&*format) => Ok(()),
            Some(other) => Err(JournalError::Format(String::from_utf8_lossy(&other).into_owned())),
            None => {
                self.meta.insert("format", DIRECTORY_FORMAT)?;
                Ok(self.database.persist(PersistMode::SyncAll)?)
            }
        }
    }

    /// Makes the next value of the log and its dedupe records durable, all or none.
    pub fn commit(&self, index: u64, value: Slice, dedupe: &Dedupe) -> Result<(), JournalError> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        batch.insert(&self.log, index.to_be_bytes(), value);
        for (id, progress) in &dedupe.instances {
            let bytes =
                encode_progress(progress).map_err(|error| damaged("a dedupe record", &error))?;
            batch.insert(&self.instances, id.as_bytes(), bytes);
        }
        for (key, stored) in &dedupe.write_keys {
            let bytes = stored.encode().map_err(|error| damaged("a dedupe record", &error))?;
            batch.insert(&self.write_key_times, dedupe::time_key(stored.applied_ms, key), []);
            batch.insert(&self.write_keys, key.as_slice(), bytes);
        }
        batch.commit()?;
        self.mark.set(index);
        Ok(())
    }
}

pub(super) fn damaged(what: &str, reason: &dyn std::fmt::Display) -> JournalError {
    JournalError::Damaged {
        what: what.to_owned(),
        reason: crate::text::one_line(&reason.to_string()),
    }
}

#[cfg(test)]
impl Journal {
    pub fn part_count(&self) -> Result<usize, JournalError> {
        Ok(self.parts.len()?)
    }

    pub fn set_mark(&self, log_index: u64) {
        self.mark.set(log_index);
    }

    pub fn format(&self) -> Option<Vec<u8>> {
        self.meta.get("format").unwrap().map(|format| format.to_vec())
    }

    /// The hours of the last checkpoint.
    pub fn stored_hours(&self) -> Vec<flow_model::Hour> {
        let bytes = self.meta.get("checkpoint").unwrap().unwrap_or_default();
        let checkpoint = super::record::checkpoint::StoredCheckpoint::decode(&bytes);
        checkpoint.unwrap_or_default().hours.iter().map(|stored| stored.hour).collect()
    }

    /// Puts a value as it is.
    pub fn put(&self, keyspace: &str, key: &[u8], value: &[u8]) {
        let keyspace = match keyspace {
            "log" => &self.log,
            "instances" => &self.instances,
            "parts" => &self.parts,
            _ => &self.meta,
        };
        keyspace.insert(key, value).unwrap();
        self.database.persist(PersistMode::SyncAll).unwrap();
    }
}
