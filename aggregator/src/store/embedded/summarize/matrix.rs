//! `Matrix`: a cell for each combination of the names that groups are made by, where that is not
//! many more than there are keys. A look at a cell is several times as fast as at a hash table.

use flow_model::{Counters, Hour};

use super::groups::GroupIds;
use crate::store::embedded::hour_table::{HourSnapshot, KeyIds};
use crate::store::embedded::names::NameId;
use crate::store::{GroupBy, Totals};

/// Up to so many cells a key, and so many besides, a matrix is worth its memory.
const CELLS_PER_KEY: usize = 2;
const MIN_CELLS: usize = 64 * 1024;

/// What has no number in an axis.
const NONE: u32 = u32::MAX;

pub(super) struct Matrix {
    group_by: GroupBy,
    hour: Hour,
    axes: [Axis; 3],
    cells: Vec<Cell>,
}

/// How many flows, their `bytes_tx` and their `bytes_rx`.
type Cell = [u64; 3];

/// A field: its names, numbered among themselves.
#[derive(Default)]
struct Axis {
    /// By a name's number in the hour; empty for a field that groups are not made by.
    numbers: Vec<u32>,
    /// By number, the name.
    names: Vec<NameId>,
    /// How far apart cells are that differ by one here.
    stride: usize,
}

impl Axis {
    fn note(&mut self, id: NameId) {
        if let Some(number) = self.numbers.get_mut(id as usize)
            && *number == NONE
        {
            *number = u32::try_from(self.names.len()).unwrap_or(NONE);
            self.names.push(id);
        }
    }

    fn offset(&self, id: NameId) -> usize {
        self.numbers.get(id as usize).map_or(0, |number| *number as usize * self.stride)
    }

    /// The name in this field of a cell's group; for a field that groups are not made by, any.
    fn name(&self, cell: usize) -> NameId {
        let number = cell / self.stride % self.names.len().max(1);
        self.names.get(number).copied().unwrap_or_default()
    }
}

impl Matrix {
    /// A matrix for the groups of a table; none if it would be too large, or its sums could be.
    pub fn of(group_by: GroupBy, table: &HourSnapshot, hour: Hour) -> Option<Self> {
        let names = table.names.len();
        let mut axes = group_by.names.map(|is_wanted| Axis {
            numbers: vec![NONE; if is_wanted { names } else { 0 }],
            ..Axis::default()
        });
        let mut total = Totals::default();
        table.for_each(|key, sides| {
            axes.iter_mut().zip(key).for_each(|(axis, id)| axis.note(*id));
            total.add(&Totals::of(sides.reconciled()));
        });
        let mut cells = 1_usize;
        for axis in &mut axes {
            axis.stride = cells;
            cells = cells.checked_mul(axis.names.len().max(1))?;
        }
        let most = (table.len() * CELLS_PER_KEY).max(MIN_CELLS);
        let fits = cells <= most && total.bytes_total() <= u64::MAX.into();
        fits.then(|| Self { group_by, hour, axes, cells: vec![[0; 3]; cells] })
    }

    /// Adds a flow to its group.
    pub fn add(&mut self, key: &KeyIds, counters: Counters) {
        let [a, b, c] = &self.axes;
        let [src_app, dest_app, vpc_id] = *key;
        let cell = a.offset(src_app) + b.offset(dest_app) + c.offset(vpc_id);
        if let Some([flows, bytes_tx, bytes_rx]) = self.cells.get_mut(cell) {
            *flows += 1;
            // All flows together fit.
            *bytes_tx += counters.bytes_tx();
            *bytes_rx += counters.bytes_rx();
        }
    }

    /// The groups, in no order.
    pub fn groups(&self) -> impl Iterator<Item = (GroupIds, Totals)> {
        let used = self.cells.iter().enumerate().filter(|(_, [flows, ..])| *flows > 0);
        used.map(|(cell, [flows, bytes_tx, bytes_rx])| {
            let [a, b, c] = &self.axes;
            let key = [a.name(cell), b.name(cell), c.name(cell)];
            let totals = Totals {
                flows: *flows,
                bytes_tx: (*bytes_tx).into(),
                bytes_rx: (*bytes_rx).into(),
            };
            (GroupIds::of(self.group_by, key, self.hour), totals)
        })
    }
}
