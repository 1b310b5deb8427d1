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
use super::problem::Problem;
use crate::auth::Access;
use crate::ingest;

/// Adds a batch of an instance, once, however often it is sent.
#[utoipa::path(
    post, path = "/v1/batches", operation_id = "writeBatch", tag = "writes",
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
    let body = read_json(&app, &headers, body).await?;
    let answer = ingest::write_batch(&*app.store, &app.metrics, &access, &body).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], encode_answer(&answer)).into_response())
}
