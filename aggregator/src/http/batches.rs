//! `/v1/batches`: what the filters deliver. See docs/protocol.md.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use flow_model::wire::encode_answer;

use super::App;
use super::body::read_json;
use super::openapi::bodies::{BatchObject, Receipt};
use super::openapi::errors::BatchErrors;
use super::openapi::parameters::BatchParameters;
use super::problem::Problem;
use crate::auth::Access;
use crate::clock::now_ms;
use crate::ingest;

/// The sender's clock when it sends a batch, in milliseconds since the Unix epoch. It is not in
/// the body, since a resend has the same body.
pub(super) const SENDER_CLOCK: &str = "sender-clock-ms";

/// Adds a batch of an instance, once, however often it is sent.
#[utoipa::path(
    post, path = "/v1/batches", operation_id = "writeBatch", tag = "writes",
    params(BatchParameters),
    request_body = BatchObject,
    responses(
        (status = 200, description = "It is durable, or was before.", body = Receipt),
        BatchErrors,
    ),
)]
pub(super) async fn write(
    State(app): State<Arc<App>>,
    Extension(access): Extension<Access>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    // Before the body has come: that may take long.
    let offset_ms = clock_offset_ms(&headers, now_ms());
    let body = read_json(&app, &headers, body).await?;
    let answer = ingest::write_batch(&*app.store, &app.metrics, &access, &body, offset_ms).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], encode_answer(&answer)).into_response())
}

/// How far the sender's clock is ahead of ours, if it tells. What cannot be read is no reason to
/// refuse a batch.
fn clock_offset_ms(headers: &HeaderMap, now_ms: u64) -> Option<i64> {
    let text = headers.get(SENDER_CLOCK)?.to_str().ok()?;
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let sender_ms: i64 = text.parse().ok().filter(|_| is_digits)?;
    sender_ms.checked_sub(i64::try_from(now_ms).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_how_far_the_sender_is_ahead() {
        let offset = |text: &str| {
            let header = (SENDER_CLOCK.parse().unwrap(), text.parse().unwrap());
            clock_offset_ms(&HeaderMap::from_iter([header]), 1_000)
        };
        assert_eq!(
            (offset("1500"), offset("0"), offset("1000")),
            (Some(500), Some(-1000), Some(0))
        );
        assert_eq!(offset("9223372036854775807"), Some(i64::MAX - 1_000));
        for unreadable in ["", "-1", "+1", "1.5", "9223372036854775808", "soon"] {
            assert_eq!(offset(unreadable), None, "{unreadable}");
        }
        assert_eq!(clock_offset_ms(&HeaderMap::new(), 1_000), None);
    }
}
