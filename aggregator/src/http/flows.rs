//! `POST /flows`: direct writes.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;

use super::App;
use super::body::read_json;
use super::problem::Problem;
use crate::ingest;

#[derive(Serialize)]
pub(super) struct Accepted {
    accepted: usize,
}

/// `POST /flows`
pub(super) async fn write(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Accepted>, Problem> {
    let body = read_json(&headers, body).await?;
    let accepted = ingest::write_flows(&*app.store, &body).await?;
    Ok(Json(Accepted { accepted }))
}
