//! `Cursor`: the records of one source in key order, one after the other, from any place.

use std::sync::Arc;

use flow_model::Name;

use super::Source;
use crate::store::embedded::hour_table::{HourSnapshot, KeyIds, Record};
use crate::store::embedded::journal::JournalError;
use crate::store::embedded::journal::run::Run;
use crate::store::embedded::names::NameId;

pub(super) enum Cursor {
    Table { snapshot: HourSnapshot, order: Arc<Vec<u32>>, at: usize, passing: Option<Bits> },
    Run { run: Run, names: Vec<Name<'static>>, chunk: Vec<Record>, number: u32, at: usize },
}

/// A bit for each position of a table.
pub(super) struct Bits(Vec<u64>);

impl Bits {
    fn has(&self, position: u32) -> bool {
        let word = self.0.get(position as usize / 64).copied().unwrap_or_default();
        word >> (position % 64) & 1 == 1
    }
}

impl Cursor {
    pub fn open(source: &Source) -> Result<Self, JournalError> {
        match source {
            Source::Table(snapshot) => {
                let (snapshot, order) = (snapshot.clone(), snapshot.order());
                Ok(Self::Table { snapshot, order, at: 0, passing: None })
            }
            Source::Run(run) => {
                let names = run.names()?;
                Ok(Self::Run { run: run.clone(), names, chunk: Vec::new(), number: 0, at: 0 })
            }
        }
    }

    /// The names by their numbers.
    pub fn names(&self) -> Box<dyn Iterator<Item = &Name<'static>> + '_> {
        match self {
            Self::Table { snapshot, .. } => Box::new(snapshot.names.iter()),
            Self::Run { names, .. } => Box::new(names.iter()),
        }
    }

    /// A name by its number.
    pub fn name(&self, id: NameId) -> Option<&Name<'static>> {
        match self {
            Self::Table { snapshot, .. } => snapshot.names.get(id as usize),
            Self::Run { names, .. } => names.get(id as usize),
        }
    }

    /// Looks at all keys in the order in which they lie in memory, so that [`Self::next`] need
    /// not jump to those that do not pass. Of no use for a run, which lies in key order.
    pub fn sieve(&mut self, passes: impl Fn(&KeyIds) -> bool) {
        let Self::Table { snapshot, passing, .. } = self else { return };
        let mut words = vec![0_u64; snapshot.len().div_ceil(64)];
        for (position, key) in snapshot.keys().enumerate() {
            if passes(key)
                && let Some(word) = words.get_mut(position / 64)
            {
                *word |= 1 << (position % 64);
            }
        }
        *passing = Some(Bits(words));
    }

    /// The next record.
    pub fn next(&mut self) -> Result<Option<Record>, JournalError> {
        match self {
            Self::Table { snapshot, order, at, passing } => {
                while let Some(position) = order.get(*at) {
                    *at += 1;
                    if passing.as_ref().is_none_or(|passing| passing.has(*position)) {
                        return Ok(snapshot.record(*position as usize));
                    }
                }
                Ok(None)
            }
            Self::Run { run, chunk, number, at, .. } => {
                if *at == chunk.len() {
                    if *number == run.chunk_count() {
                        return Ok(None);
                    }
                    (*chunk, *number, *at) = (run.chunk(*number)?, *number + 1, 0);
                }
                let record = chunk.get(*at).copied();
                *at += 1;
                Ok(record)
            }
        }
    }

    /// Goes to the first record whose key is not before a place.
    pub fn seek(&mut self, is_before: impl Fn([&str; 3]) -> bool) -> Result<(), JournalError> {
        match self {
            Self::Table { snapshot, order, at, .. } => {
                *at = order.partition_point(|position| {
                    let key = snapshot.record(*position as usize).map(|record| record.key);
                    key.is_some_and(|key| is_before(texts(key, |id| snapshot.names.get(id))))
                });
            }
            Self::Run { run, names, chunk, number, at } => {
                let is_before = |record: &Record| is_before(texts(record.key, |id| names.get(id)));
                // The last chunk that begins before the place has it, or the next one does.
                let (mut low, mut high) = (0, run.chunk_count());
                while low < high {
                    let middle = low + (high - low) / 2;
                    match run.chunk(middle)?.first().is_some_and(is_before) {
                        true => low = middle + 1,
                        false => high = middle,
                    }
                }
                let first = low.saturating_sub(1);
                if first < run.chunk_count() {
                    (*chunk, *number) = (run.chunk(first)?, first + 1);
                    *at = chunk.partition_point(is_before);
                }
            }
        }
        Ok(())
    }
}

fn texts<'a>(key: KeyIds, name: impl Fn(usize) -> Option<&'a Name<'static>>) -> [&'a str; 3] {
    key.map(|id| name(id as usize).map_or("", Name::as_str))
}
