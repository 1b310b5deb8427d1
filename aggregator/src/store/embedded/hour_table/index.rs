//! `Index`: from a key to its position in the columns of an hour.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{KeyIds, SourceRow};
use crate::store::embedded::columns::Column;

/// The index grows by parts, so that no single addition has to move all of it.
const PARTS: usize = 16;

/// The bytes of a slot in a part: the position and hashbrown's control byte.
const SLOT_BYTES: usize = 5;

#[derive(Default)]
pub(super) struct Index {
    parts: [HashTable<u32>; PARTS],
    /// Seeded by chance: who writes cannot choose keys that collide.
    hasher: DefaultHashBuilder,
}

impl Index {
    /// The position of a key, if it has one.
    pub fn find(&self, rows: &Column<SourceRow>, key: KeyIds) -> Option<usize> {
        let hash = hash(&self.hasher, key);
        let is_key =
            |position: &u32| rows.get(*position as usize).is_some_and(|row| row.key == key);
        self.parts.get(part_of(hash))?.find(hash, is_key).map(|position| *position as usize)
    }

    /// Notes the position of a key that has none yet.
    pub fn insert(&mut self, rows: &Column<SourceRow>, key: KeyIds, position: u32) {
        let hasher = &self.hasher;
        let rehash =
            |position: &u32| rows.get(*position as usize).map_or(0, |row| hash(hasher, row.key));
        let hash = hash(hasher, key);
        if let Some(part) = self.parts.get_mut(part_of(hash)) {
            part.insert_unique(hash, position, rehash);
        }
    }

    /// Makes room for as many keys, while there are none.
    pub fn reserve(&mut self, keys: usize) {
        for part in self.parts.iter_mut().filter(|part| part.is_empty()) {
            part.reserve(keys / PARTS, |_| 0);
        }
    }

    /// About how much memory it takes.
    pub fn size_bytes(&self) -> usize {
        self.parts.iter().map(|part| part.capacity() * SLOT_BYTES * 8 / 7).sum()
    }
}

fn hash(hasher: &DefaultHashBuilder, [src_app, dest_app, vpc_id]: KeyIds) -> u64 {
    hasher.hash_one((u64::from(src_app) << 32 | u64::from(dest_app), vpc_id))
}

/// hashbrown takes the lowest and the highest bits of a hash for itself: these are in between.
fn part_of(hash: u64) -> usize {
    (hash >> 40) as usize % PARTS
}
