//! `Table`: the bytes that wait for a push, merged by side, hour and key, in bounded memory and
//! with exact totals.

use std::collections::BTreeMap;
use std::rc::Rc;

use flow_model::{Counters, Flow, FlowKey, Hour, Name, Reporter};

/// A flow's key, shared by the streams and rows that use it.
pub type SharedKey = Rc<FlowKey<'static>>;

/// Hours first, so that the oldest are pushed first and an hour's flows stand together.
type Rows = BTreeMap<(Hour, SharedKey), Counters>;

/// Rows that were taken out.
#[derive(Debug)]
pub struct Taken {
    /// The rows.
    pub flows: Vec<Flow<'static>>,
    /// The bytes in all of them.
    pub bytes: u64,
    /// The bytes in those that are `_other` rows.
    pub folded_bytes: u64,
}

/// The merged bytes of both sides.
#[derive(Debug)]
pub struct Table {
    max_flows: usize,
    source: Rows,
    destination: Rows,
    other: SharedKey,
    taken_flows: u64,
    added_bytes: u64,
    taken_bytes: u64,
    folded_bytes: u64,
    lost_bytes: u64,
}

impl Table {
    /// An empty table of at most `max_flows` rows; full, it takes `_other` rows only.
    pub fn new(max_flows: usize) -> Self {
        let other =
            FlowKey { src_app: Name::other(), dest_app: Name::other(), vpc_id: Name::other() };
        Self {
            max_flows,
            source: Rows::new(),
            destination: Rows::new(),
            other: Rc::new(other),
            taken_flows: 0,
            added_bytes: 0,
            taken_bytes: 0,
            folded_bytes: 0,
            lost_bytes: 0,
        }
    }

    /// Adds bytes to their row. In a full table, the bytes of a new key go to the `_other` row of
    /// the side and hour. Bytes that a counter cannot take are lost, and counted as such.
    pub fn add(&mut self, side: Reporter, hour: Hour, key: &SharedKey, bytes: Counters) {
        if bytes.is_zero() {
            return;
        }
        let full = self.len() >= self.max_flows;
        let mut place = (hour, Rc::clone(key));
        if full && !self.rows(side).contains_key(&place) {
            place.1 = Rc::clone(&self.other);
            self.folded_bytes = self.folded_bytes.saturating_add(bytes.bytes_total());
        }
        let row = self.rows_mut(side).entry(place).or_default();
        match row.checked_add(bytes) {
            Ok(sum) => {
                *row = sum;
                self.added_bytes = self.added_bytes.saturating_add(bytes.bytes_total());
            }
            Err(_) => self.lose(bytes.bytes_total()),
        }
    }

    /// Takes out up to `max` rows of a side, in key order from its oldest hour on.
    pub fn take(&mut self, side: Reporter, max: usize) -> Taken {
        let count = max.min(self.rows(side).len());
        let mut taken = Taken { flows: Vec::with_capacity(count), folded_bytes: 0, bytes: 0 };
        while taken.flows.len() < count
            && let Some(((hour, key), counters)) = self.rows_mut(side).pop_first()
        {
            let bytes = counters.bytes_total();
            taken.bytes = taken.bytes.saturating_add(bytes);
            if key == self.other {
                taken.folded_bytes = taken.folded_bytes.saturating_add(bytes);
            }
            self.taken_flows += 1;
            self.taken_bytes = self.taken_bytes.saturating_add(bytes);
            taken.flows.push(Flow { key: Rc::unwrap_or_clone(key), hour, counters });
        }
        taken
    }

    /// Whether there are rows of this side.
    pub fn has(&self, side: Reporter) -> bool {
        !self.rows(side).is_empty()
    }

    /// Whether there are no rows at all.
    pub fn is_empty(&self) -> bool {
        self.source.is_empty() && self.destination.is_empty()
    }

    /// The rows of both sides.
    pub fn len(&self) -> usize {
        self.source.len() + self.destination.len()
    }

    /// Counts bytes as lost.
    pub fn lose(&mut self, bytes: u64) {
        self.lost_bytes = self.lost_bytes.saturating_add(bytes);
    }

    /// The rows that were taken out since the start.
    pub fn taken_flows(&self) -> u64 {
        self.taken_flows
    }

    /// All bytes that were added since the start.
    pub fn added_bytes(&self) -> u64 {
        self.added_bytes
    }

    /// The bytes in all rows.
    pub fn waiting_bytes(&self) -> u64 {
        self.added_bytes.saturating_sub(self.taken_bytes)
    }

    /// All bytes that were lost since the start.
    pub fn lost_bytes(&self) -> u64 {
        self.lost_bytes
    }

