//! `Chunk`: some flows that are moved together, in the order of the source, and the writes that
//! they are for the target.

use flow_model::{Counters, Flow, FlowKey, Hour, Reporter};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::limits::MOVE_CHUNK_FLOWS;
use crate::store::{Origin, Position, ReadError, Scan, Sides, Write, WriteKey};

/// Some flows after a position.
#[derive(Debug)]
pub(super) struct Chunk {
    after: Option<Position>,
    rows: Vec<(Hour, FlowKey<'static>, Sides)>,
}

impl Chunk {
    /// How many flows it has.
    pub fn len(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The last of them.
    pub fn last(&self) -> Option<Position> {
        self.rows.last().map(|(hour, key, _)| Position { hour: *hour, key: key.clone() })
    }

    /// What is to be written for a side, under a key of the move's own; none if there is nothing.
    /// A flow of which neither side has reported bytes is written as the source's.
    pub fn write(&self, reporter: Reporter, id: &str) -> Option<Write<'_>> {
        let rows = self.rows.iter().filter_map(|(hour, key, sides)| {
            let counters = side(sides, reporter)?;
            let key = FlowKey {
                src_app: key.src_app.by_ref(),
                dest_app: key.dest_app.by_ref(),
                vpc_id: key.vpc_id.by_ref(),
            };
            Some(Flow { key, hour: *hour, counters })
        });
        let flows: Vec<Flow<'_>> = rows.collect();
        let key = WriteKey { key: self.key(reporter, id), fingerprint: fingerprint(&flows) };
        (!flows.is_empty()).then_some(Write { origin: Origin::Moved { key, reporter }, flows })
    }

    /// The key of a write: no direct write has one with such a beginning.
    fn key(&self, reporter: Reporter, id: &str) -> Vec<u8> {
        let mut hash = Sha256::new();
        hash.update(reporter.as_str());
        if let Some(after) = &self.after {
            add(&mut hash, after.hour, &after.key);
        }
        [b"\0\0move ", id.as_bytes(), b" ", hash.finalize().as_slice()].concat()
    }
}

/// The counters of a side that are to be moved.
fn side(sides: &Sides, reporter: Reporter) -> Option<Counters> {
    let counters = match reporter {
        Reporter::Source => sides.source,
        Reporter::Destination => sides.destination,
    };
    let is_all = reporter == Reporter::Source && *sides == Sides::default();
    (!counters.is_zero() || is_all).then_some(counters)
}

/// A hash of flows: who finds other ones at the same place sees that the source has changed.
fn fingerprint(flows: &[Flow<'_>]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for flow in flows {
        add(&mut hash, flow.hour, &flow.key);
        hash.update(flow.counters.bytes_tx().to_be_bytes());
        hash.update(flow.counters.bytes_rx().to_be_bytes());
    }
    hash.finalize().into()
}

fn add(hash: &mut Sha256, hour: Hour, key: &FlowKey<'_>) {
    hash.update(hour.to_be_bytes());
    // Names have no control characters.
    for name in [&key.src_app, &key.dest_app, &key.vpc_id] {
        hash.update(name.as_bytes());
        hash.update(b"\0");
    }
}

/// Reads all chunks of a scan that began after a position, as fast as they are taken.
pub(super) fn read(
    scan: &mut dyn Scan,
    mut after: Option<Position>,
    chunks: &mpsc::Sender<Result<Chunk, ReadError>>,
) {
    loop {
        let mut rows = Vec::with_capacity(MOVE_CHUNK_FLOWS);
        while rows.len() < MOVE_CHUNK_FLOWS {
            match scan.next() {
                Ok(Some(row)) => rows.push((row.hour, row.key.into_owned(), row.sides)),
                Ok(None) => break,
                Err(error) => {
                    // Who takes them may have gone.
                    let _ = chunks.blocking_send(Err(error));
                    return;
                }
            }
        }
        let is_last = rows.len() < MOVE_CHUNK_FLOWS;
        let chunk = Chunk { after: after.take(), rows };
        after = chunk.last();
        if (chunk.len() > 0 && chunks.blocking_send(Ok(chunk)).is_err()) || is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use flow_model::Name;

    use super::*;

    fn row(dest: &str, source: u64, destination: u64) -> (Hour, FlowKey<'static>, Sides) {
        let name = |text: &str| Name::new(text.to_owned()).unwrap();
        let key = FlowKey { src_app: name("a"), dest_app: name(dest), vpc_id: name("v") };
        let counters = |bytes| Counters::new(bytes, 0).unwrap();
        let sides = Sides { source: counters(source), destination: counters(destination) };
        (1, key, sides)
    }

    fn key_of(write: &Write<'_>) -> WriteKey {
        let Origin::Moved { key, .. } = &write.origin else { panic!("{write:?}") };
        key.clone()
    }

    #[test]
    fn each_side_is_a_write_of_its_own() {
        let rows = vec![row("w", 1, 0), row("x", 0, 2), row("y", 3, 4), row("z", 0, 0)];
        let chunk = Chunk { after: None, rows };
        let dests = |reporter| {
            let write = chunk.write(reporter, "m").unwrap();
            assert_eq!(write.origin.reporter(), reporter);
            let flows = write.flows.iter();
            flows.map(|flow| (flow.key.dest_app.to_string(), flow.counters.bytes_tx())).collect()
        };
        let pair = |dest: &str, bytes| (dest.to_owned(), bytes);
        let source: Vec<(String, u64)> = dests(Reporter::Source);
        assert_eq!(source, [pair("w", 1), pair("y", 3), pair("z", 0)]);
        let destination: Vec<(String, u64)> = dests(Reporter::Destination);
        assert_eq!(destination, [pair("x", 2), pair("y", 4)]);
        let none = Chunk { after: None, rows: vec![row("x", 1, 0)] };
        assert!(none.write(Reporter::Destination, "m").is_none());
    }

    #[test]
    fn a_write_is_known_by_its_move_its_place_and_its_side() {
        let chunk = |after| Chunk { after, rows: vec![row("x", 1, 1)] };
        let key = |chunk: &Chunk, reporter, id| key_of(&chunk.write(reporter, id).unwrap()).key;
        let (first, again) = (chunk(None), chunk(None));
        let later = chunk(first.last());
        let one = key(&first, Reporter::Source, "m");
        assert_eq!(one, key(&again, Reporter::Source, "m"));
        assert_ne!(one, key(&first, Reporter::Destination, "m"));
        assert_ne!(one, key(&first, Reporter::Source, "n"));
        assert_ne!(one, key(&later, Reporter::Source, "m"));
        assert!(one.len() <= crate::limits::MAX_WRITE_KEY_BYTES);
        let other = Chunk { after: None, rows: vec![row("x", 2, 1)] };
        let changed = key_of(&other.write(Reporter::Source, "m").unwrap());
        let known = key_of(&first.write(Reporter::Source, "m").unwrap());
        assert_eq!(changed.key, known.key);
        assert_ne!(changed.fingerprint, known.fingerprint);
    }
}
