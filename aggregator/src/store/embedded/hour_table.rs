//! `HourTable`: flows of one hour in memory: keys as numbers of names, and the counters of each
//! side. The source's stand with the key, as nearly all writes need both; the destination's stand
//! apart, as many hours have none.

mod index;
mod order;
mod snapshot;

use std::sync::Arc;

use flow_model::{CounterError, Counters, FlowKey, Reporter};

use self::index::Index;
use self::order::OrderCache;
pub(super) use self::snapshot::HourSnapshot;
use super::columns::Column;
use super::names::{InternError, NameId, Names};
use crate::store::{Sides, Totals};

/// `src_app`, `dest_app`, `vpc_id` as numbers of the hour's names.
pub(super) type KeyIds = [NameId; 3];

/// One key's counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub key: KeyIds,
    pub sides: Sides,
}

/// A key and what its source side reported.
#[derive(Clone, Copy, Debug, Default)]
struct SourceRow {
    key: KeyIds,
    counters: Counters,
}

/// Why a flow cannot be added.
#[derive(Debug, thiserror::Error)]
pub(super) enum AddError {
    #[error(transparent)]
    Counter(#[from] CounterError),
    #[error(transparent)]
    Name(#[from] InternError),
    #[error("an hour cannot have more than 2^32 keys in memory")]
    TooManyKeys,
}

#[derive(Default)]
pub(super) struct HourTable {
    names: Names,
    source: Column<SourceRow>,
    /// As long as the last key that a destination has reported: most hours have no such reports,
    /// or all of their keys have.
    destination: Column<Counters>,
    index: Index,
    /// All bytes ever added here: no counter can be larger.
    sum: u128,
    totals: Totals,
    order: Arc<OrderCache>,
}

impl HourTable {
    /// All bytes of the hour, both sides and directions: no counter is larger than this.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The totals of all keys.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Whether there are no flows.
    pub fn is_empty(&self) -> bool {
        self.source.len() == 0
    }

    /// About how much memory it takes.
    pub fn size_bytes(&self) -> usize {
        let columns = self.source.size_bytes() + self.destination.size_bytes();
        columns + self.index.size_bytes() + self.names.size_bytes()
    }

    /// The counters of a key, if it has any.
    pub fn find(&self, key: &FlowKey<'_>) -> Option<Sides> {
        let ids = [&key.src_app, &key.dest_app, &key.vpc_id].map(|name| self.names.find(name));
        let [Some(src_app), Some(dest_app), Some(vpc_id)] = ids else { return None };
        let position = self.index.find(&self.source, [src_app, dest_app, vpc_id])?;
        Some(self.sides(position))
    }

    /// Gives a name its number.
    ///
    /// # Errors
    /// When it is not a name, or numbers run out.
    pub fn intern(&mut self, name: &str) -> Result<NameId, InternError> {
        self.names.intern(name)
    }

    /// Adds to one side's counters of a key whose names have numbers.
    ///
    /// # Errors
    /// When a sum would leave its range, or the hour has more keys than can be numbered (2^32).
    pub fn add(
        &mut self,
        key: KeyIds,
        reporter: Reporter,
        counters: Counters,
    ) -> Result<(), AddError> {
        let position = self.position(key)?;
        let before = self.sides(position);
        let mut after = before;
        let side = after.side_mut(reporter);
        *side = side.checked_add(counters)?;
        let sum = *side;
        self.set(position, reporter, sum);
        self.sum += u128::from(counters.bytes_total());
        let (before, after) = (before.reconciled(), after.reconciled());
        self.totals.bytes_tx += u128::from(after.bytes_tx() - before.bytes_tx());
        self.totals.bytes_rx += u128::from(after.bytes_rx() - before.bytes_rx());
        Ok(())
    }

    fn set(&mut self, position: usize, reporter: Reporter, counters: Counters) {
        let slot = match reporter {
            Reporter::Source => self.source.get_mut(position).map(|row| &mut row.counters),
            Reporter::Destination => {
                while self.destination.len() <= position {
                    self.destination.push(Counters::ZERO);
                }
                self.destination.get_mut(position)
            }
        };
        if let Some(slot) = slot {
            *slot = counters;
        }
    }

    /// Adds both sides' counters of a key whose names have numbers.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn add_record(&mut self, record: Record) -> Result<(), AddError> {
        let Record { key, sides } = record;
        self.add(key, Reporter::Source, sides.source)?;
        if sides.destination == Counters::ZERO {
            return Ok(());
        }
        self.add(key, Reporter::Destination, sides.destination)
    }

    /// Makes room for as many keys.
    pub fn reserve(&mut self, keys: usize) {
        self.index.reserve(keys);
    }

    /// What the hour is now. Costs a few pointers per thousand keys.
    pub fn snapshot(&self) -> HourSnapshot {
        HourSnapshot {
            names: self.names.list().clone(),
            source: self.source.clone(),
            destination: self.destination.clone(),
            order: Arc::clone(&self.order),
        }
    }

    /// The position of a key, which gets one if it has none.
    fn position(&mut self, key: KeyIds) -> Result<usize, AddError> {
        if let Some(position) = self.index.find(&self.source, key) {
            return Ok(position);
        }
        let position = u32::try_from(self.source.len()).map_err(|_| AddError::TooManyKeys)?;
        self.source.push(SourceRow { key, counters: Counters::ZERO });
        self.totals.flows += 1;
        self.index.insert(&self.source, key, position);
        Ok(position as usize)
    }

    fn sides(&self, position: usize) -> Sides {
        Sides {
            source: self.source.get(position).map(|row| row.counters).unwrap_or_default(),
            destination: self.destination.get(position).copied().unwrap_or_default(),
        }
    }
}
