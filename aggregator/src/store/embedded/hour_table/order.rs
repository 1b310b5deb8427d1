//! `OrderCache`: the positions of an hour's keys in key order. Sorting is the costly part of an
//! ordered read, so the readers of an hour share it: 4 bytes a flow, for hours that are read.
//!
//! Keys are only ever appended. So the order of the first n keys stays right, and the order of
//! more is had by merging the new ones in.

use std::cmp::Ordering;
use std::sync::{Arc, Mutex};

use super::{HourSnapshot, KeyIds};
use crate::store::embedded::lock;
use crate::store::embedded::names::NameId;

/// Up to this share of new keys, merging them in is cheaper than sorting everything.
const MERGE_SHARE: usize = 16;

#[derive(Default)]
pub(super) struct OrderCache(Mutex<Arc<Vec<u32>>>);

impl OrderCache {
    /// The positions of a snapshot's keys in key order.
    pub fn of(&self, snapshot: &HourSnapshot) -> Arc<Vec<u32>> {
        let mut cached = lock(&self.0);
        let (known, len) = (cached.len(), snapshot.len());
        if known > len {
            // The snapshot is older than what another reader has asked for.
            return Arc::new(cached.iter().copied().filter(|at| (*at as usize) < len).collect());
        }
        if known < len {
            let is_few = (len - known) * MERGE_SHARE <= known;
            *cached = Arc::new(if is_few { merged(snapshot, &cached) } else { sorted(snapshot) });
        }
        Arc::clone(&cached)
    }
}

/// The old order with the new keys put in.
fn merged(snapshot: &HourSnapshot, old: &[u32]) -> Vec<u32> {
    let compare = |a: u32, b: u32| -> Ordering {
        let key = |position: u32| snapshot.row(position as usize).map(|(key, _)| key);
        key(a).cmp(&key(b))
    };
    let mut new: Vec<u32> = (0..).take(snapshot.len()).skip(old.len()).collect();
    new.sort_unstable_by(|a, b| compare(*a, *b));
    let mut order = Vec::with_capacity(snapshot.len());
    let mut rest = old;
    for position in new {
        let (before, after) =
            rest.split_at(rest.partition_point(|old| compare(*old, position).is_lt()));
        order.extend_from_slice(before);
        order.push(position);
        rest = after;
    }
    order.extend_from_slice(rest);
    order
}

/// Sorts the names once, and then keys by their names' ranks.
fn sorted(snapshot: &HourSnapshot) -> Vec<u32> {
    let ranks = snapshot.ranks();
    let rank = |id: NameId| u64::from(ranks.get(id as usize).copied().unwrap_or_default());
    let name_bits = bits(ranks.len());
    let position_bits = bits(snapshot.len());
    let ranked = (0_u64..).zip(snapshot.keys());
    if 3 * name_bits + position_bits <= u64::BITS {
        let pack = |(position, key): (u64, &KeyIds)| {
            let ranks = key.iter().fold(0, |packed, id| packed << name_bits | rank(*id));
            ranks << position_bits | position
        };
        let mut packed: Vec<u64> = ranked.map(pack).collect();
        packed.sort_unstable();
        return packed.into_iter().map(|one| low(one, position_bits)).collect();
    }
    let mut triples: Vec<([u32; 3], u32)> = ranked
        .map(|(position, key)| (key.map(|id| low(rank(id), u32::BITS)), low(position, u32::BITS)))
        .collect();
    triples.sort_unstable();
    triples.into_iter().map(|(_, position)| position).collect()
}

/// How many bits tell so many things apart.
fn bits(count: usize) -> u32 {
    usize::BITS - count.leading_zeros()
}

/// The lowest bits, at most 32.
fn low(value: u64, bits: u32) -> u32 {
    (value & ((1 << bits) - 1)) as u32
}
