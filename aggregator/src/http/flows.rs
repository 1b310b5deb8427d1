//! `POST /flows`: direct writes.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::body::read_json;
use super::openapi::bodies::FlowList;
use super::openapi::errors::WriteErrors;
use super::openapi::parameters::WriteParameters;
use super::problem::Problem;
use crate::auth::Access;
use crate::ingest;

/// What became of a direct write.
#[derive(Serialize, ToSchema)]
pub(super) struct Accepted {
    /// How many flows were in it.
    accepted: usize,
}

/// Adds flows: all of them, durably, or none.
#[utoipa::path(
    post, path = "/flows", operation_id = "writeFlows", tag = "writes",
    params(WriteParameters),
    request_body(
        content((FlowList = "application/json"), (FlowList = "application/x-ndjson")),
        description = "A JSON array of flows, or a flow on each line. Gzip and zstd are taken.",
    ),
    responses((status = 200, description = "They are durable.", body = Accepted), WriteErrors),
)]
pub(super) async fn write(
    State(app): State<Arc<App>>,
    Extension(access): Extension<Access>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Accepted>, Problem> {
    let body = read_json(&headers, body).await?;
    let accepted = ingest::write_flows(&*app.store, &access, &body).await?;
    Ok(Json(Accepted { accepted }))
}
