//! Reading a directory when it is opened.

use std::collections::HashSet;

use flow_model::Hour;

use super::keys::{KIND_NAMES, hour_prefix, kind_of};
use super::{Journal, JournalError, damaged};
use crate::store::embedded::hour::HourState;
use crate::store::embedded::memory::Memory;
use crate::store::embedded::record::checkpoint::{StoredCheckpoint, StoredHour};
use crate::store::embedded::record::dedupe;
use crate::store::embedded::record::part;

/// What [`Journal::load`] found.
pub(in crate::store::embedded) struct Loaded {
    pub memory: Memory,
    pub checkpoint: StoredCheckpoint,
    /// The last log entry's index, or the checkpoint's.
    pub log_index: u64,
    /// The size of the log since the checkpoint, in bytes.
    pub log_bytes: u64,
}

/// A part of [`Journal::load`]: hours, or dedupe records.
type LoadedHours = Vec<(Hour, HourState)>;

impl Journal {
    /// Reads what belongs into memory, and removes what a checkpoint that was cut short has left
    /// behind. `is_hot` chooses the hours that belong there.
    pub fn load(
        &self,
        hot: impl Fn(&StoredCheckpoint) -> HashSet<Hour>,
    ) -> Result<Loaded, JournalError> {
        let checkpoint = match self.meta.get("checkpoint")? {
            Some(bytes) => StoredCheckpoint::decode(&bytes)
                .map_err(|error| damaged("the checkpoint", &error))?,
            None => StoredCheckpoint::default(),
        };
        self.trim(&checkpoint)?;
        let mut memory = Memory::default();
        let hot = hot(&checkpoint);
        let (warm, cold): (Vec<_>, Vec<_>) = checkpoint
            .hours
            .iter()
            .partition(|stored| !stored.is_sorted || hot.contains(&stored.hour));
        for stored in cold {
            memory.put_cold(stored.clone());
        }
        for (hour, state) in self.load_hours(&warm)? {
            *memory.hour_mut(hour) = state;
        }
        for item in self.instances.iter() {
            let (id, bytes) = item.into_inner()?;
            let id = String::from_utf8_lossy(&id).into_owned();
            let instance = dedupe::decode_progress(&bytes)
                .map_err(|error| damaged(&format!("the dedupe record of {id}"), &error))?;
            memory.set_instance(id, instance);
        }
        self.replay(memory, checkpoint)
    }

    /// Reads hours into memory, two at a time.
    fn load_hours(&self, stored: &[&StoredHour]) -> Result<LoadedHours, JournalError> {
        let load = |some: &[&StoredHour]| -> Result<LoadedHours, JournalError> {
            some.iter().map(|stored| Ok((stored.hour, self.load_hour(stored)?))).collect()
        };
        let (first, second) = stored.split_at(stored.len() / 2);
        std::thread::scope(|scope| {
            let other = scope.spawn(|| load(first));
            let mut hours = load(second)?;
            let others = other.join().map_err(|_| damaged("an hour", &"its reader ended"))??;
            hours.extend(others);
            Ok(hours)
        })
    }

    fn load_hour(&self, stored: &StoredHour) -> Result<HourState, JournalError> {
        let StoredHour { hour, generation, .. } = *stored;
        let what = || format!("hour {hour} of checkpoint {generation}");
        let mut state = HourState::default();
        let table = &mut state.table;
        table.reserve(usize::try_from(stored.flows).unwrap_or_default());
        for item in self.parts.prefix(hour_prefix(generation, hour)) {
            let (key, bytes) = item.into_inner()?;
            // Names come first: kinds sort, and chunks within a kind.
            if kind_of(&key) == Some(KIND_NAMES) {
                for name in part::decode_names(&bytes).map_err(|e| damaged(&what(), &e))? {
                    table.intern(&name).map_err(|e| damaged(&what(), &e))?;
                }
            } else {
                for record in part::decode_records(&bytes).map_err(|e| damaged(&what(), &e))? {
                    table.add_record(record).map_err(|e| damaged(&what(), &e))?;
                }
            }
        }
        // Parts that are missing have no checksum that could tell.
        if stored.is_sorted && state.table.totals() != stored.totals() {
            return Err(damaged(&what(), &"its flows do not add up to its totals"));
        }
        state.last_write = stored.last_write;
        // What an older version wrote is in no order: the next checkpoint puts it right.
        state.is_dirty = !stored.is_sorted;
        Ok(state)
    }

    fn replay(
        &self,
        mut memory: Memory,
        checkpoint: StoredCheckpoint,
    ) -> Result<Loaded, JournalError> {
        let mut log_index = checkpoint.log_index;
        let mut log_bytes = 0;
        for item in self.log.range((log_index + 1).to_be_bytes()..) {
            let (key, bytes) = item.into_inner()?;
            let expected = log_index + 1;
            log_index = key_index(&key)?;
            if log_index != expected {
                return Err(damaged("the log", &format!("entry {expected} is missing")));
            }
            memory
                .add_logged(&bytes, log_index)
                .map_err(|error| damaged(&format!("log entry {log_index}"), &error))?;
            log_bytes += bytes.len() as u64;
        }
        let committed = self.mark.get()?;
        if log_index < committed {
            return Err(JournalError::Lost { found: log_index, committed });
        }
        Ok(Loaded { memory, checkpoint, log_index, log_bytes })
    }
}

fn key_index(key: &[u8]) -> Result<u64, JournalError> {
    let bytes = key.try_into().map_err(|error| damaged("a log entry's key", &error))?;
    Ok(u64::from_be_bytes(bytes))
}
