//! Where things are in the cluster: shards, the keys of a shard, and what their parts are named.

use std::fmt;

use flow_model::{FlowKey, Hour, Name, NameError};
use xxhash_rust::xxh3::Xxh3;

/// How many shards the key space has. It is stored in the cluster; another number is another
/// layout.
pub(super) const SHARDS: u16 = 1_024;

/// The number of this layout. A store with another is refused.
pub(super) const SCHEMA: u32 = 1;

/// The slots of a Redis Cluster.
const SLOTS: u16 = 16_384;

/// A part of the key space, whose keys all lie in one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Shard(pub u16);

impl Shard {
    /// All shards, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS).map(Self)
    }

    /// Where the flows of a source are.
    pub fn of_source(source: &Source<'_>) -> Self {
        let mut hash = Xxh3::new();
        hash.update(source.vpc_id.as_bytes());
        hash.update(b"\0");
        hash.update(source.src_app.as_bytes());
        Self::of_hash(hash.digest())
    }

    /// Where something is that has no source.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::of_hash(xxhash_rust::xxh3::xxh3_64(bytes))
    }

    fn of_hash(hash: u64) -> Self {
        Self((hash % u64::from(SHARDS)) as u16)
    }
}

/// Who sends, and in which network: flows of one source are in one hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Source<'a> {
    pub src_app: &'a str,
    pub vpc_id: &'a str,
}

impl<'a> Source<'a> {
    pub fn of(key: &'a FlowKey<'_>) -> Self {
        Self { src_app: &key.src_app, vpc_id: &key.vpc_id }
    }

    /// One string for both names, which have no control characters: no two sources share one.
    pub fn packed(&self) -> String {
        [self.src_app, "\0", self.vpc_id].concat()
    }

    /// The names in such a string.
    pub fn unpack(packed: &'a str) -> Option<Self> {
        let (src_app, vpc_id) = packed.split_once('\0')?;
        Some(Self { src_app, vpc_id })
    }

    /// The key of a flow from here.
    pub fn to<'b>(self, dest_app: &'b str) -> Result<FlowKey<'b>, NameError>
    where
        'a: 'b,
    {
        Ok(FlowKey {
            src_app: Name::new(self.src_app)?,
            dest_app: Name::new(dest_app)?,
            vpc_id: Name::new(self.vpc_id)?,
        })
    }
}

/// Makes the keys of one service, which may share a cluster with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    namespace: String,
    slots: Vec<u16>,
}

impl Keys {
    pub fn new(namespace: &str) -> Self {
        let slot = |shard: Shard| slot_of(format!("{namespace}:{}", shard.0).as_bytes());
        Self { namespace: namespace.to_owned(), slots: Shard::all().map(slot).collect() }
    }

    /// The hash of what holds for the whole store.
    pub fn meta(&self) -> Vec<u8> {
        format!("{{{}}}:meta", self.namespace).into_bytes()
    }

    /// What instances have delivered to a shard: a hash by id.
    pub fn instances(&self, shard: Shard) -> Vec<u8> {
        self.key(shard, "i")
    }

    /// What the instances that are at home in a shard have said of themselves: a hash by id.
    pub fn homes(&self, shard: Shard) -> Vec<u8> {
        self.key(shard, "p")
    }

    /// The totals of a shard's hours: a hash by hour.
    pub fn hours(&self, shard: Shard) -> Vec<u8> {
        self.key(shard, "h")
    }

    /// The sources that have flows in an hour: a set.
    pub fn sources(&self, shard: Shard, hour: Hour) -> Vec<u8> {
        self.key(shard, format_args!("s:{hour}"))
    }

    /// The flows of a source in an hour: a hash by destination.
    pub fn flows(&self, shard: Shard, hour: Hour, source: &str) -> Vec<u8> {
        self.key(shard, format_args!("f:{hour}:{source}"))
    }

    /// What a direct write has added to a shard.
    pub fn part(&self, shard: Shard, id: &[u8]) -> Vec<u8> {
        let mut key = self.key(shard, "w:");
        key.extend_from_slice(id);
        key
    }

    /// For which direct write an idempotency key was used.
    pub fn claim(&self, shard: Shard, id: &[u8]) -> Vec<u8> {
        let mut key = self.key(shard, "k:");
        key.extend_from_slice(id);
        key
    }

    /// Who removes what is old at the moment.
    pub fn turn(&self, shard: Shard) -> Vec<u8> {
        self.key(shard, "t")
    }

    /// The channel on which the changes of a shard are told.
    pub fn channel(&self, shard: Shard) -> Vec<u8> {
        self.key(shard, "c")
    }

    /// The slot in which all keys of a shard are.
    pub fn slot(&self, shard: Shard) -> u16 {
        self.slots.get(usize::from(shard.0)).copied().unwrap_or_default()
    }

    /// The slot of the store's own hash.
    pub fn meta_slot(&self) -> u16 {
        slot_of(self.namespace.as_bytes())
    }

    fn key(&self, shard: Shard, rest: impl fmt::Display) -> Vec<u8> {
        format!("{{{}:{}}}:{rest}", self.namespace, shard.0).into_bytes()
    }
}

/// The slot of a hash tag, as Redis Cluster computes it.
fn slot_of(tag: &[u8]) -> u16 {
    crc16::State::<crc16::XMODEM>::calculate(tag) % SLOTS
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Others compute the same from what is stored: neither may ever change.
    #[test]
    fn shards_and_slots_stay_where_they_are() {
        let shard = |src_app, vpc_id| Shard::of_source(&Source { src_app, vpc_id });
        assert_eq!(shard("web", "vpc-1"), Shard(797));
        assert_eq!(Shard::of_bytes(b"instance"), Shard(135));
        assert_eq!(slot_of(b"123456789"), 0x31C3);
        assert_eq!(Keys::new("fas").slot(Shard(7)), slot_of(b"fas:7"));
    }

    #[test]
    fn sources_are_pairs_and_not_joined_names() {
        let ab = Source { src_app: "a-b", vpc_id: "c" };
        let a = Source { src_app: "a", vpc_id: "b-c" };
        assert_ne!(ab.packed(), a.packed());
        assert_eq!(Source::unpack(&ab.packed()), Some(ab));
        assert_eq!(Source::unpack("a"), None);
    }

    #[test]
    fn sources_spread_over_the_shards() {
        let names: Vec<String> = (0..4_096).map(|n| format!("app-{n}")).collect();
        let sources = names.iter().map(|name| Source { src_app: name, vpc_id: "v" });
        let used: HashSet<Shard> = sources.map(|source| Shard::of_source(&source)).collect();
        assert!(used.len() > 950, "{}", used.len());
    }
}
