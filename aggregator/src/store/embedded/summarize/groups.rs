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
        let mut names = [ANY; 3];
        for ((name, id), is_wanted) in names.iter_mut().zip(key).zip(group_by.names) {
            if is_wanted {
                *name = id;
            }
        }
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

pub(super) struct Grouping {
    group_by: GroupBy,
    groups: Vec<(GroupIds, Totals)>,
    index: Index,
}

/// Where a group is in the list.
enum Index {
    /// By the number of the one name that groups are made by.
    Direct {
        field: usize,
        places: Vec<u32>,
    },
    Hashed {
        table: HashTable<u32>,
        hasher: DefaultHashBuilder,
    },
}

impl Grouping {
    pub fn new(group_by: GroupBy) -> Self {
        let index = match (group_by.names, group_by.hour) {
            ([true, false, false], false) => Index::Direct { field: 0, places: Vec::new() },
            ([false, true, false], false) => Index::Direct { field: 1, places: Vec::new() },
            ([false, false, true], false) => Index::Direct { field: 2, places: Vec::new() },
            _ => Index::Hashed { table: HashTable::new(), hasher: DefaultHashBuilder::default() },
        };
        Self { group_by, groups: Vec::new(), index }
    }

    /// Adds a flow to its group.
    pub fn add(&mut self, key: KeyIds, hour: Hour, totals: &Totals) {
        let ids = GroupIds::of(self.group_by, key, hour);
        let place = self.place(ids, key);
        if let Some((_, sum)) = self.groups.get_mut(place as usize) {
            sum.add(totals);
        }
    }

    /// The groups, in no order.
    pub fn into_groups(self) -> impl Iterator<Item = (GroupIds, Totals)> {
        self.groups.into_iter()
    }

    fn place(&mut self, ids: GroupIds, key: KeyIds) -> u32 {
        let next = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
        let groups = &mut self.groups;
        match &mut self.index {
            Index::Direct { field, places } => {
                let id = key.get(*field).copied().unwrap_or_default() as usize;
                if places.len() <= id {
                    places.resize(id + 1, ANY);
                }
                let Some(place) = places.get_mut(id) else { return next };
                if *place == ANY {
                    *place = next;
                    groups.push((ids, Totals::default()));
                }
                *place
            }
            Index::Hashed { table, hasher } => {
                let hash = |place: u32| groups.get(place as usize).map(|(ids, _)| *ids);
                let is_it = |place: &u32| hash(*place) == Some(ids);
                let ids_hash = hasher.hash_one(ids);
                if let Some(place) = table.find(ids_hash, is_it) {
                    return *place;
                }
                table.insert_unique(ids_hash, next, |place| {
                    hash(*place).map_or(0, |ids| hasher.hash_one(ids))
                });
                groups.push((ids, Totals::default()));
                next
            }
        }
    }
}
