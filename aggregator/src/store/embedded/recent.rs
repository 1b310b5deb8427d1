//! `Recent`: the last log entries, for those who follow the store. Bounded in bytes: a follower
//! who falls behind has missed something, and holds up nobody.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fjall::Slice;
use flow_model::{FlowKey, Hour, Name};
use tokio::sync::watch;

use super::journal::Journal;
use super::memory::Memory;
use super::record::DecodeError;
use super::record::entry::EntryReader;
use super::record::group;
use super::{lock, lookup};
use crate::limits::{MAX_CHANGED_KEYS, MAX_RECENT_BYTES};
use crate::store::{ChangeSet, ChangedRow, Changes, ChangesError, Selection};

pub(super) struct Recent {
    entries: Mutex<Entries>,
    last: watch::Sender<u64>,
}

#[derive(Default)]
struct Entries {
    /// Consecutive; the last one is the last of the log.
    list: VecDeque<(u64, Slice)>,
    size_bytes: usize,
}

impl Recent {
    /// For a log that ends with this entry.
    pub fn new(log_index: u64) -> Self {
        Self { entries: Mutex::default(), last: watch::Sender::new(log_index) }
    }

    /// Notes a value of the log that has been added to memory.
    pub fn publish(&self, index: u64, value: Slice) {
        let mut entries = lock(&self.entries);
        entries.size_bytes += value.len();
        entries.list.push_back((index, value));
        while entries.size_bytes > MAX_RECENT_BYTES {
            let Some((_, bytes)) = entries.list.pop_front() else { break };
            entries.size_bytes -= bytes.len();
        }
        drop(entries);
        self.last.send_replace(index);
    }

    /// The last entry.
    fn last(&self) -> u64 {
        *self.last.borrow()
    }

    /// The entries after one; none if some of them are not remembered.
    fn after(&self, index: u64) -> Option<Vec<(u64, Slice)>> {
        let entries = lock(&self.entries);
        let first = entries.list.front().map(|(index, _)| *index)?;
        let skipped = usize::try_from((index + 1).checked_sub(first)?).ok()?;
        Some(entries.list.iter().skip(skipped).cloned().collect())
    }
}

/// A follower.
pub(super) struct Follower {
    gatherer: Arc<Gatherer>,
    /// The last entry that the follower knows.
    position: u64,
    last: watch::Receiver<u64>,
}

/// What it takes to tell what entries have changed.
pub(super) struct Gatherer {
    pub recent: Arc<Recent>,
    pub memory: Arc<Mutex<Memory>>,
    pub journal: Journal,
    pub selection: Selection,
}

impl Follower {
    pub fn new(gatherer: Gatherer, after: Option<u64>) -> Self {
        let last = gatherer.recent.last.subscribe();
        let position = after.unwrap_or_else(|| gatherer.recent.last());
        Self { gatherer: Arc::new(gatherer), position, last }
    }
}

impl Gatherer {
    /// What entries have changed, or as much as one answer may have.
    fn gather(&self, entries: &[(u64, Slice)]) -> Result<ChangeSet, ChangesError> {
        let mut keys = BTreeSet::new();
        let mut up_to = 0;
        for (index, value) in entries {
            for entry in group::unpack(value) {
                let collected = entry.and_then(|entry| self.collect(entry, &mut keys));
                collected.map_err(|error| unreadable(&error))?;
            }
            up_to = *index;
            if keys.len() >= MAX_CHANGED_KEYS {
                break;
            }
        }
        let keys: Vec<(Hour, FlowKey<'_>)> = keys.into_iter().collect();
        let mut rows = Vec::with_capacity(keys.len());
        for group in keys.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((hour, _)) = group.first() else { continue };
            let keys: Vec<&FlowKey<'_>> = group.iter().map(|(_, key)| key).collect();
            let found = lookup::find(&self.memory, &self.journal, *hour, &keys);
            for (key, sides) in keys.iter().zip(found.map_err(|error| unreadable(&error))?) {
                if let Some(sides) = sides.selected(self.selection.reporter) {
                    rows.push(ChangedRow { hour: *hour, key: (*key).clone().into_owned(), sides });
                }
            }
        }
        Ok(ChangeSet { up_to, rows })
    }

    /// The selected keys of an entry.
    fn collect<'a>(
        &self,
        bytes: &'a [u8],
        keys: &mut BTreeSet<(Hour, FlowKey<'a>)>,
    ) -> Result<(), DecodeError> {
        let reader = EntryReader::new(bytes)?;
        if self.selection.reporter.is_some_and(|wanted| wanted != reader.reporter()) {
            return Ok(());
        }
        for flow in reader {
            let flow = flow?;
            let [src_app, dest_app, vpc_id] = flow.names;
            let name = |text| Name::new(text).map_err(DecodeError::damaged);
            let key = FlowKey {
                src_app: name(src_app)?,
                dest_app: name(dest_app)?,
                vpc_id: name(vpc_id)?,
            };
            let Selection { hours, filter, .. } = &self.selection;
            if hours.contains(&flow.hour) && filter.matches(&key) {
                keys.insert((flow.hour, key));
            }
        }
        Ok(())
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> ChangesError {
    ChangesError::Unreadable(error.to_string())
}

#[async_trait]
impl Changes for Follower {
    fn up_to(&self) -> u64 {
        self.position
    }

    async fn next(&mut self) -> Result<ChangeSet, ChangesError> {
        let position = self.position;
        let recent = &self.gatherer.recent;
        if position > recent.last() {
            // Its numbers are of another store, or of one that was put back to an earlier time.
            self.position = recent.last();
            return Err(ChangesError::Missed { up_to: self.position });
        }
        let waited = self.last.wait_for(|last| *last > position).await.map(|_| ());
        waited.map_err(|_| ChangesError::Closed)?;
        let Some(entries) = recent.after(position) else {
            self.position = recent.last();
            return Err(ChangesError::Missed { up_to: self.position });
        };
        let gatherer = Arc::clone(&self.gatherer);
        let gathered = tokio::task::spawn_blocking(move || gatherer.gather(&entries)).await;
        let changes = gathered.map_err(|error| unreadable(&error))??;
        self.position = changes.up_to;
        Ok(changes)
    }
}
