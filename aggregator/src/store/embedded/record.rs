//! What is stored: the bytes of log entries, dedupe records and checkpoint parts.
//!
//! Every value starts with a format byte; the rest is postcard. See docs/storage-format.md.

use flow_model::{Counters, Flow, FlowKey, Hour, Name, Reporter};
use serde::{Deserialize, Serialize};

use super::hour_table::Record;
use crate::store::{Delivery, Instance, Sides, Write};

/// The format of all values of this version.
const FORMAT: u8 = 1;

/// A stored value that this version cannot read.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("an unknown format (first byte {0:?}); it may have been written by a newer version")]
    Format(Option<u8>),
    #[error("damaged: {0}")]
    Damaged(String),
}

impl DecodeError {
    fn damaged(error: impl std::fmt::Display) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// A log entry: the flows of one write.
#[derive(Serialize, Deserialize)]
struct StoredWrite<'a> {
    destination: bool,
    #[serde(borrow)]
    flows: Vec<StoredFlow<'a>>,
}

#[derive(Serialize, Deserialize)]
struct StoredFlow<'a> {
    hour: Hour,
    src_app: &'a str,
    dest_app: &'a str,
    vpc_id: &'a str,
    bytes_tx: u64,
    bytes_rx: u64,
}

/// The bytes of a log entry.
pub(super) fn encode_write(write: &Write<'_>) -> Result<Vec<u8>, DecodeError> {
    let flows = write.flows.iter().map(|flow| StoredFlow {
        hour: flow.hour,
        src_app: &flow.key.src_app,
        dest_app: &flow.key.dest_app,
        vpc_id: &flow.key.vpc_id,
        bytes_tx: flow.counters.bytes_tx(),
        bytes_rx: flow.counters.bytes_rx(),
    });
    let destination = write.origin.reporter() == Reporter::Destination;
    let capacity = 16 + write.flows.len() * 64;
    encode(&StoredWrite { destination, flows: flows.collect() }, capacity)
}

/// The side and the flows of a log entry.
pub(super) fn decode_write(bytes: &[u8]) -> Result<(Reporter, Vec<Flow<'_>>), DecodeError> {
    let stored: StoredWrite<'_> = decode(bytes)?;
    let reporter = if stored.destination { Reporter::Destination } else { Reporter::Source };
    let flows = stored.flows.into_iter().map(|flow| {
        let key = FlowKey {
            src_app: name(flow.src_app)?,
            dest_app: name(flow.dest_app)?,
            vpc_id: name(flow.vpc_id)?,
        };
        Ok(Flow { key, hour: flow.hour, counters: counters(flow.bytes_tx, flow.bytes_rx)? })
    });
    Ok((reporter, flows.collect::<Result<_, _>>()?))
}

/// A dedupe record: what an instance has delivered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StoredInstance {
    pub sequence: u64,
    destination: bool,
    watermark_ms: u64,
    lost_bytes: u64,
    folded_bytes: u64,
    last_seen_ms: u64,
}

impl StoredInstance {
    /// The record after a batch that arrived at `now_ms`, given the record before it.
    pub fn after(before: Option<&Self>, delivery: &Delivery<'_>, now_ms: u64) -> Self {
        let most = flow_model::limits::MAX_COUNTER;
        let add = |before: Option<u64>, new: u64| {
            before.unwrap_or_default().saturating_add(new).min(most)
        };
        Self {
            sequence: delivery.sequence,
            destination: delivery.reporter == Reporter::Destination,
            watermark_ms: delivery.watermark_ms,
            lost_bytes: add(before.map(|b| b.lost_bytes), delivery.lost_bytes),
            folded_bytes: add(before.map(|b| b.folded_bytes), delivery.folded_bytes),
            last_seen_ms: now_ms,
        }
    }

    /// The record with its instance's id, as readers see it.
    pub fn named(&self, id: &str) -> Instance {
        Instance {
            id: id.to_owned(),
            sequence: self.sequence,
            reporter: if self.destination { Reporter::Destination } else { Reporter::Source },
            watermark_ms: self.watermark_ms,
            lost_bytes: self.lost_bytes,
            folded_bytes: self.folded_bytes,
            last_seen_ms: self.last_seen_ms,
        }
    }

    pub fn encode(&self) -> Result<Vec<u8>, DecodeError> {
        encode(self, 48)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(bytes)
    }
}

/// Where the checkpoint is: which generation of parts holds each hour, and the last log entry
/// that they contain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredCheckpoint {
    pub generation: u64,
    pub hours: Vec<(Hour, u64)>,
    pub log_index: u64,
}

impl StoredCheckpoint {
    pub fn encode(&self) -> Result<Vec<u8>, DecodeError> {
        encode(self, 16 + self.hours.len() * 8)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(bytes)
    }
}

/// The bytes of a part of a checkpoint: consecutive names of an hour.
pub(super) fn encode_names(names: &[Name<'static>]) -> Result<Vec<u8>, DecodeError> {
    let names: Vec<&str> = names.iter().map(Name::as_str).collect();
    encode(&names, names.len() * 16)
}

/// The names of a part of a checkpoint.
pub(super) fn decode_names(bytes: &[u8]) -> Result<Vec<Name<'_>>, DecodeError> {
    let names: Vec<&str> = decode(bytes)?;
    names.into_iter().map(name).collect()
}

fn name(text: &str) -> Result<Name<'_>, DecodeError> {
    Name::new(text).map_err(DecodeError::damaged)
}

type StoredRecord = ([u32; 3], [u64; 4]);

/// The bytes of a part of a checkpoint: consecutive records of an hour.
pub(super) fn encode_records(records: &[Record]) -> Result<Vec<u8>, DecodeError> {
    let stored = records.iter().map(|Record { key, sides }| {
        let Sides { source: s, destination: d } = sides;
        (*key, [s.bytes_tx(), s.bytes_rx(), d.bytes_tx(), d.bytes_rx()])
    });
    encode(&stored.collect::<Vec<StoredRecord>>(), records.len() * 24)
}

/// The records of a part of a checkpoint.
pub(super) fn decode_records(bytes: &[u8]) -> Result<Vec<Record>, DecodeError> {
    let stored: Vec<StoredRecord> = decode(bytes)?;
    let records = stored.into_iter().map(|(key, [source_tx, source_rx, dest_tx, dest_rx])| {
        let source = counters(source_tx, source_rx)?;
        let destination = counters(dest_tx, dest_rx)?;
        Ok(Record { key, sides: Sides { source, destination } })
    });
    records.collect()
}

fn counters(bytes_tx: u64, bytes_rx: u64) -> Result<Counters, DecodeError> {
    Counters::new(bytes_tx, bytes_rx).map_err(DecodeError::damaged)
}

fn encode<T: Serialize>(value: &T, capacity: usize) -> Result<Vec<u8>, DecodeError> {
    let mut bytes = Vec::with_capacity(1 + capacity);
    bytes.push(FORMAT);
    postcard::to_extend(value, bytes).map_err(DecodeError::damaged)
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => match postcard::take_from_bytes(rest) {
            Ok((value, [])) => Ok(value),
            Ok(_) => Err(DecodeError::Damaged("bytes are left over".to_owned())),
            Err(error) => Err(DecodeError::damaged(error)),
        },
        other => Err(DecodeError::Format(other.map(|(first, _)| *first))),
    }
}
