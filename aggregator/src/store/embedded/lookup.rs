//! Looking up single keys: in memory under its lock, and on disk without.

use std::sync::Mutex;

use flow_model::{FlowKey, Hour};

use super::journal::run::{Run, RunKeys};
use super::journal::{Journal, JournalError, damaged};
use super::lock;
use super::memory::Memory;
use crate::store::Sides;

/// The counters of keys of one hour, which are in order.
pub(super) fn find(
    memory: &Mutex<Memory>,
    journal: &Journal,
    hour: Hour,
    keys: &[&FlowKey<'_>],
) -> Result<Vec<Sides>, JournalError> {
    let (mut found, run) = find_in_memory(&lock(memory), journal, hour, keys)?;
    let Some(run) = run else { return Ok(found) };
    let on_disk = RunKeys::open(run)?;
    for (sides, key) in found.iter_mut().zip(keys) {
        let base = on_disk.find(key)?;
        *sides = sides.checked_add(base).map_err(|error| damaged("an hour's counters", &error))?;
    }
    Ok(found)
}

fn find_in_memory(
    memory: &Memory,
    journal: &Journal,
    hour: Hour,
    keys: &[&FlowKey<'_>],
) -> Result<(Vec<Sides>, Option<Run>), JournalError> {
    let Some(state) = memory.hour(hour) else {
        return Ok((vec![Sides::default(); keys.len()], None));
    };
    let found = keys.iter().map(|key| state.find_in_memory(key)).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| damaged("an hour's counters", &error))?;
    Ok((found, state.run(journal)))
}
