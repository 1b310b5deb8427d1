//! `HourState`: where the flows of an hour are. A hot hour is all in memory. A cold one is on
//! disk, and what is written to it from then on is in memory, until a checkpoint puts the two
//! together. While a checkpoint of a cold hour is being written, what goes into it stands frozen.

use flow_model::{CounterError, FlowKey};

use super::hour_table::{AddError, HourTable, Record};
use super::hour_view::{HourView, Source};
use super::journal::Journal;
use super::journal::run::Run;
use super::record::checkpoint::StoredHour;
use crate::store::{Sides, Totals};

#[derive(Default)]
pub(super) struct HourState {
    /// What was written since the base and the frozen table; everything, if there are none.
    pub table: HourTable,
    frozen: Option<HourTable>,
    /// What is on disk and not in memory.
    base: Option<StoredHour>,
    /// The last log entry that added to the hour.
    pub last_write: u64,
    /// Whether it has changed since the last checkpoint of it began.
    pub is_dirty: bool,
}

impl HourState {
    /// An hour that is on disk.
    pub fn cold(stored: StoredHour) -> Self {
        let last_write = stored.last_write;
        Self { base: Some(stored), last_write, ..Self::default() }
    }

    /// Whether all of it is in memory.
    pub fn is_hot(&self) -> bool {
        self.base.is_none() && self.frozen.is_none()
    }

    /// About how much memory it takes.
    pub fn size_bytes(&self) -> usize {
        let frozen = self.frozen.as_ref().map_or(0, HourTable::size_bytes);
        self.table.size_bytes() + frozen
    }

    /// All bytes ever added to it: no counter is larger.
    pub fn sum(&self) -> u128 {
        let base = self.base.as_ref().map_or(0, |base| base.sum);
        base + self.frozen.as_ref().map_or(0, HourTable::sum) + self.table.sum()
    }

    /// The totals, if they can be told without adding up rows.
    pub fn totals(&self) -> Option<Totals> {
        match (&self.base, &self.frozen, self.table.is_empty()) {
            (None, None, _) => Some(self.table.totals()),
            (Some(base), None, true) => Some(base.totals()),
            (None, Some(frozen), true) => Some(frozen.totals()),
            _ => None,
        }
    }

    /// The hour as it is now.
    pub fn view(&self, hour: u32, journal: &Journal) -> HourView {
        let run = self.run(journal).map(Source::Run);
        let tables = self.frozen.iter().chain([&self.table]).filter(|table| !table.is_empty());
        let tables = tables.map(|table| Source::Table(table.snapshot()));
        HourView::new(hour, run.into_iter().chain(tables).collect())
    }

    /// The counters of a key as far as they are in memory.
    pub fn find_in_memory(&self, key: &FlowKey<'_>) -> Result<Sides, CounterError> {
        let tables = self.frozen.iter().chain([&self.table]);
        tables.filter_map(|table| table.find(key)).try_fold(Sides::default(), Sides::checked_add)
    }

    /// What of the hour is on disk and not in memory.
    pub fn run(&self, journal: &Journal) -> Option<Run> {
        self.base.as_ref().map(|base| journal.run(base))
    }

    /// Stands what is in memory aside, as it is about to be written to disk.
    pub fn freeze(&mut self) {
        if self.frozen.is_none() {
            self.frozen = Some(std::mem::take(&mut self.table));
        }
    }

    /// What was frozen has been written: it need not be in memory any more.
    pub fn settle(&mut self, stored: &StoredHour) {
        if self.frozen.take().is_some() {
            self.base = Some(stored.clone());
        }
    }

    /// What was frozen could not be written: it goes on as before.
    pub fn thaw(&mut self) -> Result<(), AddError> {
        let Some(mut frozen) = self.frozen.take() else { return Ok(()) };
        let snapshot = self.table.snapshot();
        let names = snapshot.names.iter().map(|name| frozen.intern(name));
        let places = names.collect::<Result<Vec<_>, _>>()?;
        let mut outcome = Ok(());
        snapshot.for_each(|key, sides| {
            let key = key.map(|id| places.get(id as usize).copied().unwrap_or_default());
            let added = frozen.add_record(Record { key, sides });
            outcome = std::mem::replace(&mut outcome, Ok(())).and(added);
        });
        self.table = frozen;
        self.is_dirty = true;
        outcome
    }

    /// A hot hour that is on disk as it is leaves memory.
    pub fn evict(&mut self, stored: &StoredHour) {
        if self.is_hot() && !self.is_dirty {
            self.table = HourTable::default();
            self.base = Some(stored.clone());
        }
    }
}
