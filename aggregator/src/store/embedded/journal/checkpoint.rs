//! Writing a checkpoint, and letting go of what it replaces.

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;

use fjall::PersistMode;
use flow_model::{Hour, Name};

use super::keys::{KIND_NAMES, KIND_RECORDS, hour_prefix, part_key};
use super::{Journal, JournalError, damaged};
use crate::limits::{MAX_TRIM_ENTRIES, PART_LEN};
use crate::store::Totals;
use crate::store::embedded::hour_table::Record;
use crate::store::embedded::hour_view::HourView;
use crate::store::embedded::record::checkpoint::{StoredCheckpoint, StoredHour};
use crate::store::embedded::record::{DecodeError, part};

/// What a checkpoint is made of.
pub(in crate::store::embedded) struct CheckpointPlan {
    /// The hours that have changed since the checkpoint before, as they are.
    pub hours: Vec<HourPlan>,
    /// The last log entry that these contain.
    pub log_index: u64,
    /// Hours before this one are let go.
    pub first_hour: Hour,
}

/// An hour that is about to be written.
pub(in crate::store::embedded) struct HourPlan {
    pub view: HourView,
    /// All bytes ever added to it.
    pub sum: u128,
    /// The last log entry that added to it.
    pub last_write: u64,
}

impl Journal {
    /// Writes the hours of a plan. Gives the new checkpoint and the bytes that it took. What it
    /// replaces stays until [`Self::trim`].
    pub fn write_checkpoint(
        &self,
        before: &StoredCheckpoint,
        plan: &CheckpointPlan,
    ) -> Result<(StoredCheckpoint, u64), JournalError> {
        let generation = before.generation + 1;
        let (written, size_bytes) = self.write_hours(generation, &plan.hours)?;
        let mut hours: BTreeMap<Hour, StoredHour> =
            before.hours.iter().map(|stored| (stored.hour, stored.clone())).collect();
        hours.extend(written.into_iter().map(|stored| (stored.hour, stored)));
        hours.retain(|hour, _| *hour >= plan.first_hour);
        let hours = hours.into_values().collect();
        let CheckpointPlan { log_index, first_hour, .. } = *plan;
        let after = StoredCheckpoint { generation, hours, log_index, first_hour };
        let bytes = after.encode().map_err(|error| damaged("the checkpoint", &error))?;
        // The new parts are on disk and nothing refers to them. This one write makes them count,
        // and the log up to here not.
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        batch.insert(&self.meta, "checkpoint", bytes);
        batch.insert(&self.meta, "format", super::DIRECTORY_FORMAT);
        batch.commit()?;
        Ok((after, size_bytes))
    }

    fn write_hours(
        &self,
        generation: u64,
        plans: &[HourPlan],
    ) -> Result<(Vec<StoredHour>, u64), JournalError> {
        let mut ingestion = self.parts.start_ingestion()?;
        let mut size_bytes = 0;
        let mut put = |key: Vec<u8>, bytes: Vec<u8>| {
            size_bytes += bytes.len() as u64;
            Ok(ingestion.write(key, bytes)?)
        };
        let mut written = Vec::with_capacity(plans.len());
        for plan in plans {
            let hour = plan.view.hour();
            written.push(HourWriter { put: &mut put, generation, hour }.write(plan)?);
        }
        ingestion.finish()?;
        Ok((written, size_bytes))
    }

    /// Removes log entries and parts that a checkpoint has replaced.
    pub fn trim(&self, checkpoint: &StoredCheckpoint) -> Result<(), JournalError> {
        let current: HashSet<[u8; 12]> = checkpoint
            .hours
            .iter()
            .map(|stored| hour_prefix(stored.generation, stored.hour))
            .collect();
        // From one hour's parts to the next: those that stay are not read.
        let mut from = [0; 12];
        while let Some(item) = self.parts.range(from..).next() {
            let Some(prefix) = item.key()?.first_chunk().copied() else { break };
            if !current.contains(&prefix) {
                self.remove_parts(prefix)?;
            }
            let Some(next) = successor(prefix) else { break };
            from = next;
        }
        self.remove_log(0..=checkpoint.log_index)
    }

    fn remove_parts(&self, prefix: [u8; 12]) -> Result<(), JournalError> {
        let mut batch = self.database.batch();
        for item in self.parts.prefix(prefix) {
            batch.remove(&self.parts, item.key()?);
            if batch.len() == MAX_TRIM_ENTRIES {
                std::mem::replace(&mut batch, self.database.batch()).commit()?;
            }
        }
        Ok(batch.commit()?)
    }

    fn remove_log(&self, entries: RangeInclusive<u64>) -> Result<(), JournalError> {
        let (first, last) = entries.into_inner();
        let mut batch = self.database.batch();
        for item in self.log.range(first.to_be_bytes()..=last.to_be_bytes()) {
            batch.remove(&self.log, item.key()?);
            if batch.len() == MAX_TRIM_ENTRIES {
                std::mem::replace(&mut batch, self.database.batch()).commit()?;
            }
        }
        Ok(batch.commit()?)
    }
}

/// The next key prefix after one.
fn successor(prefix: [u8; 12]) -> Option<[u8; 12]> {
    let mut number = [0; 16];
    number.get_mut(4..)?.copy_from_slice(&prefix);
    let next = u128::from_be_bytes(number).checked_add(1)?.to_be_bytes();
    (next.first_chunk() == Some(&[0_u8; 4])).then(|| next.last_chunk().copied()).flatten()
}

/// Writes hours as runs: names in order, and records in key order.
struct HourWriter<'a> {
    put: &'a mut dyn FnMut(Vec<u8>, Vec<u8>) -> Result<(), JournalError>,
    generation: u64,
    hour: Hour,
}

impl HourWriter<'_> {
    fn write(&mut self, plan: &HourPlan) -> Result<StoredHour, JournalError> {
        let mut rows = plan.view.ranked()?;
        let names: Vec<&str> = rows.names().iter().map(Name::as_str).collect();
        for (chunk, names) in (0..).zip(names.chunks(PART_LEN)) {
            self.part(KIND_NAMES, chunk, part::encode_names(names))?;
        }
        let mut totals = Totals::default();
        let mut records: Vec<Record> = Vec::with_capacity(PART_LEN);
        let mut chunks = 0..;
        let mut flush = |writer: &mut Self, records: &mut Vec<Record>| {
            let chunk = chunks.next().unwrap_or_default();
            writer.part(KIND_RECORDS, chunk, part::encode_records(records))?;
            records.clear();
            Ok::<(), JournalError>(())
        };
        while let Some(record) = rows.next()? {
            totals.add(&Totals::of(record.sides.reconciled()));
            records.push(record);
            if records.len() == PART_LEN {
                flush(self, &mut records)?;
            }
        }
        if !records.is_empty() {
            flush(self, &mut records)?;
        }
        let mut stored = StoredHour {
            hour: self.hour,
            generation: self.generation,
            is_sorted: true,
            sum: plan.sum,
            last_write: plan.last_write,
            ..StoredHour::default()
        };
        stored.set_totals(&totals);
        Ok(stored)
    }

    fn part(
        &mut self,
        kind: u8,
        chunk: u32,
        encoded: Result<Vec<u8>, DecodeError>,
    ) -> Result<(), JournalError> {
        let bytes = encoded.map_err(|error| damaged("a checkpoint part", &error))?;
        (self.put)(part_key(self.generation, self.hour, kind, chunk), bytes)
    }
}
