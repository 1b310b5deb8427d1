//! `Run`: an hour on disk, in key order, as it was when the run was opened: a checkpoint that
//! replaces it does not take it away from its readers.

use std::sync::Arc;

use fjall::{Keyspace, Readable, Snapshot};
use flow_model::{FlowKey, Hour, Name};

use super::keys::{KIND_NAMES, KIND_RECORDS, kind_prefix, part_key};
use super::{Journal, JournalError, damaged};
use crate::limits::PART_LEN;
use crate::store::Sides;
use crate::store::embedded::hour_table::Record;
use crate::store::embedded::record::checkpoint::StoredHour;
use crate::store::embedded::record::part;

#[derive(Clone)]
pub(in crate::store::embedded) struct Run {
    hour: Hour,
    generation: u64,
    records: u64,
    parts: Keyspace,
    snapshot: Arc<Snapshot>,
}

impl Journal {
    /// An hour that a checkpoint holds, in key order.
    pub fn run(&self, stored: &StoredHour) -> Run {
        Run {
            hour: stored.hour,
            generation: stored.generation,
            records: stored.flows,
            parts: self.parts.clone(),
            snapshot: Arc::new(self.database.snapshot()),
        }
    }
}

impl Run {
    /// The hour's names, in order; a record's key is three places in this list.
    pub fn names(&self) -> Result<Vec<Name<'static>>, JournalError> {
        let prefix = kind_prefix(self.generation, self.hour, KIND_NAMES);
        let mut names = Vec::new();
        for item in self.snapshot.prefix(&self.parts, prefix) {
            let bytes = item.value()?;
            let part = part::decode_names(&bytes).map_err(|error| self.damaged(&error))?;
            names.extend(part.into_iter().map(Name::into_owned));
        }
        Ok(names)
    }

    /// How many chunks of records there are.
    pub fn chunk_count(&self) -> u32 {
        u32::try_from(self.records.div_ceil(PART_LEN as u64)).unwrap_or(u32::MAX)
    }

    /// The records of a chunk, in key order.
    pub fn chunk(&self, chunk: u32) -> Result<Vec<Record>, JournalError> {
        let key = part_key(self.generation, self.hour, KIND_RECORDS, chunk);
        match self.snapshot.get(&self.parts, key)? {
            Some(bytes) => part::decode_records(&bytes).map_err(|error| self.damaged(&error)),
            None => Err(self.damaged(&"a part is missing")),
        }
    }

    fn damaged(&self, reason: &dyn std::fmt::Display) -> JournalError {
        damaged(&format!("hour {} of checkpoint {}", self.hour, self.generation), reason)
    }
}

/// Finds single keys in a run.
pub(in crate::store::embedded) struct RunKeys {
    run: Run,
    names: Vec<Name<'static>>,
}

impl RunKeys {
    pub fn open(run: Run) -> Result<Self, JournalError> {
        let names = run.names()?;
        Ok(Self { run, names })
    }

    /// The counters of a key; zeros if it has none.
    pub fn find(&self, key: &FlowKey<'_>) -> Result<Sides, JournalError> {
        let places = [&key.src_app, &key.dest_app, &key.vpc_id]
            .map(|name| self.names.binary_search_by(|known| known.as_str().cmp(name)));
        let [Ok(src_app), Ok(dest_app), Ok(vpc_id)] = places else { return Ok(Sides::default()) };
        let wanted =
            [src_app, dest_app, vpc_id].map(|place| u32::try_from(place).unwrap_or(u32::MAX));
        let (mut low, mut high) = (0, self.run.chunk_count());
        while low < high {
            let middle = low + (high - low) / 2;
            let chunk = self.run.chunk(middle)?;
            match (chunk.first(), chunk.last()) {
                (Some(first), _) if wanted < first.key => high = middle,
                (_, Some(last)) if wanted > last.key => low = middle + 1,
                _ => {
                    let found = chunk.binary_search_by_key(&wanted, |record| record.key);
                    let record = found.ok().and_then(|at| chunk.get(at));
                    return Ok(record.map(|record| record.sides).unwrap_or_default());
                }
            }
        }
        Ok(Sides::default())
    }
}
