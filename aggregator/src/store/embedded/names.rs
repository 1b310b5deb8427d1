//! `Names`: the distinct names of an hour, each kept once and known by a number.

use std::hash::BuildHasher;

use flow_model::{Name, NameError};
use hashbrown::{DefaultHashBuilder, HashTable};

use super::chunked::Chunked;

/// A name's number in its hour.
pub(super) type NameId = u32;

/// What a name costs besides its text: its place in the list and in the index, and the
/// allocator's share.
const NAME_OVERHEAD_BYTES: usize = 56;

#[derive(Default)]
pub(super) struct Names {
    list: Chunked<Name<'static>>,
    index: HashTable<NameId>,
    /// Seeded by chance: who writes cannot choose names that collide.
    hasher: DefaultHashBuilder,
    text_bytes: usize,
}

/// Why a name has no number.
#[derive(Debug, thiserror::Error)]
pub(super) enum InternError {
    #[error(transparent)]
    NotAName(#[from] NameError),
    #[error("an hour cannot have more than 2^32 names")]
    TooMany,
}

impl Names {
    /// The number of a name, if it has one.
    pub fn find(&self, name: &str) -> Option<NameId> {
        self.find_hashed(self.hasher.hash_one(name), name)
    }

    /// The number of a name, which gets one if it has none.
    pub fn intern(&mut self, name: &str) -> Result<NameId, InternError> {
        let hash = self.hasher.hash_one(name);
        match self.find_hashed(hash, name) {
            Some(id) => Ok(id),
            None => self.push(hash, name),
        }
    }

    /// The names by their numbers.
    pub fn list(&self) -> &Chunked<Name<'static>> {
        &self.list
    }

    /// About how much memory they take.
    pub fn size_bytes(&self) -> usize {
        self.text_bytes + self.list.len() * NAME_OVERHEAD_BYTES
    }

    fn push(&mut self, hash: u64, name: &str) -> Result<NameId, InternError> {
        let id = NameId::try_from(self.list.len()).map_err(|_| InternError::TooMany)?;
        self.list.push(Name::new(name)?.into_owned());
        self.text_bytes += name.len();
        let (list, hasher) = (&self.list, &self.hasher);
        let rehash =
            |id: &NameId| list.get(*id as usize).map_or(0, |name| hasher.hash_one(name.as_str()));
        self.index.insert_unique(hash, id, rehash);
        Ok(id)
    }

    fn find_hashed(&self, hash: u64, name: &str) -> Option<NameId> {
        let is_it =
            |id: &NameId| self.list.get(*id as usize).is_some_and(|known| known.as_str() == name);
        self.index.find(hash, is_it).copied()
    }
}
