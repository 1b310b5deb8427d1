//! Writing: from bytes on the wire to an applied write. Knows JSON and the store, not HTTP.

use flow_model::wire::{self, WireError};
use flow_model::{Answer, Status};
use sha2::{Digest, Sha256};

use crate::auth::{Access, Denied};
use crate::limits::LARGE_BODY_BYTES;
use crate::metrics::Metrics;
use crate::store::{Applied, ApplyError, Delivery, Origin, Store, Write, WriteKey};

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IngestError {
    #[error(transparent)]
    Invalid(#[from] WireError),
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error(transparent)]
    NotApplied(#[from] ApplyError),
}

/// How flows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A JSON array.
    Json,
    /// A JSON object on each line.
    Ndjson,
}

/// A direct write as it came.
pub(crate) struct DirectWrite<'a> {
    /// How its flows are written.
    pub kind: Kind,
    /// The flows.
    pub body: &'a [u8],
    /// What the client calls it, to make a resend harmless.
    pub key: Option<&'a str>,
}

/// What became of a direct write.
pub(crate) struct Written {
    /// Whether it was applied now or before.
    pub status: Status,
    /// How many flows came.
    pub flows: u64,
    /// How many of them were left out, because their hours are no longer kept.
    pub expired_flows: u64,
}

/// Applies a direct write.
pub(crate) async fn write_flows(
    store: &dyn Store,
    access: &Access,
    write: &DirectWrite<'_>,
) -> Result<Written, IngestError> {
    let flows = decode(write.body, || match write.kind {
        Kind::Json => wire::decode_flows(write.body),
        Kind::Ndjson => wire::decode_flow_lines(write.body),
    })?;
    access.check_write(flows.iter().map(|flow| &*flow.key.vpc_id))?;
    let count = flows.len() as u64;
    let key = write.key.map(|key| write_key(access, key, write.body));
    let applied = store.apply(Write { origin: Origin::Direct(key), flows }).await?;
    let Applied { status, expired_flows } = applied;
    Ok(Written { status, flows: count, expired_flows })
}

/// Decodes a body; a large one does not hold up what else its thread has to do.
fn decode<T>(body: &[u8], decode: impl FnOnce() -> T) -> T {
    if body.len() > LARGE_BODY_BYTES { tokio::task::block_in_place(decode) } else { decode() }
}

/// What clients choose is theirs alone: a key counts together with the name of the token.
fn write_key(access: &Access, key: &str, body: &[u8]) -> WriteKey {
    // The names of tokens have no NUL.
    let key = [access.name().as_bytes(), b"\0", key.as_bytes()].concat();
    WriteKey { key, fingerprint: Sha256::digest(body).into() }
}

/// Applies a batch exactly once; gives its receipt. `clock_offset_ms` is how far the sender's
/// clock is ahead of ours, if it tells.
pub(crate) async fn write_batch<'a>(
    store: &dyn Store,
    metrics: &Metrics,
    access: &Access,
    body: &'a [u8],
    clock_offset_ms: Option<i64>,
) -> Result<Answer<'a>, IngestError> {
    let refused = |error| {
        metrics.batches.with_label_values(&["refused"]).inc();
        error
    };
    let batch = decode(body, || wire::decode_batch(body))
        .map_err(|error| refused(IngestError::Invalid(error)))?;
    access
        .check_write(batch.flows.iter().map(|flow| &*flow.key.vpc_id))
        .map_err(|denied| refused(denied.into()))?;
    let delivery = Delivery {
        instance: batch.instance.clone(),
        sequence: batch.sequence,
        reporter: batch.reporter,
        watermark_ms: batch.watermark_ms,
        lost_bytes: batch.lost_bytes,
        folded_bytes: batch.folded_bytes,
        ended: batch.ended,
        clock_offset_ms,
    };
    let write = Write { origin: Origin::Batch(delivery), flows: batch.flows };
    let applied =
        store.apply(write).await.map_err(|error| refused(IngestError::NotApplied(error)))?;
    let status = applied.status;
    Ok(Answer { instance: batch.instance, sequence: batch.sequence, status })
}
