//! `Census`: what a store holds, in figures: each hour's totals, and how far the instances are.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use flow_model::{Hour, Reporter};
use xxhash_rust::xxh3::Xxh3;

use crate::store::{Movable, Progress, ReadError, Selection, Totals};

/// What a store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    pub hours: Vec<(Hour, Totals)>,
    pub instances: InstanceCount,
}

/// The instances of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct InstanceCount {
    pub count: u64,
    /// A hash of how far each is, in whatever order they come.
    pub progress: u64,
}

/// The totals of an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HourCount {
    /// All flows, their sides reconciled.
    pub all: Totals,
    /// What the sources reported.
    pub source: Totals,
    /// What the destinations reported.
    pub destination: Totals,
}

impl Census {
    /// Takes it. It does not look at single flows.
    pub async fn of(store: &dyn Movable) -> Result<Self, ReadError> {
        let hours = store.hours(Selection::all()).await?;
        Ok(Self { hours, instances: InstanceCount::of(store).await? })
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.hours.is_empty() && self.instances.count == 0
    }

    /// How many flows there are.
    pub fn flows(&self) -> u64 {
        self.hours.iter().map(|(_, totals)| totals.flows).sum()
    }

    /// A hash of it, in hexadecimal.
    pub fn digest(&self) -> String {
        let mut hash = Xxh3::new();
        for (hour, totals) in &self.hours {
            (hour, totals.flows, totals.bytes_tx, totals.bytes_rx).hash(&mut hash);
        }
        (self.instances.count, self.instances.progress).hash(&mut hash);
        format!("{:016x}", hash.finish())
    }
}

impl InstanceCount {
    pub async fn of(store: &dyn Movable) -> Result<Self, ReadError> {
        let mut sum = Self::default();
        let mut visit = |id: &str, progress: &Progress| {
            let mut hash = Xxh3::new();
            (id, progress).hash(&mut hash);
            sum.count += 1;
            sum.progress = sum.progress.wrapping_add(hash.finish());
        };
        store.survey(&mut visit).await?;
        Ok(sum)
    }
}

/// The totals of all hours, side by side.
pub(super) async fn hours(store: &dyn Movable) -> Result<BTreeMap<Hour, HourCount>, ReadError> {
    let mut hours: BTreeMap<Hour, HourCount> = BTreeMap::new();
    for reporter in [None, Some(Reporter::Source), Some(Reporter::Destination)] {
        let selection = Selection { reporter, ..Selection::all() };
        for (hour, totals) in store.hours(selection).await? {
            let count = hours.entry(hour).or_default();
            match reporter {
                None => count.all = totals,
                Some(Reporter::Source) => count.source = totals,
                Some(Reporter::Destination) => count.destination = totals,
            }
        }
    }
    Ok(hours)
}
