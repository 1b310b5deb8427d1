//! What the machinery around the service asks: is it alive, is it ready, and how is it doing.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::App;
use super::openapi::errors::{MetricsErrors, OpenErrors};
use super::problem::Problem;

/// The process answers.
#[utoipa::path(
    get, path = "/healthz", operation_id = "isAlive", tag = "operation",
    responses((status = 200, description = "It does.", body = String), OpenErrors),
    security(()),
)]
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// Writes and reads can be sent here.
#[utoipa::path(
    get, path = "/readyz", operation_id = "isReady", tag = "operation",
    responses((status = 200, description = "They can.", body = String), OpenErrors),
    security(()),
)]
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    if app.draining.has_begun() {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "shutting down"));
    }
    app.store.ready().await.map_err(|error| {
        log::warn!("not ready: {error}");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.told)
    })?;
    Ok("ready\n")
}

/// Figures in the Prometheus text format.
#[utoipa::path(
    get, path = "/metrics", operation_id = "readMetrics", tag = "operation",
    responses((status = 200, description = "Figures.", body = String), MetricsErrors),
)]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    match app.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => {
            log::error!("metrics could not be written: {error}");
            let detail = "the metrics could not be written";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
        }
    }
}
