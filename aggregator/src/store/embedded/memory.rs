//! `Memory`: what the store knows: hours, wherever they are, and dedupe records of instances.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use flow_model::Hour;
use hashbrown::HashMap;

use super::hour::HourState;
use super::hour_table::{AddError, KeyIds};
use super::hour_view::HourView;
use super::journal::Journal;
use super::names::NameId;
use super::record::DecodeError;
use super::record::checkpoint::StoredHour;
use super::record::entry::EntryReader;
use super::record::group;
use crate::store::{Progress, Totals};

#[derive(Default)]
pub(super) struct Memory {
    hours: BTreeMap<Hour, HourState>,
    instances: HashMap<String, Progress>,
}

/// Why a log entry cannot be added.
#[derive(Debug, thiserror::Error)]
pub(super) enum EntryError {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Add(#[from] AddError),
}

impl Memory {
    /// Adds the flows of a value of the log.
    ///
    /// # Errors
    /// As [`Self::add_entry`].
    pub fn add_logged(&mut self, value: &[u8], log_index: u64) -> Result<(), EntryError> {
        group::unpack(value).try_for_each(|entry| self.add_entry(entry?, log_index))
    }

    /// Adds the flows of a log entry.
    ///
    /// # Errors
    /// When the entry cannot be read or a sum leaves its range; the flows before the failing one
    /// stay added.
    pub fn add_entry(&mut self, bytes: &[u8], log_index: u64) -> Result<(), EntryError> {
        let reader = EntryReader::new(bytes)?;
        let reporter = reader.reporter();
        let mut current: Option<(Hour, &mut HourState)> = None;
        // The numbers that the hour's table has for the entry's names.
        let mut known: Vec<NameId> = Vec::new();
        for flow in reader {
            let flow = flow?;
            if current.as_ref().is_none_or(|(hour, _)| *hour != flow.hour) {
                let state = self.hours.entry(flow.hour).or_default();
                (state.last_write, state.is_dirty) = (log_index, true);
                current = Some((flow.hour, state));
                known.clear();
            }
            let Some((_, state)) = &mut current else { continue };
            let table = &mut state.table;
            let mut key: KeyIds = [UNKNOWN; 3];
            for ((id, name), number) in key.iter_mut().zip(flow.names).zip(flow.numbers) {
                *id = known.get(number as usize).copied().unwrap_or(UNKNOWN);
                if *id == UNKNOWN {
                    *id = table.intern(name).map_err(AddError::from)?;
                    note(&mut known, number, *id);
                }
            }
            table.add(key, reporter, flow.counters)?;
        }
        Ok(())
    }

    /// The state of an hour, made if it is new.
    pub fn hour_mut(&mut self, hour: Hour) -> &mut HourState {
        self.hours.entry(hour).or_default()
    }

    /// Puts an hour that is on disk.
    pub fn put_cold(&mut self, stored: StoredHour) {
        self.hours.insert(stored.hour, HourState::cold(stored));
    }

    /// All hours, in order.
    pub fn hours(&self) -> impl DoubleEndedIterator<Item = (Hour, &HourState)> {
        self.hours.iter().map(|(hour, state)| (*hour, state))
    }

    /// All hours, in order, to be changed.
    pub fn hours_mut(&mut self) -> impl Iterator<Item = (Hour, &mut HourState)> {
        self.hours.iter_mut().map(|(hour, state)| (*hour, state))
    }

    /// All bytes ever added to an hour: no counter in it is larger.
    pub fn sum(&self, hour: Hour) -> u128 {
        self.hours.get(&hour).map_or(0, HourState::sum)
    }

    /// The hours in a range as they are now.
    pub fn views(&self, hours: &RangeInclusive<Hour>, journal: &Journal) -> Vec<HourView> {
        if hours.is_empty() {
            return Vec::new();
        }
        let hours = self.hours.range(hours.clone());
        hours.map(|(hour, state)| state.view(*hour, journal)).collect()
    }

    /// The totals of the hours in a range, or the hours themselves where rows must be added up.
    pub fn totals(
        &self,
        hours: &RangeInclusive<Hour>,
        journal: &Journal,
    ) -> Vec<(Hour, Result<Totals, HourView>)> {
        if hours.is_empty() {
            return Vec::new();
        }
        let one = |(hour, state): (&Hour, &HourState)| {
            (*hour, state.totals().ok_or_else(|| state.view(*hour, journal)))
        };
        self.hours.range(hours.clone()).map(one).collect()
    }

    /// An hour's state, if it has flows.
    pub fn hour(&self, hour: Hour) -> Option<&HourState> {
        self.hours.get(&hour)
    }

    /// Forgets the hours before one; gives how many there were.
    pub fn prune(&mut self, first_hour: Hour) -> usize {
        let kept = self.hours.split_off(&first_hour);
        std::mem::replace(&mut self.hours, kept).len()
    }

    /// What an instance has delivered.
    pub fn instance(&self, id: &str) -> Option<&Progress> {
        self.instances.get(id)
    }

    /// All instances, in no order.
    pub fn instances(&self) -> impl Iterator<Item = (&str, &Progress)> {
        self.instances.iter().map(|(id, record)| (id.as_str(), record))
    }

    /// Notes what an instance has delivered.
    pub fn set_instance(&mut self, id: String, record: Progress) {
        self.instances.insert(id, record);
    }

    /// Forgets an instance.
    pub fn forget_instance(&mut self, id: &str) {
        self.instances.remove(id);
    }
}

/// What stands for a name that has no number yet: no hour has as many.
const UNKNOWN: NameId = NameId::MAX;

/// Remembers the table's number of an entry's name.
fn note(known: &mut Vec<NameId>, number: u32, id: NameId) {
    let place = number as usize;
    if known.len() <= place {
        known.resize(place + 1, UNKNOWN);
    }
    if let Some(slot) = known.get_mut(place) {
        *slot = id;
    }
}
