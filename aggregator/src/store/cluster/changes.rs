//! What has changed, for those who follow: every call of the script that adds flows tells which,
//! on its shard's channel, while somebody listens. One process listens once for all its followers.
//!
//! The number of a change is the time at which this process heard of it, in microseconds since
//! the Unix epoch. So a follower that goes on at another process is given what it has missed, and
//! something twice: changes are flows as they are now, so twice does no harm.

mod ear;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use flow_model::{Hour, Reporter};
use tokio::sync::watch;

pub(super) use self::ear::Ear;
use super::call;
use super::cell::decode_sides;
use super::layout::{Shard, Source};
use super::lock;
use super::net::Net;
use crate::clock::now_us;
use crate::limits::{CHANGES_OVERLAP_US, MAX_CHANGED_KEYS, MAX_RECENT_BYTES};
use crate::store::{ChangeSet, ChangedRow, Changes, ChangesError, ReadError, Selection};

/// What was heard lately. Bounded: who falls behind has missed something.
pub(super) struct Heard {
    entries: Mutex<Entries>,
    last: watch::Sender<u64>,
}

#[derive(Default)]
struct Entries {
    list: VecDeque<(u64, Shard, Vec<u8>)>,
    size_bytes: usize,
    /// All that was told after this is in the list.
    complete_since: u64,
}

impl Heard {
    fn new() -> Self {
        let now = now_us();
        let entries = Entries { complete_since: now, ..Entries::default() };
        Self { entries: Mutex::new(entries), last: watch::Sender::new(now) }
    }

    /// Notes a message.
    fn note(&self, shard: Shard, message: Vec<u8>) {
        let mut entries = lock(&self.entries);
        let number = self.next();
        entries.size_bytes += message.len();
        entries.list.push_back((number, shard, message));
        while entries.size_bytes > MAX_RECENT_BYTES {
            let Some((gone, _, message)) = entries.list.pop_front() else { break };
            entries.size_bytes -= message.len();
            entries.complete_since = gone;
        }
        drop(entries);
        self.last.send_replace(number);
    }

    /// Something may not have been heard.
    fn lose(&self) {
        let mut entries = lock(&self.entries);
        let number = self.next();
        *entries = Entries { complete_since: number, ..Entries::default() };
        drop(entries);
        self.last.send_replace(number);
    }

    /// Whether a number was given by this process.
    fn gave(&self, number: u64) -> bool {
        let entries = lock(&self.entries);
        let place = entries.list.binary_search_by_key(&number, |(number, ..)| *number);
        number == entries.complete_since || place.is_ok()
    }

    fn next(&self) -> u64 {
        now_us().max(*self.last.borrow() + 1)
    }
}

/// A follower.
pub(super) struct Follower {
    net: Arc<Net>,
    heard: Arc<Heard>,
    selection: Selection,
    position: u64,
    /// From where on it is given something, which is before its position when it comes from
    /// another process.
    from: u64,
    last: watch::Receiver<u64>,
}

impl Follower {
    /// One who knows all up to `after`, or follows from now on.
    pub fn new(net: Arc<Net>, heard: Arc<Heard>, selection: Selection, after: Option<u64>) -> Self {
        let last = heard.last.subscribe();
        let position = after.unwrap_or_else(|| *heard.last.borrow());
        let is_ours = after.is_none_or(|after| heard.gave(after));
        let from = if is_ours { position } else { position.saturating_sub(CHANGES_OVERLAP_US) };
        Self { net, heard, selection, position, from, last }
    }

    /// What was told after where this follower is: nothing if it has missed something.
    fn after(&self) -> Option<Vec<(u64, Shard, Vec<u8>)>> {
        let entries = lock(&self.heard.entries);
        if self.position < entries.complete_since {
            return None;
        }
        let later = entries.list.iter().filter(|(number, ..)| *number > self.from);
        Some(later.cloned().collect())
    }