    /// All bytes that went to `_other` rows since the start.
    pub fn folded_bytes(&self) -> u64 {
        self.folded_bytes
    }

    fn rows(&self, side: Reporter) -> &Rows {
        match side {
            Reporter::Source => &self.source,
            Reporter::Destination => &self.destination,
        }
    }

    fn rows_mut(&mut self, side: Reporter) -> &mut Rows {
        match side {
            Reporter::Source => &mut self.source,
            Reporter::Destination => &mut self.destination,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(name: &str) -> SharedKey {
        Rc::new(FlowKey {
            src_app: Name::bounded(name).unwrap(),
            dest_app: Name::bounded("b").unwrap(),
            vpc_id: Name::bounded("v").unwrap(),
        })
    }

    fn bytes(tx: u64, rx: u64) -> Counters {
        Counters::new(tx, rx).unwrap()
    }

    #[test]
    fn what_a_counter_cannot_take_is_counted_as_lost() {
        let mut table = Table::new(9);
        table.add(Reporter::Source, 1, &key("a"), bytes(i64::MAX as u64, 1));
        table.add(Reporter::Source, 1, &key("a"), bytes(3, 4));
        assert_eq!(table.lost_bytes(), 7);
        let taken = table.take(Reporter::Source, 9);
        assert_eq!(taken.flows[0].counters, bytes(i64::MAX as u64, 1));
        assert!(table.is_empty());
    }

    #[test]
    fn the_oldest_hours_are_taken_first_and_sides_are_apart() {
        let mut table = Table::new(9);
        for (hour, name) in [(2, "a"), (1, "b"), (1, "a")] {
            table.add(Reporter::Destination, hour, &key(name), bytes(1, 0));
        }
        assert!(table.take(Reporter::Source, 9).flows.is_empty());
        let taken = table.take(Reporter::Destination, 2);
        let rows: Vec<_> = taken.flows.iter().map(|f| (f.hour, f.key.src_app.as_str())).collect();
        assert_eq!(rows, [(1, "a"), (1, "b")]);
        assert_eq!((table.len(), table.has(Reporter::Destination)), (1, true));
    }

    #[test]
    fn zero_bytes_make_no_row() {
        let mut table = Table::new(9);
        table.add(Reporter::Source, 1, &key("a"), Counters::ZERO);
        assert!(table.is_empty());
    }

    type Model = BTreeMap<(Reporter, Hour, String), (u64, u64)>;

    /// What the table must hold: a new key of a full table is `_other`, all else is itself.
    fn model_add(model: &mut Model, max: usize, at: (Reporter, Hour, String), bytes: Counters) {
        let full = model.len() >= max && !model.contains_key(&at);
        let name = if full { "_other".to_owned() } else { at.2 };
        let row = model.entry((at.0, at.1, name)).or_default();
        row.0 += bytes.bytes_tx();
        row.1 += bytes.bytes_rx();
    }

    proptest! {
        #[test]
        fn totals_are_exact_and_rows_bounded(
            max in 1_usize..8,
            adds in prop::collection::vec(
                (any::<bool>(), 0_u32..3, 0_u8..9, 1_u64..1_000, 0_u64..1_000), 0..120),
            batch in 1_usize..5,
        ) {
            let mut table = Table::new(max);
            let mut model = Model::new();
            for (source, hour, name, tx, rx) in adds {
                let side = if source { Reporter::Source } else { Reporter::Destination };
                let name = format!("app-{name}");
                table.add(side, hour, &key(&name), bytes(tx, rx));
                model_add(&mut model, max, (side, hour, name), bytes(tx, rx));
                // Two sides and three hours may each have an `_other` row beyond the bound.
                prop_assert!(table.len() <= max + 6);
            }
            let rows = table.len() as u64;
            let bytes: u64 = model.values().map(|(tx, rx)| tx + rx).sum();
            prop_assert_eq!(table.added_bytes(), bytes);
            let mut folded = 0;
            let mut found = Model::new();
            for side in Reporter::ALL {
                while table.has(side) {
                    let taken = table.take(side, batch);
                    prop_assert!(taken.flows.len() <= batch);
                    folded += taken.folded_bytes;
                    for flow in taken.flows {
                        let at = (side, flow.hour, flow.key.src_app.to_string());
                        let row = (flow.counters.bytes_tx(), flow.counters.bytes_rx());
                        prop_assert!(found.insert(at, row).is_none(), "a key twice");
                    }
                }
            }
            prop_assert_eq!(found, model);
            prop_assert_eq!(folded, table.folded_bytes());
            prop_assert_eq!(table.lost_bytes(), 0);
            prop_assert_eq!(table.taken_flows(), rows);
        }
    }
}
