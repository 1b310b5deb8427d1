//! What is noted in a cluster while the contents of another store are moved into it, and what
//! must be known before its own are moved away.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use redis::Value;

use super::layout::Shard;
use super::read::{self, Place, damaged};
use super::record::{Delivered, decode};
use super::{ClusterStore, call};
use crate::limits::SURVEY_SHARDS;
use crate::store::{ApplyError, Movable, ReadError, Store};

/// Where it is noted in the hash of what holds for the whole store.
const FIELD: &str = "moving";

#[async_trait]
impl Movable for ClusterStore {
    async fn moving(&self) -> Result<Option<Vec<u8>>, ReadError> {
        self.check_open()?;
        let mut command = redis::cmd("HGET");
        command.arg(self.net.keys.meta()).arg(FIELD);
        let note = self.net.tell_slot(self.net.keys.meta_slot(), command).await?;
        match note {
            Value::Nil => Ok(None),
            note => {
                let note = call::bytes(&note).ok_or_else(|| damaged("the note of a move"))?;
                Ok(Some(note.into_owned()))
            }
        }
    }

    async fn set_moving(&self, note: Option<&[u8]>) -> Result<(), ApplyError> {
        let unavailable = |error: ReadError| ApplyError::Unavailable(error.0);
        self.check_open().map_err(unavailable)?;
        let mut command = redis::cmd(if note.is_some() { "HSET" } else { "HDEL" });
        command.arg(self.net.keys.meta()).arg(FIELD).arg(note);
        let noted = self.net.tell_slot(self.net.keys.meta_slot(), command).await;
        noted.map(|_| ()).map_err(unavailable)
    }

    async fn half_delivered(&self) -> Result<Vec<String>, ReadError> {
        let mut said: HashMap<String, u64> = HashMap::new();
        let mut note = |id: &str, progress: &crate::store::Progress| {
            said.insert(id.to_owned(), progress.sequence);
        };
        self.survey(&mut note).await?;
        let mut ahead: BTreeSet<String> = BTreeSet::new();
        let shards: Vec<Shard> = Shard::all().collect();
        let unreadable = || damaged("the record of an instance");
        for some in shards.chunks(SURVEY_SHARDS) {
            let key = |shard| self.net.keys.instances(shard);
            let hashes = some.iter().map(|&shard| Place { shard, key: key(shard) });
            let sequence = |record: &[u8]| {
                let part: Option<Delivered> = decode(record).map_err(|_| unreadable())?;
                part.map(|part| part.sequence).ok_or_else(unreadable)
            };
            let parts = read::fields(&self.net, hashes.collect(), sequence).await?;
            // The whole batch is there only once its instance's words are.
            let is_ahead =
                |(id, sequence): &(String, u64)| said.get(id).is_none_or(|said| sequence > said);
            ahead.extend(parts.into_iter().flatten().filter(is_ahead).map(|(id, _)| id));
        }
        Ok(ahead.into_iter().collect())
    }
}
