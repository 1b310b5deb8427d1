//! Log entries: the flows of one write, and the side that reported them.
//!
//! ```text
//! entry  = format 2, side (0 source, 1 destination), flow...
//! flow   = hour + 1, or 0 for that of the flow before; src_app, dest_app, vpc_id, bytes_tx, bytes_rx
//! name   = 0, length, bytes: the entry's next new name
//!        | n: the entry's n-th new name again
//! ```
//!
//! Integers are varints. Names that are known by number are not looked up twice. Format 1 was
//! postcard, with every field of every flow; it is still read.

use std::hash::BuildHasher;

use flow_model::{Counters, Hour, Reporter};
use hashbrown::{DefaultHashBuilder, HashTable};
use serde::{Deserialize, Serialize};

use super::{DecodeError, FORMAT, decode_rest, varint};

/// The format of entries that this version writes.
const ENTRY_FORMAT: u8 = 2;

/// What a flow's fields take in an entry, as a first guess.
const TYPICAL_FLOW_BYTES: usize = 24;

/// The new names of an entry, as a first guess.
const TYPICAL_NAMES: usize = 128;

/// A flow of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::embedded) struct EntryFlow<'a> {
    pub hour: Hour,
    /// `src_app`, `dest_app`, `vpc_id`; not checked to be names.
    pub names: [&'a str; 3],
    /// The names' numbers in the entry, from 0.
    pub numbers: [u32; 3],
    pub counters: Counters,
}

/// Writes an entry, flow by flow.
pub(in crate::store::embedded) struct EntryWriter<'a> {
    out: Vec<u8>,
    hour: Option<Hour>,
    names: NameTable<'a>,
}

impl<'a> EntryWriter<'a> {
    pub fn new(reporter: Reporter, flow_count: usize) -> Self {
        let mut out = Vec::with_capacity(2 + flow_count * TYPICAL_FLOW_BYTES);
        out.extend_from_slice(&[ENTRY_FORMAT, u8::from(reporter == Reporter::Destination)]);
        Self { out, hour: None, names: NameTable::new(flow_count) }
    }

    /// Appends a flow.
    pub fn push(&mut self, hour: Hour, names: [&'a str; 3], counters: Counters) {
        let out = &mut self.out;
        if self.hour == Some(hour) {
            out.push(0);
        } else {
            varint::push(u64::from(hour) + 1, out);
            self.hour = Some(hour);
        }
        for name in names {
            match self.names.number(name) {
                Some(number) => varint::push(u64::from(number) + 1, out),
                None => {
                    out.push(0);
                    varint::push(name.len() as u64, out);
                    out.extend_from_slice(name.as_bytes());
                }
            }
        }
        varint::push(counters.bytes_tx(), out);
        varint::push(counters.bytes_rx(), out);
    }

    /// The bytes of the entry.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// The new names of an entry that is being written.
struct NameTable<'a> {
    names: Vec<&'a str>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl<'a> NameTable<'a> {
    fn new(flow_count: usize) -> Self {
        let capacity = flow_count.min(TYPICAL_NAMES);
        Self {
            names: Vec::with_capacity(capacity),
            index: HashTable::with_capacity(capacity),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// The number of a name; none if it is new, and then it has one from now on.
    fn number(&mut self, name: &'a str) -> Option<u32> {
        // Names of a batch's flows repeat one after the other.
        let hash = self.hasher.hash_one(name);
        let names = &self.names;
        let is_it = |number: &u32| names.get(*number as usize) == Some(&name);
        if let Some(number) = self.index.find(hash, is_it) {
            return Some(*number);
        }
        // A body has fewer names than a number can count.
        let next = u32::try_from(names.len()).unwrap_or(u32::MAX);
        let hasher = &self.hasher;
        let rehash =
            |number: &u32| names.get(*number as usize).map_or(0, |name| hasher.hash_one(name));
        self.index.insert_unique(hash, next, rehash);
        self.names.push(name);
        None
    }
}

/// An entry's flows, one after the other.
pub(in crate::store::embedded) enum EntryReader<'a> {
    /// Format 1.
    Old { destination: bool, flows: std::vec::IntoIter<OldFlow<'a>>, count: u32 },
    /// Format 2.
    Current { destination: bool, rest: &'a [u8], hour: Option<Hour>, names: Vec<&'a str> },
}

#[derive(Serialize, Deserialize)]
struct OldEntry<'a> {
    destination: bool,
    #[serde(borrow)]
    flows: Vec<OldFlow<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::store::embedded) struct OldFlow<'a> {
    hour: Hour,
    src_app: &'a str,
    dest_app: &'a str,
    vpc_id: &'a str,
    bytes_tx: u64,
    bytes_rx: u64,
}

impl<'a> EntryReader<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        match bytes {
            [FORMAT, rest @ ..] => {
                let OldEntry { destination, flows } = decode_rest(rest)?;
                Ok(Self::Old { destination, flows: flows.into_iter(), count: 0 })
            }
            [ENTRY_FORMAT, side @ (0 | 1), rest @ ..] => {
                Ok(Self::Current { destination: *side == 1, rest, hour: None, names: Vec::new() })
            }
            [ENTRY_FORMAT, ..] => Err(DecodeError::damaged("there is no such side")),
            other => Err(DecodeError::Format(other.first().copied())),
        }
    }

    /// The side whose counters the flows add to.
    pub fn reporter(&self) -> Reporter {
        let (Self::Old { destination, .. } | Self::Current { destination, .. }) = self;
        if *destination { Reporter::Destination } else { Reporter::Source }
    }
}

