//! `Names`: the distinct names of an hour, each kept once and known by a number.

use std::hash::BuildHasher;

use flow_model::Name;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::chunked::Chunked;

/// A name's number in its hour.
pub(super) type NameId = u32;

#[derive(Default)]
pub(super) struct Names {
    list: Chunked<Name<'static>>,
    index: HashTable<NameId>,
    /// Seeded by chance: who writes cannot choose names that collide.
    hasher: DefaultHashBuilder,
}

impl Names {
    /// The number of a name, if it has one.
    pub fn find(&self, name: &str) -> Option<NameId> {
        self.index.find(self.hasher.hash_one(name), |id| self.is(*id, name)).copied()
    }

    /// The number of a name, which gets one if it has none; none when numbers run out.
    pub fn intern(&mut self, name: &Name<'_>) -> Option<NameId> {
        if let Some(id) = self.find(name) {
            return Some(id);
        }
        let id = NameId::try_from(self.list.len()).ok()?;
        self.list.push(name.clone().into_owned());
        let (list, hasher) = (&self.list, &self.hasher);
        let hash =
            |id: &NameId| list.get(*id as usize).map_or(0, |name| hasher.hash_one(name.as_str()));
        self.index.insert_unique(hasher.hash_one(name.as_str()), id, hash);
        Some(id)
    }

    /// The names by their numbers.
    pub fn list(&self) -> &Chunked<Name<'static>> {
        &self.list
    }

    fn is(&self, id: NameId, name: &str) -> bool {
        self.list.get(id as usize).is_some_and(|known| known.as_str() == name)
    }
}
