//! `HourSnapshot`: what an hour's table was at an instant.

use std::sync::Arc;

use flow_model::{Counters, FlowKey, Name};

use super::order::OrderCache;
use super::{KeyIds, Record, SourceRow};
use crate::store::Sides;
use crate::store::embedded::chunked::Chunked;
use crate::store::embedded::columns::Column;
use crate::store::embedded::names::NameId;

#[derive(Clone, Default)]
pub(in crate::store::embedded) struct HourSnapshot {
    pub names: Chunked<Name<'static>>,
    pub(super) source: Column<SourceRow>,
    pub(super) destination: Column<Counters>,
    pub(super) order: Arc<OrderCache>,
}

impl HourSnapshot {
    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.source.len()
    }

    /// The positions of the keys in key order. Sorting a million takes a fraction of a second:
    /// not for a thread that others wait on.
    pub fn order(&self) -> Arc<Vec<u32>> {
        self.order.of(self)
    }

    /// The names' places in the order of names, by their numbers.
    pub fn ranks(&self) -> Vec<u32> {
        let mut by_name: Vec<NameId> = (0..).take(self.names.len()).collect();
        by_name.sort_unstable_by_key(|id| self.names.get(*id as usize));
        let mut ranks = vec![0_u32; by_name.len()];
        for (rank, id) in (0..).zip(by_name) {
            if let Some(slot) = ranks.get_mut(id as usize) {
                *slot = rank;
            }
        }
        ranks
    }

    /// The record at a position.
    pub fn record(&self, position: usize) -> Option<Record> {
        let SourceRow { key, counters: source } = *self.source.get(position)?;
        let destination = self.destination.get(position).copied().unwrap_or_default();
        Some(Record { key, sides: Sides { source, destination } })
    }

    /// The key and the counters at a position.
    pub fn row(&self, position: usize) -> Option<(FlowKey<'_>, Sides)> {
        let Record { key: [src_app, dest_app, vpc_id], sides } = self.record(position)?;
        let name = |id: NameId| self.names.get(id as usize).map(Name::by_ref);
        let (src_app, dest_app, vpc_id) = (name(src_app)?, name(dest_app)?, name(vpc_id)?);
        Some((FlowKey { src_app, dest_app, vpc_id }, sides))
    }

    /// The keys by their positions.
    pub fn keys(&self) -> impl Iterator<Item = &KeyIds> {
        self.source.iter().map(|row| &row.key)
    }

    /// Looks at all records by their positions. A loop of its own, as it is what sums are made of.
    pub fn for_each(&self, mut look: impl FnMut(&KeyIds, Sides)) {
        let mut destinations = self.destination.chunks();
        for rows in self.source.chunks() {
            let reported = destinations.next().unwrap_or_default();
            let (both, source_only) = rows.split_at(reported.len().min(rows.len()));
            for (row, destination) in both.iter().zip(reported) {
                look(&row.key, Sides { source: row.counters, destination: *destination });
            }
            for row in source_only {
                look(&row.key, Sides { source: row.counters, destination: Counters::ZERO });
            }
        }
    }
}
