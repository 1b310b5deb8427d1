//! `Memory`: what the store knows without asking the disk: hour tables and dedupe records.

use std::collections::{BTreeMap, HashMap};

use flow_model::{CounterError, Flow, Hour, Reporter};

use super::hour_table::{HourSnapshot, HourTable};
use super::record::StoredInstance;

#[derive(Default)]
pub(super) struct Memory {
    hours: BTreeMap<Hour, HourTable>,
    instances: HashMap<String, StoredInstance>,
}

impl Memory {
    /// Adds flows to one side's counters.
    ///
    /// # Errors
    /// As [`HourTable::add`]; the flows before the failing one stay added.
    pub fn add(&mut self, flows: &[Flow<'_>], reporter: Reporter) -> Result<(), CounterError> {
        flows.iter().try_for_each(|flow| self.table_mut(flow.hour).add(flow, reporter))
    }

    /// The table of an hour, made if it is new.
    pub fn table_mut(&mut self, hour: Hour) -> &mut HourTable {
        self.hours.entry(hour).or_default()
    }

    /// The table of an hour that has flows.
    pub fn table(&self, hour: Hour) -> Option<&HourTable> {
        self.hours.get(&hour)
    }

    /// The hours that have flows, in order.
    pub fn hours(&self) -> Vec<Hour> {
        self.hours.keys().copied().collect()
    }

    /// What an hour is now.
    pub fn snapshot(&self, hour: Hour) -> HourSnapshot {
        self.hours.get(&hour).map(HourTable::snapshot).unwrap_or_default()
    }

    /// What an instance has delivered.
    pub fn instance(&self, id: &str) -> Option<&StoredInstance> {
        self.instances.get(id)
    }

    /// All instances, in no order.
    pub fn instances(&self) -> impl Iterator<Item = (&str, &StoredInstance)> {
        self.instances.iter().map(|(id, record)| (id.as_str(), record))
    }

    /// Notes what an instance has delivered.
    pub fn set_instance(&mut self, id: String, record: StoredInstance) {
        self.instances.insert(id, record);
    }
}
