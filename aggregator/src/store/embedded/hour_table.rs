//! `HourTable`: the flows of one hour in memory, and `HourSnapshot`: what they were at an instant.

use std::hash::BuildHasher;

use flow_model::{CounterError, Counters, Flow, FlowKey, Name, Reporter};
use hashbrown::{DefaultHashBuilder, HashTable};

use super::chunked::Chunked;
use super::names::{NameId, Names};
use crate::store::Sides;

/// `src_app`, `dest_app`, `vpc_id` as numbers of the hour's names.
pub(super) type KeyIds = [NameId; 3];

/// One key's counters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub key: KeyIds,
    pub sides: Sides,
}

#[derive(Default)]
pub(super) struct HourTable {
    names: Names,
    records: Chunked<Record>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// All bytes ever added here: no counter can be larger.
    sum: u128,
}

impl HourTable {
    /// All bytes of the hour, both sides and directions: no counter is larger than this.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The counters of a key, if it has any.
    pub fn find(&self, key: &FlowKey<'_>) -> Option<Sides> {
        let ids = [&key.src_app, &key.dest_app, &key.vpc_id].map(|name| self.names.find(name));
        let [Some(src_app), Some(dest_app), Some(vpc_id)] = ids else { return None };
        let position = self.position([src_app, dest_app, vpc_id])?;
        self.records.get(position).map(|record| record.sides)
    }

    /// Adds a flow to one side's counters.
    ///
    /// # Errors
    /// When a sum would leave its range, or the hour has more keys than can be numbered (2^32);
    /// nothing is added then.
    pub fn add(&mut self, flow: &Flow<'_>, reporter: Reporter) -> Result<(), CounterError> {
        let mut sides = Sides::default();
        *sides.side_mut(reporter) = flow.counters;
        let FlowKey { src_app, dest_app, vpc_id } = &flow.key;
        let key = [self.intern(src_app)?, self.intern(dest_app)?, self.intern(vpc_id)?];
        self.add_record(Record { key, sides })
    }

    /// Gives a name its number.
    ///
    /// # Errors
    /// When numbers run out.
    pub fn intern(&mut self, name: &Name<'_>) -> Result<NameId, CounterError> {
        self.names.intern(name).ok_or(CounterError { field: "names" })
    }

    /// Adds a record whose names have numbers already.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn add_record(&mut self, new: Record) -> Result<(), CounterError> {
        match self.position(new.key).and_then(|position| self.records.get_mut(position)) {
            Some(known) => {
                let source = known.sides.source.checked_add(new.sides.source)?;
                let destination = known.sides.destination.checked_add(new.sides.destination)?;
                known.sides = Sides { source, destination };
            }
            None => self.push(new)?,
        }
        self.sum += bytes_of(new.sides.source) + bytes_of(new.sides.destination);
        Ok(())
    }

    /// What the hour is now. Costs a pointer per thousand keys.
    pub fn snapshot(&self) -> HourSnapshot {
        HourSnapshot { names: self.names.list().clone(), records: self.records.clone() }
    }

    fn push(&mut self, new: Record) -> Result<(), CounterError> {
        let position =
            u32::try_from(self.records.len()).map_err(|_| CounterError { field: "keys" })?;
        self.records.push(new);
        let (records, hasher) = (&self.records, &self.hasher);
        self.index.insert_unique(hasher.hash_one(new.key), position, |position| {
            records.get(*position as usize).map_or(0, |record| hasher.hash_one(record.key))
        });
        Ok(())
    }

    fn position(&self, key: KeyIds) -> Option<usize> {
        let is_key = |position: &u32| {
            self.records.get(*position as usize).is_some_and(|record| record.key == key)
        };
        self.index.find(self.hasher.hash_one(key), is_key).map(|position| *position as usize)
    }
}

fn bytes_of(counters: Counters) -> u128 {
    u128::from(counters.bytes_tx()) + u128::from(counters.bytes_rx())
}

/// An hour at an instant.
#[derive(Clone, Default)]
pub(super) struct HourSnapshot {
    pub names: Chunked<Name<'static>>,
    pub records: Chunked<Record>,
}

impl HourSnapshot {
    /// The rows in key order. Sorting a million takes a fraction of a second: not for a thread
    /// that others wait on.
    pub fn sorted(self) -> SortedScan {
        // Sort the names once, and then keys by their names' ranks.
        let mut by_name: Vec<NameId> = (0..).take(self.names.len()).collect();
        by_name.sort_unstable_by_key(|id| self.names.get(*id as usize));
        let mut ranks = vec![0_u32; by_name.len()];
        for (rank, id) in (0..).zip(by_name) {
            if let Some(slot) = ranks.get_mut(id as usize) {
                *slot = rank;
            }
        }
        let rank = |id: NameId| ranks.get(id as usize).copied().unwrap_or_default();
        let ranked = (0..).zip(self.records.iter());
        let mut order: Vec<([u32; 3], u32)> =
            ranked.map(|(position, record)| (record.key.map(rank), position)).collect();
        order.sort_unstable();
        let order: Vec<u32> = order.into_iter().map(|(_, position)| position).collect();
        SortedScan { snapshot: self, order: order.into_iter() }
    }

    fn row(&self, position: usize) -> Option<(FlowKey<'_>, Sides)> {
        let record = self.records.get(position)?;
        let name = |id: NameId| self.names.get(id as usize).map(Name::by_ref);
        let [src_app, dest_app, vpc_id] = record.key;
        let (src_app, dest_app, vpc_id) = (name(src_app)?, name(dest_app)?, name(vpc_id)?);
        Some((FlowKey { src_app, dest_app, vpc_id }, record.sides))
    }
}

/// The rows of a snapshot in key order.
pub(super) struct SortedScan {
    snapshot: HourSnapshot,
    order: std::vec::IntoIter<u32>,
}

impl SortedScan {
    pub fn next(&mut self) -> Option<(FlowKey<'_>, Sides)> {
        let position = self.order.next()?;
        self.snapshot.row(position as usize)
    }

    pub fn skip_to(&mut self, wanted: impl Fn(&FlowKey<'_>) -> bool) -> bool {
        while let Some(position) = self.order.as_slice().first() {
            if self.snapshot.row(*position as usize).is_some_and(|(key, _)| wanted(&key)) {
                return true;
            }
            self.order.next();
        }
        false
    }
}
