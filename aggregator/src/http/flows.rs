//! `POST /flows`: direct writes.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use flow_model::Status;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::body::read_flows;
use super::openapi::bodies::FlowList;
use super::openapi::errors::WriteErrors;
use super::openapi::parameters::WriteParameters;
use super::problem::Problem;
use crate::auth::Access;
use crate::ingest::{self, DirectWrite};
use crate::limits::MAX_IDEMPOTENCY_KEY_BYTES;

/// The header with which a client makes a resend harmless
/// (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Tells that the write had been applied before.
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What became of a direct write.
#[derive(Serialize, ToSchema)]
pub(super) struct Accepted {
    /// How many flows were taken.
    accepted: u64,
    /// How many were left out, because their hours are no longer kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expired: Option<u64>,
}

/// Adds flows: all of them, durably, or none.
#[utoipa::path(
    post, path = "/flows", operation_id = "writeFlows", tag = "writes",
    params(WriteParameters),
    request_body(
        content((FlowList = "application/json"), (FlowList = "application/x-ndjson")),
        description = "A JSON array of flows, or a flow on each line. Gzip and zstd are taken.",
    ),
    responses(
        (
            status = 200, description = "They are durable.", body = Accepted,
            headers(("idempotency-replayed" = bool,
                     description = "`true` if the write had been applied before.")),
        ),
        WriteErrors,
    ),
)]
pub(super) async fn write(
    State(app): State<Arc<App>>,
    Extension(access): Extension<Access>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers)?;
    let (kind, body) = read_flows(&app, &headers, body).await?;
    let write = DirectWrite { kind, body: &body, key };
    let written = ingest::write_flows(&*app.store, &access, &write).await?;
    let expired = written.expired_flows;
    let accepted = Accepted {
        accepted: written.flows.saturating_sub(expired),
        expired: (expired > 0).then_some(expired),
    };
    let mut response = Json(accepted).into_response();
    if written.status == Status::Duplicate {
        let replayed = HeaderValue::from_static("true");
        response.headers_mut().insert(IDEMPOTENCY_REPLAYED, replayed);
    }
    Ok(response)
}

/// The key that the client chose, if it did.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let is_visible = |text: &&str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let key = value.to_str().ok().filter(is_visible);
    let key = key.filter(|key| (1..=MAX_IDEMPOTENCY_KEY_BYTES).contains(&key.len()));
    match (key, values.next()) {
        (Some(key), None) => Ok(Some(key)),
        _ => {
            let detail = format!(
                "there may be one header idempotency-key, of 1 to {MAX_IDEMPOTENCY_KEY_BYTES} \
                 visible ASCII characters"
            );
            Err(Problem::new(StatusCode::BAD_REQUEST, detail))
        }
    }
}
