//! `Summary`: sums of flows by any of their fields, the largest groups first, and one figure for
//! all the others, so that the parts always add up to the whole.

use std::cmp::Ordering;
use std::collections::HashMap;

use flow_model::{Counters, FlowKey, Hour};

use super::selection::NameField;

/// Sums over flows. They can leave the range of a counter, so they are wider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many flows: distinct keys, counted in each hour.
    pub flows: u64,
    /// Bytes from sources to destinations.
    pub bytes_tx: u128,
    /// Bytes from destinations to sources.
    pub bytes_rx: u128,
}

impl Totals {
    /// The totals of one flow.
    pub fn of(counters: Counters) -> Self {
        Self { flows: 1, bytes_tx: counters.bytes_tx().into(), bytes_rx: counters.bytes_rx().into() }
    }

    /// Both directions together.
    pub const fn bytes_total(&self) -> u128 {
        self.bytes_tx + self.bytes_rx
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.flows += other.flows;
        self.bytes_tx += other.bytes_tx;
        self.bytes_rx += other.bytes_rx;
    }
}

/// Which fields make a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupBy {
    /// By `src_app`, `dest_app`, `vpc_id`, in this order.
    pub names: [bool; 3],
    /// By hour.
    pub hour: bool,
}

impl GroupBy {
    /// By one name.
    pub fn name(field: NameField) -> Self {
        Self { names: NameField::ALL.map(|one| one == field), hour: false }
    }
}

/// What groups are ordered by, the largest first; equal ones by their keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderBy {
    /// `bytes_tx`
    BytesTx,
    /// `bytes_rx`
    BytesRx,
    /// Both directions together.
    #[default]
    BytesTotal,
    /// The number of flows.
    Flows,
}

impl OrderBy {
    /// The figure of a group that counts.
    pub fn of(self, totals: &Totals) -> u128 {
        match self {
            Self::BytesTx => totals.bytes_tx,
            Self::BytesRx => totals.bytes_rx,
            Self::BytesTotal => totals.bytes_total(),
            Self::Flows => totals.flows.into(),
        }
    }
}

/// What the flows of a group have in common: the fields that it is grouped by.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// The names by which it is grouped, in key order; none for the others.
    pub names: [Option<Box<str>>; 3],
    /// The hour, if it is grouped by hour.
    pub hour: Option<Hour>,
}

impl GroupKey {
    /// The group of a flow.
    pub fn of(group_by: GroupBy, hour: Hour, key: &FlowKey<'_>) -> Self {
        let name = |field: NameField| {
            let [src_app, dest_app, vpc_id] = group_by.names;
            let wanted = match field {
                NameField::SrcApp => src_app,
                NameField::DestApp => dest_app,
                NameField::VpcId => vpc_id,
            };
            wanted.then(|| field.of(key).into())
        };
        Self { names: NameField::ALL.map(name), hour: group_by.hour.then_some(hour) }
    }
}

/// A group and its sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What its flows have in common.
    pub key: GroupKey,
    /// Their sums.
    pub totals: Totals,
}

/// The largest groups, and the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The largest groups, the largest first.
    pub groups: Vec<Group>,
    /// How many groups are not among these.
    pub rest_groups: u64,
    /// Their sums.
    pub rest: Totals,
}

impl Summary {
    /// The `limit` largest of these groups.
    pub fn largest(mut groups: Vec<Group>, order_by: OrderBy, limit: usize) -> Self {
        let order = |a: &Group, b: &Group| -> Ordering {
            let figures = order_by.of(&b.totals).cmp(&order_by.of(&a.totals));
            figures.then_with(|| a.key.cmp(&b.key))
        };
        let mut summary = Self::default();
        if groups.len() > limit {
            groups.select_nth_unstable_by(limit, order);
            for group in groups.drain(limit..) {
                summary.rest_groups += 1;
                summary.rest.add(&group.totals);
            }
        }
        groups.sort_unstable_by(order);
        summary.groups = groups;
        summary
    }

    /// The whole: all groups and the rest.
    pub fn total(&self) -> Totals {
        let mut total = self.rest;
        self.groups.iter().for_each(|group| total.add(&group.totals));
        total
    }
}

/// Groups that are being added up.
#[derive(Default)]
pub struct Groups(HashMap<GroupKey, Totals>);

impl Groups {
    /// Adds sums to a group.
    pub fn add(&mut self, key: GroupKey, totals: &Totals) {
        self.0.entry(key).or_default().add(totals);
    }

    /// The groups, in no order.
    pub fn into_vec(self) -> Vec<Group> {
        self.0.into_iter().map(|(key, totals)| Group { key, totals }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, bytes_tx: u128, bytes_rx: u128) -> Group {
        let names = [Some(name.into()), None, None];
        let key = GroupKey { names, hour: None };
        Group { key, totals: Totals { flows: 1, bytes_tx, bytes_rx } }
    }

    #[test]
    fn the_largest_come_first_and_the_rest_adds_up() {
        let groups = vec![group("b", 5, 0), group("a", 5, 0), group("c", 1, 9), group("d", 2, 2)];
        let summary = Summary::largest(groups.clone(), OrderBy::BytesTx, 2);
        assert_eq!(summary.groups, [group("a", 5, 0), group("b", 5, 0)], "equal ones by name");
        assert_eq!(summary.rest_groups, 2);
        assert_eq!(summary.rest, Totals { flows: 2, bytes_tx: 3, bytes_rx: 11 });
        assert_eq!(summary.total(), Totals { flows: 4, bytes_tx: 13, bytes_rx: 11 });
        let summary = Summary::largest(groups, OrderBy::BytesTotal, 4);
        assert_eq!(summary.groups[0], group("c", 1, 9));
        assert_eq!((summary.rest_groups, summary.rest), (0, Totals::default()));
    }
}
