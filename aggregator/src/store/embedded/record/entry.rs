//! Log entries: the flows of one write, and the side that reported them.
//!
//! ```text
//! entry  = format 2, side (0 source, 1 destination), flow...
//! flow   = same, [hour], [src_app], [dest_app], [vpc_id], bytes_tx, bytes_rx
//! same   = a byte: which of hour (1), src_app (2), dest_app (4), vpc_id (8) are those of the flow
//!          before, and left out
//! name   = length, bytes
//! ```
//!
//! Integers are varints. Format 1 was postcard, with every field of every flow; it is still read.

use flow_model::{Counters, Hour, Reporter};
use serde::{Deserialize, Serialize};

use super::{DecodeError, FORMAT, decode_rest, varint};

/// The format of entries that this version writes.
const ENTRY_FORMAT: u8 = 2;

/// What a flow's fields take in an entry, as a first guess.
const TYPICAL_FLOW_BYTES: usize = 48;

/// The bit of `same` for the hour; those of the names follow.
const SAME_HOUR: u8 = 1;

/// A flow of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::embedded) struct EntryFlow<'a> {
    pub hour: Hour,
    /// `src_app`, `dest_app`, `vpc_id`; not checked to be names.
    pub names: [&'a str; 3],
    /// Which of the names are those of the flow before.
    pub is_same: [bool; 3],
    pub counters: Counters,
}

/// Writes an entry, flow by flow.
pub(in crate::store::embedded) struct EntryWriter<'a> {
    out: Vec<u8>,
    before: Option<(Hour, [&'a str; 3])>,
}

impl<'a> EntryWriter<'a> {
    pub fn new(reporter: Reporter, flow_count: usize) -> Self {
        let mut out = Vec::with_capacity(2 + flow_count * TYPICAL_FLOW_BYTES);
        out.extend_from_slice(&[ENTRY_FORMAT, u8::from(reporter == Reporter::Destination)]);
        Self { out, before: None }
    }

    /// Appends a flow.
    pub fn push(&mut self, hour: Hour, names: [&'a str; 3], counters: Counters) {
        let out = &mut self.out;
        let same_at = out.len();
        out.push(0);
        let mut same = 0;
        if self.before.is_some_and(|(before, _)| before == hour) {
            same |= SAME_HOUR;
        } else {
            varint::push(hour.into(), out);
        }
        for (position, name) in names.iter().enumerate() {
            if self.before.is_some_and(|(_, before)| before.get(position) == Some(name)) {
                same |= SAME_HOUR << 1 << position;
            } else {
                varint::push(name.len() as u64, out);
                out.extend_from_slice(name.as_bytes());
            }
        }
        if let Some(slot) = out.get_mut(same_at) {
            *slot = same;
        }
        varint::push(counters.bytes_tx(), out);
        varint::push(counters.bytes_rx(), out);
        self.before = Some((hour, names));
    }

    /// The bytes of the entry.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// An entry's flows, one after the other.
pub(in crate::store::embedded) enum EntryReader<'a> {
    /// Format 1.
    Old(bool, std::vec::IntoIter<OldFlow<'a>>),
    /// Format 2.
    Current { destination: bool, rest: &'a [u8], before: Option<EntryFlow<'a>> },
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
                Ok(Self::Old(destination, flows.into_iter()))
            }
            [ENTRY_FORMAT, side @ (0 | 1), rest @ ..] => {
                Ok(Self::Current { destination: *side == 1, rest, before: None })
            }
            [ENTRY_FORMAT, ..] => Err(DecodeError::damaged("there is no such side")),
            other => Err(DecodeError::Format(other.first().copied())),
        }
    }

    /// The side whose counters the flows add to.
    pub fn reporter(&self) -> Reporter {
        let (Self::Old(destination, _) | Self::Current { destination, .. }) = self;
        if *destination { Reporter::Destination } else { Reporter::Source }
    }
}

impl<'a> Iterator for EntryReader<'a> {
    type Item = Result<EntryFlow<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Old(_, flows) => flows.next().map(|flow| {
                let counters = counters(flow.bytes_tx, flow.bytes_rx)?;
                let names = [flow.src_app, flow.dest_app, flow.vpc_id];
                Ok(EntryFlow { hour: flow.hour, names, is_same: [false; 3], counters })
            }),
            Self::Current { rest: [], .. } => None,
            Self::Current { rest, before, .. } => {
                let flow = take_flow(rest, before.as_ref())
                    .ok_or_else(|| DecodeError::damaged("a flow breaks off or is not one"));
                match &flow {
                    Ok(flow) => *before = Some(*flow),
                    Err(_) => *rest = &[],
                }
                Some(flow)
            }
        }
    }
}

fn take_flow<'a>(rest: &mut &'a [u8], before: Option<&EntryFlow<'a>>) -> Option<EntryFlow<'a>> {
    let (same, after) = rest.split_first()?;
    *rest = after;
    let hour = match same & SAME_HOUR {
        0 => Hour::try_from(varint::take(rest)?).ok()?,
        _ => before?.hour,
    };
    let mut names = [""; 3];
    let mut is_same = [false; 3];
    for (position, (name, is_same)) in names.iter_mut().zip(&mut is_same).enumerate() {
        *is_same = same & SAME_HOUR << 1 << position != 0;
        *name = match is_same {
            true => before?.names.get(position)?,
            false => take_name(rest)?,
        };
    }
    let counters = counters(varint::take(rest)?, varint::take(rest)?).ok()?;
    Some(EntryFlow { hour, names, is_same, counters })
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
    fn what_is_the_same_as_before_is_left_out() {
        let names = ["source", "destination", "network"].map(str::to_owned);
        let flows: Vec<_> = (0..100).map(|n| flow(490_000, &names, n, 1)).collect();
        assert!(encode(Reporter::Source, &flows).len() < 50 + 100 * 4);
    }
}
