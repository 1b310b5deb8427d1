//! `/v1/stream`: what changes, as Server-Sent Events, for as long as the reader takes them.

mod event;
mod follower;
mod outlet;
mod query;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use self::follower::{Follower, Pace};
use self::query::StreamQuery;
use super::openapi::answers::StreamAnswer;
use super::openapi::errors::ReadErrors;
use super::openapi::parameters::{SelectionParameters, StreamParameters};
use super::problem::Problem;
use super::reads::ReadRequest;

/// What changes, as Server-Sent Events: `hello` at first, then `flows`; `reset` when changes were
/// missed, and `dropped` at last when the reader is too slow. All hours, unless some are given.
#[utoipa::path(
    get,
    path = "/v1/stream",
    operation_id = "follow",
    tag = "reads",
    params(SelectionParameters, StreamParameters),
    responses(StreamAnswer, ReadErrors)
)]
pub(super) async fn follow(request: ReadRequest) -> Result<Response, Problem> {
    let params = StreamQuery::take(request.query.clone(), &request.headers)?;
    let selection = request.visible(params.selection.or_all_hours());
    let place = Arc::clone(&request.app.streams).try_acquire_owned().map_err(|_| {
        let detail = "too many streams are open; try again";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    })?;
    let pace = Pace::default();
    let (outlet, messages) = outlet::pair(pace.stall);
    let store = Arc::clone(&request.app.store);
    let follower = Follower::new(store, selection, params.after, outlet, pace);
    let over = request.app.draining.begun();
    tokio::spawn(async move {
        follower.run(over).await;
        drop(place);
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    Ok((headers, Body::from_stream(messages)).into_response())
}