impl<'a> Iterator for EntryReader<'a> {
    type Item = Result<EntryFlow<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Old { flows, count, .. } => flows.next().map(|flow| {
                // Every name of format 1 counts as new.
                let numbers = [0, 1, 2].map(|field| count.saturating_add(field));
                *count = count.saturating_add(3);
                let counters = counters(flow.bytes_tx, flow.bytes_rx)?;
                let names = [flow.src_app, flow.dest_app, flow.vpc_id];
                Ok(EntryFlow { hour: flow.hour, names, numbers, counters })
            }),
            Self::Current { rest: [], .. } => None,
            Self::Current { rest, hour, names, .. } => {
                let flow = take_flow(rest, hour, names)
                    .ok_or_else(|| DecodeError::damaged("a flow breaks off or is not one"));
                if flow.is_err() {
                    *rest = &[];
                }
                Some(flow)
            }
        }
    }
}

fn take_flow<'a>(
    rest: &mut &'a [u8],
    hour: &mut Option<Hour>,
    known: &mut Vec<&'a str>,
) -> Option<EntryFlow<'a>> {
    if let Some(given) = varint::take(rest)?.checked_sub(1) {
        *hour = Some(Hour::try_from(given).ok()?);
    }
    let mut names = [""; 3];
    let mut numbers = [0; 3];
    for (name, number) in names.iter_mut().zip(&mut numbers) {
        (*name, *number) = match varint::take(rest)?.checked_sub(1) {
            Some(given) => {
                let number = u32::try_from(given).ok()?;
                (*known.get(number as usize)?, number)
            }
            None => {
                let name = take_name(rest)?;
                known.push(name);
                (name, u32::try_from(known.len() - 1).ok()?)
            }
        };
    }
    let counters = counters(varint::take(rest)?, varint::take(rest)?).ok()?;
    Some(EntryFlow { hour: (*hour)?, names, numbers, counters })
}

fn take_name<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(varint::take(rest)?).ok()?;
    let (name, after) = rest.split_at_checked(length)?;
    *rest = after;
    std::str::from_utf8(name).ok()
}

pub(super) fn counters(bytes_tx: u64, bytes_rx: u64) -> Result<Counters, DecodeError> {
    Counters::new(bytes_tx, bytes_rx).map_err(DecodeError::damaged)
}

#[cfg(test)]
mod tests {
    use flow_model::limits::MAX_COUNTER;
    use flow_model::{Flow, FlowKey, Name};
    use proptest::prelude::*;

    use super::*;

    fn flow(hour: Hour, names: &[String; 3], tx: u64, rx: u64) -> Flow<'static> {
        let [src_app, dest_app, vpc_id] = names.clone().map(|name| Name::new(name).unwrap());
        let counters = Counters::new(tx, rx).unwrap();
        Flow { key: FlowKey { src_app, dest_app, vpc_id }, hour, counters }
    }

    fn encode(reporter: Reporter, flows: &[Flow<'_>]) -> Vec<u8> {
        let mut writer = EntryWriter::new(reporter, flows.len());
        for Flow { key, hour, counters } in flows {
            writer.push(*hour, [&key.src_app, &key.dest_app, &key.vpc_id], *counters);
        }
        writer.finish()
    }

    fn any_flow() -> impl Strategy<Value = Flow<'static>> {
        let name = || prop_oneof!["[a-c]", "\\PC{1,40}"];
        let names = [name(), name(), name()];
        (0_u32..3, names, 0..=MAX_COUNTER, 0..=MAX_COUNTER)
            .prop_map(|(hour, names, tx, rx)| flow(hour, &names, tx, rx))
    }

    proptest! {
        #[test]
        fn entries_come_back(flows in prop::collection::vec(any_flow(), 0..20), side in 0..2_usize) {
            let reporter = Reporter::ALL[side];
            let bytes = encode(reporter, &flows);
            let reader = EntryReader::new(&bytes).unwrap();
            prop_assert_eq!(reader.reporter(), reporter);
            let found: Vec<_> = reader.map(Result::unwrap).collect();
            prop_assert_eq!(found.len(), flows.len());
            let mut by_number = std::collections::BTreeMap::new();
            for flow in &found {
                for (name, number) in flow.names.iter().zip(flow.numbers) {
                    prop_assert_eq!(by_number.entry(number).or_insert(*name), name);
                }
            }
            for (found, flow) in found.iter().zip(&flows) {
                let key = &flow.key;
                prop_assert_eq!(found.names, [&*key.src_app, &*key.dest_app, &*key.vpc_id]);
                prop_assert_eq!((found.hour, found.counters), (flow.hour, flow.counters));
            }
        }

        #[test]
        fn other_bytes_are_refused_or_read_but_never_a_panic(bytes in any::<Vec<u8>>()) {
            for first in [1, 2, 3] {
                let bytes = [&[first, 0], bytes.as_slice()].concat();
                if let Ok(reader) = EntryReader::new(&bytes) {
                    reader.for_each(drop);
                }
            }
        }
    }

    #[test]
    fn a_name_is_written_once() {
        let names = ["source", "destination", "network"].map(str::to_owned);
        let flows: Vec<_> = (0..100).map(|n| flow(490_000, &names, n, 1)).collect();
        assert!(encode(Reporter::Source, &flows).len() < 50 + 100 * 6);
    }
}
