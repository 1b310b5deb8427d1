//! `/flows`: direct writes, and the flows of an hour.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flow_model::Hour;
use futures_util::stream;
use serde::Serialize;

use super::App;
use super::body::read_json;
use super::problem::Problem;
use crate::auth::Access;
use crate::store::Selection;
use crate::{ingest, query};

#[derive(Serialize)]
pub(super) struct Accepted {
    accepted: usize,
}

/// `POST /flows`
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

/// `GET /flows?hour=N`
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Extension(access): Extension<Access>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let hour = parse_hour(query.as_deref().unwrap_or_default())
        .map_err(|reason| Problem::new(StatusCode::BAD_REQUEST, reason))?;
    let mut selection = Selection::hour(hour);
    access.restrict(&mut selection.filter);
    let mut pieces = query::flows_of_hour(&*app.store, selection).await?;
    let (first, second) = (pieces.next(), pieces.next());
    let body = match second {
        // Most hours fit one piece, and then have a content-length.
        None => Body::from(first.unwrap_or_default()),
        Some(_) => {
            let pieces = first.into_iter().chain(second).chain(pieces);
            Body::from_stream(stream::iter(pieces.map(Ok::<_, Infallible>)))
        }
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// The one parameter, `hour`.
fn parse_hour(query: &str) -> Result<Hour, String> {
    let mut hour = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "hour" {
            return Err(format!("unknown parameter {name:?}; the only one is hour"));
        }
        // Digits only: `u32::from_str` would also take a plus sign.
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let parsed = value.parse::<Hour>().ok().filter(|_| digits);
        let parsed = parsed.ok_or_else(|| {
            format!("hour must be an integer from 0 to {}, not {value:?}", Hour::MAX)
        })?;
        if hour.replace(parsed).is_some() {
            return Err("hour is given twice".to_owned());
        }
    }
    hour.ok_or_else(|| "the parameter hour is missing: /flows?hour=N".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_digits_in_range_given_once() {
        assert_eq!(parse_hour("hour=0"), Ok(0));
        assert_eq!(parse_hour("hour=4294967295"), Ok(Hour::MAX));
        for bad in [
            "",
            "hour",
            "hour=",
            "hour=4294967296",
            "hour=-1",
            "hour=%2B1",
            "hour=1.0",
            "hour=x",
            "hour=1&hour=1",
            "hours=1",
            "hour=1&x=2",
            "hour=%20 1",
        ] {
            assert!(parse_hour(bad).is_err(), "{bad}");
        }
    }
}
