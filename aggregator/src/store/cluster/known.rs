//! `Known`: senders' records as this process has last seen them. A record that is out of date
//! costs an attempt, and nothing else: the script looks itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::job::RecordPlace;
use super::layout::{SHARDS, Shard};
use super::lock;
use crate::limits::MAX_KNOWN_RECORDS;

/// The records of instances, by shard.
pub(super) struct Known {
    shards: Vec<Mutex<OfShard>>,
}

#[derive(Default)]
struct OfShard {
    parts: HashMap<Arc<str>, Vec<u8>>,
    homes: HashMap<Arc<str>, Vec<u8>>,
}

impl Default for Known {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl Known {
    /// A record, if it is known.
    pub fn get(&self, shard: Shard, place: &RecordPlace) -> Option<Vec<u8>> {
        let of_shard = lock(self.shards.get(usize::from(shard.0))?);
        match place {
            RecordPlace::Part(id) => of_shard.parts.get(id).cloned(),
            RecordPlace::Home(id) => of_shard.homes.get(id).cloned(),
            RecordPlace::Key(_) => None,
        }
    }

    /// Notes a record.
    pub fn put(&self, shard: Shard, place: &RecordPlace, record: &[u8]) {
        let Some(of_shard) = self.shards.get(usize::from(shard.0)) else { return };
        let mut of_shard = lock(of_shard);
        let (records, id) = match place {
            RecordPlace::Part(id) => (&mut of_shard.parts, id),
            RecordPlace::Home(id) => (&mut of_shard.homes, id),
            RecordPlace::Key(_) => return,
        };
        if records.len() >= MAX_KNOWN_RECORDS && !records.contains_key(id) {
            records.clear();
        }
        records.insert(Arc::clone(id), record.to_vec());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let known = Known::default();
        let place = |n: usize| RecordPlace::Part(n.to_string().into());
        for n in 0..MAX_KNOWN_RECORDS {
            known.put(Shard(1), &place(n), b"x");
        }
        assert!(known.get(Shard(1), &place(0)).is_some());
        assert!(known.get(Shard(2), &place(0)).is_none());
        assert!(known.get(Shard(1), &RecordPlace::Home("0".into())).is_none());
        known.put(Shard(1), &place(0), b"y");
        assert_eq!(known.get(Shard(1), &place(0)).as_deref(), Some(&b"y"[..]));
        known.put(Shard(1), &place(MAX_KNOWN_RECORDS), b"x");
        assert!(known.get(Shard(1), &place(0)).is_none());
    }
}
