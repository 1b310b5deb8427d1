//! `/v1/batches`: what the filters deliver. See docs/protocol.md.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use flow_model::wire::encode_answer;

use super::App;
use super::body::read_json;
use super::problem::Problem;
use crate::auth::Access;
use crate::ingest;

/// `POST /v1/batches`
pub(super) async fn write(
    State(app): State<Arc<App>>,
    Extension(access): Extension<Access>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body = read_json(&headers, body).await?;
    let answer = ingest::write_batch(&*app.store, &app.metrics, &access, &body).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], encode_answer(&answer)).into_response())
}
