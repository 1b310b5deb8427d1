//! The records that tell a resend: what an instance has delivered to a shard, what it has said of
//! itself, and what has been done of a direct write.

use flow_model::{Hour, Reporter};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::{Loss, Progress};

/// The first byte of every record.
const FORMAT: u8 = 1;

/// What an instance has delivered to a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Delivered {
    /// Its last batch that has flows of this shard.
    pub sequence: u64,
    /// How many of the steps are done in which the batch is added to this shard.
    pub steps: u16,
    /// When it arrived, in milliseconds since the Unix epoch, by the clock of who took it.
    pub last_seen_ms: u64,
}

/// What an instance has said of itself, up to the last batch that was added in all its shards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    sequence: u64,
    destination: bool,
    watermark_ms: u64,
    lost_bytes: u64,
    folded_bytes: u64,
    ended: bool,
    clock_offset_ms: Option<i64>,
    first_hour: Hour,
    pub last_seen_ms: u64,
    /// Hour, lost bytes, folded bytes.
    losses: Vec<(Hour, u64, u64)>,
}

impl Said {
    pub fn of(progress: &Progress) -> Self {
        let losses = progress.losses.iter();
        Self {
            sequence: progress.sequence,
            destination: progress.reporter == Reporter::Destination,
            watermark_ms: progress.watermark_ms,
            lost_bytes: progress.lost_bytes,
            folded_bytes: progress.folded_bytes,
            ended: progress.ended,
            clock_offset_ms: progress.clock_offset_ms,
            first_hour: progress.first_hour,
            last_seen_ms: progress.last_seen_ms,
            losses: losses.map(|loss| (loss.hour, loss.lost_bytes, loss.folded_bytes)).collect(),
        }
    }

    pub fn progress(&self) -> Progress {
        let loss = |&(hour, lost_bytes, folded_bytes)| Loss { hour, lost_bytes, folded_bytes };
        Progress {
            sequence: self.sequence,
            reporter: if self.destination { Reporter::Destination } else { Reporter::Source },
            watermark_ms: self.watermark_ms,
            lost_bytes: self.lost_bytes,
            folded_bytes: self.folded_bytes,
            losses: self.losses.iter().map(loss).collect(),
            ended: self.ended,
            clock_offset_ms: self.clock_offset_ms,
            first_hour: self.first_hour,
            last_seen_ms: self.last_seen_ms,
        }
    }
}

/// What has been done of a direct write in a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written {
    /// A hash of what is written.
    pub fingerprint: [u8; 32],
    /// How many of the steps are done in which it is added to this shard.
    pub steps: u16,
    /// How many of its flows were left out, because their hours are no longer kept.
    pub expired_flows: u64,
}

/// A record cannot be read; the reason is for the operator's log.
#[derive(Debug, thiserror::Error)]
#[error("a record is damaged, or of another format")]
pub(super) struct DamagedRecord;

/// The bytes of a record.
pub(super) fn encode(record: &impl Serialize) -> Vec<u8> {
    // Writing integers to a vector cannot fail.
    postcard::to_extend(record, vec![FORMAT]).unwrap_or_default()
}

/// The record that these bytes are; none if there are none.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<Option<T>, DamagedRecord> {
    match bytes.split_first() {
        None => Ok(None),
        Some((&FORMAT, rest)) => postcard::from_bytes(rest).map(Some).map_err(|_| DamagedRecord),
        Some(_) => Err(DamagedRecord),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were() {
        let progress = Progress {
            sequence: 7,
            reporter: Reporter::Destination,
            watermark_ms: 1_764_000_123_456,
            lost_bytes: 300,
            folded_bytes: 4,
            losses: vec![Loss { hour: 490_000, lost_bytes: 300, folded_bytes: 4 }],
            ended: true,
            clock_offset_ms: Some(-12_345),
            first_hour: 489_999,
            last_seen_ms: 1_764_000_124_000,
        };
        let said: Said = decode(&encode(&Said::of(&progress))).unwrap().unwrap();
        assert_eq!(said.progress(), progress);
        let delivered = Delivered { sequence: 7, steps: 1, last_seen_ms: 5 };
        assert_eq!(decode(&encode(&delivered)).unwrap(), Some(delivered));
        assert!(decode::<Delivered>(&[]).unwrap().is_none());
        assert!(decode::<Delivered>(&[2, 0]).is_err() && decode::<Delivered>(&[1, 0]).is_err());
    }
}
