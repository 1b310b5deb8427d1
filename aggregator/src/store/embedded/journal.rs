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

mod checkpoint;
mod keys;
mod load;
mod mark;

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use self::mark::Mark;
use super::record::StoredInstance;

/// What the directory's layout is; a directory of another format is refused.
const DIRECTORY_FORMAT: &[u8] = b"fas embedded store 1";

/// fjall's block cache, in bytes. The store reads from disk only when it opens.
const BLOCK_CACHE_BYTES: u64 = 4 * 1024 * 1024;

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
    parts: Keyspace,
    meta: Keyspace,
    mark: Mark,
}

/// Writes that become durable together.
#[derive(Default)]
pub(super) struct Entries {
    pub log: Vec<(u64, Vec<u8>)>,
    pub instances: Vec<(String, StoredInstance)>,
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
            mark: Mark::open(directory)?,
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
        let last_index = entries.log.last().map(|(index, _)| *index);
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for (index, bytes) in entries.log {
            batch.insert(&self.log, index.to_be_bytes(), bytes);
        }
        for (id, instance) in entries.instances {
            let bytes = instance.encode().map_err(|error| damaged("a dedupe record", &error))?;
            batch.insert(&self.instances, id.into_bytes(), bytes);
        }
        batch.commit()?;
        if let Some(index) = last_index {
            self.mark.set(index);
        }
        Ok(())
    }
}

fn damaged(what: &str, reason: &dyn std::fmt::Display) -> JournalError {
    JournalError::Damaged { what: what.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
impl Journal {
    pub fn part_count(&self) -> Result<usize, JournalError> {
        Ok(self.parts.len()?)
    }

    pub fn set_mark(&self, log_index: u64) {
        self.mark.set(log_index);
    }

    pub fn set_format(&self, format: &str) {
        self.meta.insert("format", format).unwrap();
        self.database.persist(PersistMode::SyncAll).unwrap();
    }
}
