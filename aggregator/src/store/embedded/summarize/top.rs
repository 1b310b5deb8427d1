//! `Top`: the largest of many groups, in memory for only these.

use std::cmp::Ordering;

use flow_model::Name;

use super::groups::GroupIds;
use super::named;
use crate::store::embedded::names::NameId;
use crate::store::{Group, OrderBy, Summary, Totals};

pub(super) struct Top<F> {
    order_by: OrderBy,
    limit: usize,
    name: F,
    /// The candidates: all of the largest, and others that came before it was known.
    kept: Vec<(GroupIds, Totals)>,
    /// A figure that a group must reach to be among the largest.
    threshold: u128,
    groups: u64,
    total: Totals,
}

impl<'a, F: Fn(NameId) -> Option<&'a Name<'static>>> Top<F> {
    /// The `limit` largest groups by a figure; `name` knows names by their numbers.
    pub fn new(order_by: OrderBy, limit: usize, name: F) -> Self {
        let total = Totals::default();
        Self { order_by, limit, name, kept: Vec::new(), threshold: 0, groups: 0, total }
    }

    /// Looks at a group.
    pub fn offer(&mut self, ids: GroupIds, totals: Totals) {
        self.groups += 1;
        self.total.add(&totals);
        if self.limit > 0 && self.order_by.of(&totals) >= self.threshold {
            self.kept.push((ids, totals));
            if self.kept.len() >= 2 * self.limit + 64 {
                self.cut();
            }
        }
    }

    /// The largest, and the rest.
    pub fn into_summary(mut self) -> Summary {
        self.cut();
        let mut kept = std::mem::take(&mut self.kept);
        kept.sort_unstable_by(self.order());
        let rest_groups = self.groups - kept.len() as u64;
        let mut rest = self.total;
        let groups = kept.into_iter().map(|(ids, totals)| {
            rest.flows -= totals.flows;
            rest.bytes_tx -= totals.bytes_tx;
            rest.bytes_rx -= totals.bytes_rx;
            Group { key: named(ids, &self.name), totals }
        });
        let groups = groups.collect();
        Summary { groups, rest_groups, rest }
    }

    /// Lets go of what is not among the largest.
    fn cut(&mut self) {
        if self.kept.len() <= self.limit {
            return;
        }
        let mut kept = std::mem::take(&mut self.kept);
        kept.select_nth_unstable_by(self.limit, self.order());
        kept.truncate(self.limit);
        let smallest = kept.iter().map(|(_, totals)| self.order_by.of(totals)).min();
        self.threshold = smallest.unwrap_or_default();
        self.kept = kept;
    }

    /// The largest first, and equal ones by their names and hours.
    fn order(&self) -> impl Fn(&(GroupIds, Totals), &(GroupIds, Totals)) -> Ordering + '_ {
        |(a, a_totals), (b, b_totals)| {
            let figures = self.order_by.of(b_totals).cmp(&self.order_by.of(a_totals));
            figures.then_with(|| {
                let key = |ids: &GroupIds| (ids.names().map(|id| (self.name)(id?)), ids.hour());
                key(a).cmp(&key(b))
            })
        }
    }
}
