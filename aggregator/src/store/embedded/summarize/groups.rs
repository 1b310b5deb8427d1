//! `Grouping`: groups by the numbers of their names, and their sums.

use std::hash::BuildHasher;

use flow_model::Hour;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::store::embedded::hour_table::KeyIds;
use crate::store::embedded::names::NameId;
use crate::store::{GroupBy, Totals};

/// What stands for a field that groups are not made by. No name has this number, as an hour has
/// fewer names than keys, and fewer keys than 2^32.
const ANY: u32 = u32::MAX;

/// A group: names by number, and the hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct GroupIds {
    names: [u32; 3],
    hour: Option<Hour>,
}

impl GroupIds {
    /// The group of a key.
    pub fn of(group_by: GroupBy, key: KeyIds, hour: Hour) -> Self {
        let [src_app, dest_app, vpc_id] = key;
        let [by_src_app, by_dest_app, by_vpc_id] = group_by.names;
        let names = [
            if by_src_app { src_app } else { ANY },
            if by_dest_app { dest_app } else { ANY },
            if by_vpc_id { vpc_id } else { ANY },
        ];
        Self { names, hour: group_by.hour.then_some(hour) }
    }

    /// The names; none for fields that groups are not made by.
    pub fn names(self) -> [Option<NameId>; 3] {
        self.names.map(|id| (id != ANY).then_some(id))
    }

    /// The hour, if groups are made by hour.
    pub const fn hour(self) -> Option<Hour> {
        self.hour
    }
}

/// Groups that are found by hashing.
pub(super) struct Grouping {
    group_by: GroupBy,
    groups: Vec<(GroupIds, Totals)>,
    /// The places of groups in the list.
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Grouping {
    pub fn new(group_by: GroupBy) -> Self {
        let (index, hasher) = (HashTable::new(), DefaultHashBuilder::default());
        Self { group_by, groups: Vec::new(), index, hasher }
    }

    /// Adds a flow to its group.
    pub fn add(&mut self, key: KeyIds, hour: Hour, totals: &Totals) {
        let ids = GroupIds::of(self.group_by, key, hour);
        let place = self.place(ids);
        match self.groups.get_mut(place as usize) {
            Some((_, sum)) => sum.add(totals),
            None => self.groups.push((ids, *totals)),
        }
    }

    /// The groups, in no order.
    pub fn into_groups(self) -> impl Iterator<Item = (GroupIds, Totals)> {
        self.groups.into_iter()
    }

    /// The place of a group; the next one, if it has none.
    fn place(&mut self, ids: GroupIds) -> u32 {
        let (groups, hasher) = (&self.groups, &self.hasher);
        let at = |place: u32| groups.get(place as usize).map(|(ids, _)| *ids);
        let hash = hasher.hash_one(ids);
        if let Some(place) = self.index.find(hash, |place| at(*place) == Some(ids)) {
            return *place;
        }
        let next = u32::try_from(groups.len()).unwrap_or(u32::MAX);
        let rehash = |place: &u32| at(*place).map_or(0, |ids| hasher.hash_one(ids));
        self.index.insert_unique(hash, next, rehash);
        next
    }
}
