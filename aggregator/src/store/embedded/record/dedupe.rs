//! Dedupe records: what an instance has delivered, and which keys direct writers have used.

use flow_model::{Hour, Reporter};
use serde::{Deserialize, Serialize};

use super::{DecodeError, FORMAT, decode, encode};
use crate::store::{Loss, Progress};

/// The format of instances' records. The one before lacks all from `ended` on.
const INSTANCE_FORMAT: u8 = 2;

/// What an instance has delivered.
#[derive(Serialize, Deserialize)]
struct StoredInstance {
    base: StoredBase,
    ended: bool,
    clock_offset_ms: Option<i64>,
    first_hour: Hour,
    /// Hour, lost bytes, folded bytes.
    losses: Vec<(Hour, u64, u64)>,
}

/// The same in the format before.
#[derive(Serialize, Deserialize)]
struct StoredBase {
    sequence: u64,
    destination: bool,
    watermark_ms: u64,
    lost_bytes: u64,
    folded_bytes: u64,
    last_seen_ms: u64,
}

/// The bytes of an instance's record.
pub(in crate::store::embedded) fn encode_progress(
    progress: &Progress,
) -> Result<Vec<u8>, DecodeError> {
    let base = StoredBase {
        sequence: progress.sequence,
        destination: progress.reporter == Reporter::Destination,
        watermark_ms: progress.watermark_ms,
        lost_bytes: progress.lost_bytes,
        folded_bytes: progress.folded_bytes,
        last_seen_ms: progress.last_seen_ms,
    };
    let losses = progress.losses.iter();
    let losses = losses.map(|loss| (loss.hour, loss.lost_bytes, loss.folded_bytes)).collect();
    let stored = StoredInstance {
        base,
        ended: progress.ended,
        clock_offset_ms: progress.clock_offset_ms,
        first_hour: progress.first_hour,
        losses,
    };
    encode(INSTANCE_FORMAT, &stored, 64)
}

/// What an instance has delivered, as this format or the one before has it.
pub(in crate::store::embedded) fn decode_progress(bytes: &[u8]) -> Result<Progress, DecodeError> {
    let stored = match bytes.first() {
        Some(&FORMAT) => StoredInstance {
            base: decode(FORMAT, bytes)?,
            ended: false,
            clock_offset_ms: None,
            first_hour: 0,
            losses: Vec::new(),
        },
        _ => decode(INSTANCE_FORMAT, bytes)?,
    };
    let StoredInstance { base, ended, clock_offset_ms, first_hour, losses } = stored;
    let loss = |(hour, lost_bytes, folded_bytes)| Loss { hour, lost_bytes, folded_bytes };
    Ok(Progress {
        sequence: base.sequence,
        reporter: if base.destination { Reporter::Destination } else { Reporter::Source },
        watermark_ms: base.watermark_ms,
        lost_bytes: base.lost_bytes,
        folded_bytes: base.folded_bytes,
        losses: losses.into_iter().map(loss).collect(),
        ended,
        clock_offset_ms,
        first_hour,
        last_seen_ms: base.last_seen_ms,
    })
}

/// A direct write that was applied under a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store::embedded) struct StoredKey {
    pub fingerprint: [u8; 32],
    pub applied_ms: u64,
    pub expired_flows: u64,
}

impl StoredKey {
    pub fn encode(&self) -> Result<Vec<u8>, DecodeError> {
        encode(FORMAT, self, 52)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(FORMAT, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A format and a record in hexadecimal on each line.
    const GOLDEN: &str = include_str!("../../../../tests/golden/instance-records.txt");

    fn golden(format: &str) -> Vec<u8> {
        let hex = GOLDEN.lines().find_map(|line| line.strip_prefix(format)).unwrap().trim();
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(byte).collect()
    }

    fn progress() -> Progress {
        Progress {
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
        }
    }

    #[test]
    fn records_are_written_and_read_as_the_golden_file_has_them() {
        assert_eq!(encode_progress(&progress()).unwrap(), golden("2"));
        assert_eq!(decode_progress(&golden("2")).unwrap(), progress());
        let before = Progress {
            losses: Vec::new(),
            ended: false,
            clock_offset_ms: None,
            first_hour: 0,
            ..progress()
        };
        assert_eq!(decode_progress(&golden("1")).unwrap(), before);
        assert!(decode_progress(&[3]).is_err() && decode_progress(&[]).is_err());
    }
}
