//! `StoredCheckpoint`: which parts on disk hold which hour, and up to where they hold the log.

use flow_model::Hour;
use serde::{Deserialize, Serialize};

use super::{DecodeError, FORMAT, decode_rest, encode};
use crate::store::Totals;

/// The format that this version writes. Format 1 had hours and generations only, and the parts
/// of its hours are in no order; it is still read.
const CHECKPOINT_FORMAT: u8 = 2;

/// Where the checkpoint is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store::embedded) struct StoredCheckpoint {
    pub generation: u64,
    /// In order.
    pub hours: Vec<StoredHour>,
    /// The last log entry that the parts contain.
    pub log_index: u64,
    /// Hours before this one are gone for good.
    pub first_hour: Hour,
}

/// An hour on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store::embedded) struct StoredHour {
    pub hour: Hour,
    /// The generation of its parts.
    pub generation: u64,
    /// Whether names and records are in order: they are, but in parts of an older version.
    pub is_sorted: bool,
    /// How many flows it has.
    pub flows: u64,
    /// The totals of what readers see.
    pub(in crate::store::embedded) bytes: (u128, u128),
    /// All bytes, both sides and directions: no counter is larger.
    pub sum: u128,
    /// The last log entry that added to it.
    pub last_write: u64,
}

impl StoredHour {
    pub fn totals(&self) -> Totals {
        let (bytes_tx, bytes_rx) = self.bytes;
        Totals { flows: self.flows, bytes_tx, bytes_rx }
    }

    pub fn set_totals(&mut self, totals: &Totals) {
        self.flows = totals.flows;
        self.bytes = (totals.bytes_tx, totals.bytes_rx);
    }
}

#[derive(Deserialize)]
struct OldCheckpoint {
    generation: u64,
    hours: Vec<(Hour, u64)>,
    log_index: u64,
}

impl StoredCheckpoint {
    pub fn encode(&self) -> Result<Vec<u8>, DecodeError> {
        encode(CHECKPOINT_FORMAT, self, 16 + self.hours.len() * 48)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes {
            [FORMAT, rest @ ..] => {
                let OldCheckpoint { generation, hours, log_index } = decode_rest(rest)?;
                let hours = hours.into_iter().map(|(hour, generation)| StoredHour {
                    hour,
                    generation,
                    ..StoredHour::default()
                });
                Ok(Self { generation, hours: hours.collect(), log_index, first_hour: 0 })
            }
            [CHECKPOINT_FORMAT, rest @ ..] => decode_rest(rest),
            other => Err(DecodeError::Format(other.first().copied())),
        }
    }
}