    /// The selected flows of which some messages tell, as they are now.
    async fn gather(&self, messages: Vec<(u64, Shard, Vec<u8>)>) -> Result<ChangeSet, ReadError> {
        let mut keys: BTreeSet<(Hour, Shard, String, String)> = BTreeSet::new();
        let mut up_to = self.position;
        for (number, shard, message) in messages {
            for (hour, source, dest, sides) in Told::new(&message) {
                if !tells_of(sides, self.selection.reporter) {
                    continue;
                }
                let names = Source::unpack(source).and_then(|names| names.to(dest).ok());
                let is_selected = |key| self.selection.filter.matches(key);
                if self.selection.hours.contains(&hour) && names.as_ref().is_some_and(is_selected) {
                    keys.insert((hour, shard, source.to_owned(), dest.to_owned()));
                }
            }
            up_to = up_to.max(number);
            if keys.len() >= MAX_CHANGED_KEYS {
                break;
            }
        }
        let asks = keys.iter().map(|(hour, shard, source, dest)| {
            let mut command = redis::cmd("HGET");
            command.arg(self.net.keys.flows(*shard, *hour, source)).arg(dest);
            (*shard, command)
        });
        // Copies may not have it yet, and nobody tells of it again.
        let answers = self.net.tell(asks.collect()).await?;
        let mut rows = Vec::new();
        for ((hour, _, source, dest), answer) in keys.iter().zip(answers) {
            let sides = call::bytes(&answer).and_then(|bytes| decode_sides(&bytes));
            let sides = sides.and_then(|sides| sides.selected(self.selection.reporter));
            let key = Source::unpack(source).and_then(|names| names.to(dest).ok());
            if let (Some(key), Some(sides)) = (key, sides) {
                rows.push(ChangedRow { hour: *hour, key: key.into_owned(), sides });
            }
        }
        rows.sort_unstable_by(|a, b| (a.hour, &a.key).cmp(&(b.hour, &b.key)));
        Ok(ChangeSet { up_to, rows })
    }
}

#[async_trait]
impl Changes for Follower {
    fn up_to(&self) -> u64 {
        self.position
    }

    async fn next(&mut self) -> Result<ChangeSet, ChangesError> {
        let position = self.position;
        let newest = *self.last.borrow();
        let is_from_the_future = position > newest.max(now_us()) + CHANGES_OVERLAP_US;
        let missed = |up_to| Err(ChangesError::Missed { up_to });
        let is_complete = position >= lock(&self.heard.entries).complete_since;
        if is_from_the_future || !is_complete {
            (self.position, self.from) = (newest, newest);
            return missed(newest);
        }
        let has_overlap = self.from < position;
        if !has_overlap || self.after().is_none_or(|messages| messages.is_empty()) {
            let waited = self.last.wait_for(|last| *last > position).await.map(|_| ());
            waited.map_err(|_| ChangesError::Closed)?;
        }
        let Some(messages) = self.after() else {
            let newest = *self.last.borrow();
            (self.position, self.from) = (newest, newest);
            return missed(newest);
        };
        let gathered = self.gather(messages).await;
        let changes = gathered.map_err(|ReadError(reason)| ChangesError::Unreadable(reason))?;
        (self.position, self.from) = (changes.up_to, changes.up_to);
        Ok(changes)
    }
}

/// Whether what a side reported has changed: the source's is the first bit, the destination's the
/// second.
fn tells_of(sides: u32, reporter: Option<Reporter>) -> bool {
    match reporter {
        None => true,
        Some(Reporter::Source) => sides & 1 != 0,
        Some(Reporter::Destination) => sides & 2 != 0,
    }
}

/// The flows of which a message tells, and whose counters, as `apply.lua` writes them.
struct Told<'a> {
    rest: &'a [u8],
    hour: Hour,
    source: &'a str,
    left: u16,
}

impl<'a> Told<'a> {
    fn new(message: &'a [u8]) -> Self {
        Self { rest: message, hour: 0, source: "", left: 0 }
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    fn number<const N: usize>(&mut self) -> Option<u32> {
        Some(self.take(N)?.iter().fold(0, |n, byte| n << 8 | u32::from(*byte)))
    }
}

impl<'a> Iterator for Told<'a> {
    type Item = (Hour, &'a str, &'a str, u32);

    fn next(&mut self) -> Option<Self::Item> {
        while self.left == 0 {
            self.hour = self.number::<4>()?;
            let len = self.number::<2>()?;
            self.left = u16::try_from(self.number::<2>()?).ok()?;
            self.source = std::str::from_utf8(self.take(len as usize)?).ok()?;
        }
        self.left -= 1;
        let sides = self.number::<1>()?;
        let len = self.number::<2>()?;
        let dest = std::str::from_utf8(self.take(len as usize)?).ok()?;
        Some((self.hour, self.source, dest, sides))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_tells_of_flows_of_several_sources() {
        let mut message = vec![0, 0, 1, 0, 0, 3, 0, 2];
        message.extend_from_slice(b"a\0v\x01\0\x01x\x03\0\x02yz");
        message.extend_from_slice(&[0, 0, 1, 1, 0, 3, 0, 1]);
        message.extend_from_slice(b"b\0v\x02\0\x01x");
        let told: Vec<_> = Told::new(&message).collect();
        assert_eq!(told, [(256, "a\0v", "x", 1), (256, "a\0v", "yz", 3), (257, "b\0v", "x", 2)]);
        assert_eq!(Told::new(&message[..12]).count(), 0, "what is cut off is nothing");
    }
}
