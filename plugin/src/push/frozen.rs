//! `Frozen`: a batch that waits to be delivered: encoded once, so that a resend is the very same.

use std::rc::Rc;

use flow_model::{Batch, Name, Reporter, wire};

use crate::table::Taken;

/// A batch that waits to be delivered.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// The batch's number.
    pub sequence: u64,
    /// The batch as it goes over the wire.
    pub body: Rc<[u8]>,
    /// The bytes in its flows.
    pub bytes: u64,
    /// The bytes that it reports as lost.
    pub lost_bytes: u64,
}

/// What a batch says besides its flows.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// Who sends it.
    pub instance: &'a Name<'static>,
    /// Its number.
    pub sequence: u64,
    /// Whose flows these are.
    pub reporter: Reporter,
    /// The time up to which all is in batches up to this one, in milliseconds.
    pub watermark_ms: u64,
    /// The bytes lost since the batch before.
    pub lost_bytes: u64,
    /// Whether this is all that there will be.
    pub ended: bool,
}

impl Frozen {
    /// Encodes a batch.
    pub fn new(head: &Head<'_>, taken: Taken) -> Self {
        let batch = Batch {
            instance: head.instance.clone(),
            sequence: head.sequence,
            reporter: head.reporter,
            watermark_ms: head.watermark_ms,
            lost_bytes: head.lost_bytes,
            folded_bytes: on_wire(taken.folded_bytes),
            ended: head.ended,
            flows: taken.flows,
        };
        Self {
            sequence: head.sequence,
            body: wire::encode_batch(&batch).into(),
            bytes: taken.bytes,
            lost_bytes: head.lost_bytes,
        }
    }
}

/// A count within the range of the wire format.
pub fn on_wire(count: u64) -> u64 {
    count.min(flow_model::limits::MAX_COUNTER)
}
