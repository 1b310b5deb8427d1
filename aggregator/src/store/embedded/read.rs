//! Reads over snapshots.

use async_trait::async_trait;
use flow_model::Hour;

use super::hour_table::{HourSnapshot, SortedScan};
use crate::store::{
    ChangeSet, Changes, ChangesError, Filter, Group, GroupBy, GroupKey, Position, ReadError, Row,
    Scan, Totals, summary::Groups,
};

pub(super) struct RowScan {
    hours: std::vec::IntoIter<(Hour, HourSnapshot)>,
    current: Option<(Hour, SortedScan)>,
    filter: Filter,
    after: Option<Position>,
    left: usize,
}

impl RowScan {
    pub fn new(
        hours: Vec<(Hour, HourSnapshot)>,
        filter: Filter,
        after: Option<Position>,
        limit: Option<usize>,
    ) -> Self {
        let left = limit.unwrap_or(usize::MAX);
        Self { hours: hours.into_iter(), current: None, filter, after, left }
    }
}

impl Scan for RowScan {
    fn next(&mut self) -> Result<Option<Row<'_>>, ReadError> {
        if self.left == 0 {
            return Ok(None);
        }
        loop {
            let Some((hour, scan)) = &mut self.current else {
                let Some((hour, snapshot)) = self.hours.next() else { return Ok(None) };
                self.current = Some((hour, snapshot.sorted()));
                continue;
            };
            let (hour, filter, after) = (*hour, &self.filter, &self.after);
            let wanted = |key: &flow_model::FlowKey<'_>| {
                let later = after.as_ref().is_none_or(|after| (hour, key) > (after.hour, &after.key));
                later && filter.matches(key)
            };
            if scan.skip_to(wanted) {
                break;
            }
            self.current = None;
        }
        self.left -= 1;
        let Some((hour, scan)) = &mut self.current else { return Ok(None) };
        let hour = *hour;
        Ok(scan.next().map(|(key, sides)| Row { hour, key, sides }))
    }
}

pub(super) fn groups(
    hours: Vec<(Hour, HourSnapshot)>,
    filter: &Filter,
    group_by: GroupBy,
) -> Vec<Group> {
    let mut groups = Groups::default();
    for (hour, snapshot) in hours {
        let mut scan = snapshot.sorted();
        while let Some((key, sides)) = scan.next() {
            if filter.matches(&key) {
                let totals = Totals::of(sides.reconciled());
                groups.add(GroupKey::of(group_by, hour, &key), &totals);
            }
        }
    }
    groups.into_vec()
}

pub(super) struct NoChanges(pub Option<u64>);

#[async_trait]
impl Changes for NoChanges {
    async fn next(&mut self) -> Result<ChangeSet, ChangesError> {
        std::future::pending().await
    }
}
