//! The records that everyone is given: which keys there are, and a seeded sequence of records.

use crate::random::Random;
use crate::report::short;

/// The seed of all records.
pub const SEED: u64 = 3;

/// The length of an app's name, in characters.
pub const NAME_LENGTH: usize = 12;

/// VPCs in use; an app is in one of them.
const VPCS: u64 = 4;

const WORDS: [&str; 16] = [
    "billing", "cart", "catalog", "chat", "ledger", "login", "mail", "media", "orders", "photos",
    "quotes", "rating", "search", "stock", "users", "video",
];

/// The keys of an hour: each of `sources` apps talks to each of `destinations` apps.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// How many source apps there are.
    pub sources: u64,
    /// How many destination apps each of them talks to.
    pub destinations: u64,
}

impl Keys {
    /// How many keys there are.
    pub fn count(self) -> u64 {
        self.sources * self.destinations
    }

    /// The key of a number below [`Keys::count`].
    pub fn key(self, number: u64) -> Key {
        let source = number / self.destinations;
        Key { source, destination: number % self.destinations }
    }

    /// In words, for the table.
    pub fn describe(self) -> String {
        let Self { sources, destinations } = self;
        format!("{} keys ({sources} sources x {destinations} destinations)", short(self.count()))
    }
}

/// Who talks to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The number of the source app.
    pub source: u64,
    /// The number of the destination app.
    pub destination: u64,
}

impl Key {
    /// The source's name.
    pub fn src_app(self) -> String {
        app(self.source)
    }

    /// The destination's name.
    pub fn dest_app(self) -> String {
        app(self.destination)
    }

    /// The VPC of the source.
    pub fn vpc_id(self) -> String {
        vpc(self.source)
    }
}

/// Bytes of a key.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// The key.
    pub key: Key,
    /// From source to destination.
    pub bytes_tx: u64,
    /// Back.
    pub bytes_rx: u64,
}

/// `count` records over `keys`, every key as likely as any other: hard on caches, and the same
/// for everyone.
pub fn random_records(keys: Keys, count: u64) -> impl Iterator<Item = Record> {
    let mut random = Random::new(SEED);
    (0..count).map(move |_| {
        let key = keys.key(random.below(keys.count()));
        record(key, &mut random)
    })
}

/// A record of each key, in an order that jumps about; only those of `share` of `shares`.
pub fn each_key_once(keys: Keys, share: u64, shares: u64) -> impl Iterator<Item = Record> {
    // A stride that has no factor in common with the count meets every number once.
    let stride = coprime_stride(keys.count());
    let mut random = Random::new(SEED + share);
    (share..keys.count()).step_by(shares.max(1) as usize).map(move |n| {
        let number = u128::from(n) * u128::from(stride) % u128::from(keys.count());
        record(keys.key(number as u64), &mut random)
    })
}

fn record(key: Key, random: &mut Random) -> Record {
    // From a health check to a download.
    let bytes_tx = 100 + random.below(10_000);
    let bytes_rx = 100 + random.below(1_000_000);
    Record { key, bytes_tx, bytes_rx }
}

fn coprime_stride(count: u64) -> u64 {
    // About the golden section, so that neighbours are far apart.
    let mut stride = (count as f64 * 0.618_034) as u64 | 1;
    while gcd(stride, count) != 1 {
        stride += 2;
    }
    stride
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The name of an app: a word, and what tells it from its namesakes, [`NAME_LENGTH`] in all.
pub fn app(number: u64) -> String {
    let words = WORDS.len() as u64;
    let word = WORDS.get((number % words) as usize).unwrap_or(&"app");
    let mut rest = number / words;
    let mut digits = vec!['0'; NAME_LENGTH - word.len() - 1];
    for digit in digits.iter_mut().rev() {
        *digit = char::from_digit((rest % 36) as u32, 36).unwrap_or('0');
        rest /= 36;
    }
    format!("{word}-{}", String::from_iter(digits))
}

/// The VPC of an app.
pub fn vpc(app: u64) -> String {
    format!("vpc-{}", app % VPCS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_differ_and_have_one_length() {
        let names: BTreeSet<String> = (0..100_000).map(app).collect();
        assert_eq!(names.len(), 100_000);
        assert!(names.iter().all(|name| name.len() == NAME_LENGTH));
    }

    #[test]
    fn every_key_comes_once_whatever_the_shares() {
        let keys = Keys { sources: 50, destinations: 20 };
        let all: Vec<Key> =
            (0..3).flat_map(|share| each_key_once(keys, share, 3)).map(|r| r.key).collect();
        assert_eq!(all.len(), 1_000);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 1_000);
    }

    #[test]
    fn records_are_the_same_in_every_run() {
        let keys = Keys { sources: 10, destinations: 10 };
        let sum = |records: Vec<Record>| records.iter().map(|r| r.bytes_rx).sum::<u64>();
        let runs = [0, 1].map(|_| sum(random_records(keys, 1_000).collect()));
        assert_eq!(runs[0], runs[1]);
    }
}
