//! Writing: from bytes on the wire to an applied write. Knows JSON and the store, not HTTP.

use flow_model::Answer;
use flow_model::wire::{self, WireError};

use crate::auth::{Access, Denied};
use crate::metrics::Metrics;
use crate::store::{ApplyError, Delivery, Origin, Store, Write};

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

/// Applies a direct write, a JSON array of flows; gives their number.
pub(crate) async fn write_flows(
    store: &dyn Store,
    access: &Access,
    body: &[u8],
) -> Result<usize, IngestError> {
    let flows = wire::decode_flows(body)?;
    access.check_write(flows.iter().map(|flow| &*flow.key.vpc_id))?;
    let count = flows.len();
    store.apply(Write { origin: Origin::Direct(None), flows }).await?;
    Ok(count)
}

/// Applies a batch exactly once; gives its receipt.
pub(crate) async fn write_batch<'a>(
    store: &dyn Store,
    metrics: &Metrics,
    access: &Access,
    body: &'a [u8],
) -> Result<Answer<'a>, IngestError> {
    let refused = |error| {
        metrics.batches.with_label_values(&["refused"]).inc();
        error
    };
    let batch = wire::decode_batch(body).map_err(|error| refused(IngestError::Invalid(error)))?;
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
    };
    let write = Write { origin: Origin::Batch(delivery), flows: batch.flows };
    let applied =
        store.apply(write).await.map_err(|error| refused(IngestError::NotApplied(error)))?;
    let status = applied.status;
    Ok(Answer { instance: batch.instance, sequence: batch.sequence, status })
}
