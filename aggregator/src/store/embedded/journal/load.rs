//! Reading a directory when it is opened.

use std::collections::BTreeSet;

use flow_model::Hour;

use super::keys::{KIND_NAMES, hour_prefix, kind_of};
use super::{Journal, JournalError, damaged};
use crate::store::embedded::memory::Memory;
use crate::store::embedded::record::{self, StoredCheckpoint, StoredInstance};

/// What [`Journal::load`] found.
pub(in crate::store::embedded) struct Loaded {
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
            if kind_of(&key) == Some(KIND_NAMES) {
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
        let mut dirty = BTreeSet::new();
        let mut log_bytes = 0;
        for item in self.log.range((log_index + 1).to_be_bytes()..) {
            let (key, bytes) = item.into_inner()?;
            let expected = log_index + 1;
            log_index = key_index(&key)?;
            if log_index != expected {
                return Err(damaged("the log", &format!("entry {expected} is missing")));
            }
            let what = || format!("log entry {log_index}");
            let (reporter, flows) =
                record::decode_write(&bytes).map_err(|error| damaged(&what(), &error))?;
            memory.add(&flows, reporter).map_err(|error| damaged(&what(), &error))?;
            dirty.extend(flows.iter().map(|flow| flow.hour));
            log_bytes += bytes.len() as u64;
        }
        let committed = self.mark.get()?;
        if log_index < committed {
            return Err(JournalError::Lost { found: log_index, committed });
        }
        let dirty = dirty.into_iter().collect();
        Ok(Loaded { memory, checkpoint, log_index, dirty, log_bytes })
    }
}

fn key_index(key: &[u8]) -> Result<u64, JournalError> {
    let bytes = key.try_into().map_err(|error| damaged("a log entry's key", &error))?;
    Ok(u64::from_be_bytes(bytes))
}
