//! Dedupe records: what an instance has delivered, and which keys direct writers have used.

use flow_model::Reporter;
use serde::{Deserialize, Serialize};

use super::{DecodeError, FORMAT, decode, encode};
use crate::store::{Delivery, Instance};

/// What an instance has delivered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::store::embedded) struct StoredInstance {
    pub sequence: u64,
    destination: bool,
    watermark_ms: u64,
    lost_bytes: u64,
    folded_bytes: u64,
    pub last_seen_ms: u64,
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
        encode(FORMAT, self, 48)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(FORMAT, bytes)
    }
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
