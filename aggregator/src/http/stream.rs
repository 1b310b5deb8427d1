//! `/v1/stream`: what changes, as Server-Sent Events, for as long as the reader takes them.

mod event;
mod follower;
mod outlet;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flow_model::limits::MAX_COUNTER;

use self::follower::{Follower, Pace};
use super::params::{ParamError, Query, SelectionParams};
use super::problem::Problem;
use super::reads::ReadRequest;

/// The header by which a browser says where it was.
const LAST_EVENT_ID: &str = "last-event-id";

/// What is asked for.
struct StreamParams {
    selection: SelectionParams,
    /// The last event that the reader knows.
    after: Option<u64>,
}

impl StreamParams {
    fn take(mut query: Query, headers: &HeaderMap) -> Result<Self, ParamError> {
        let selection = SelectionParams::take(&mut query)?;
        let after = query.integer("last_event_id", 0..=MAX_COUNTER)?;
        query.finish()?;
        // The header is newer: the parameter is from the first connection.
        Ok(Self { selection, after: last_event_id(headers)?.or(after) })
    }
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, ParamError> {
    let Some(value) = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let id = text.and_then(|text| text.parse().ok()).filter(|id| *id <= MAX_COUNTER);
    id.map(Some).ok_or_else(|| ParamError::bad(LAST_EVENT_ID, "must be the id of an event"))
}

/// `GET /v1/stream`
pub(super) async fn follow(request: ReadRequest) -> Result<Response, Problem> {
    let params = StreamParams::take(request.query.clone(), &request.headers)?;
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

#[cfg(test)]
mod params_tests {
    use super::*;

    fn after(query: &str, header: Option<&str>) -> Option<Option<u64>> {
        let headers = header.map(|value| (LAST_EVENT_ID.parse().unwrap(), value.parse().unwrap()));
        let params =
            StreamParams::take(Query::parse(query).unwrap(), &headers.into_iter().collect());
        params.ok().map(|params| params.after)
    }

    #[test]
    fn the_header_wins_over_the_parameter() {
        assert_eq!(after("", None), Some(None));
        assert_eq!(after("last_event_id=5", None), Some(Some(5)));
        assert_eq!(after("last_event_id=5", Some("7")), Some(Some(7)));
        assert_eq!(after("last_event_id=5", Some("")), Some(Some(5)));
        for bad in ["x", "-1", "+1", "1.0", "99999999999999999999"] {
            assert_eq!(after("", Some(bad)), None, "{bad}");
        }
        assert_eq!(after("last_event_id=x", None), None);
    }
}
