//! Request bodies: of a known kind by their content type, unpacked, and bounded in size before
//! and after.

mod unpack;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};

use self::unpack::Coding;
use super::App;
use super::problem::Problem;
use crate::ingest::Kind;
use crate::limits::{MAX_BODIES_BYTES, MAX_BODY_BYTES};
use crate::serve::BodyFault;

/// The whole of a JSON body.
///
/// # Errors
/// As [`read_flows`].
pub(super) async fn read_json(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Problem> {
    match read_flows(app, headers, body).await? {
        (Kind::Json, body) => Ok(body),
        (Kind::Ndjson, _) => Err(not_of("application/json")),
    }
}

/// The whole of a body of flows, and what it is.
///
/// # Errors
/// 415 for another content type or coding, 413 when the body is too large, 408 when the client is
/// too slow, 503 when too many bodies arrive at a time, 400 when the client breaks off or the body
/// cannot be unpacked.
pub(super) async fn read_flows(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Kind, Bytes), Problem> {
    let kind =
        kind_of(headers).ok_or_else(|| not_of("application/json or application/x-ndjson"))?;
    let coding = Coding::of(headers)?;
    let body = read(headers, body).await?;
    match coding {
        None => Ok((kind, body)),
        Some(coding) => Ok((kind, unpack::unpack(app, coding, body).await?)),
    }
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(too_large());
    }
    axum::body::to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|error| if is_length_limit(&error) { too_large() } else { incomplete(&error) })
}

/// The answer to a body that could not be read to its end.
pub(super) fn incomplete(error: &axum::Error) -> Problem {
    match BodyFault::of(error) {
        Some(fault @ BodyFault::TooSlow) => {
            Problem::new(StatusCode::REQUEST_TIMEOUT, fault.to_string())
        }
        Some(fault @ BodyFault::TooMany) => {
            log::warn!("more than {MAX_BODIES_BYTES} bytes of request bodies are in memory");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, fault.to_string())
        }
        None => Problem::new(StatusCode::BAD_REQUEST, "the body ended before it was complete"),
    }
}

fn kind_of(headers: &HeaderMap) -> Option<Kind> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next()?.trim();
    let is = |name: &str| essence.eq_ignore_ascii_case(name);
    match () {
        () if is("application/json") => Some(Kind::Json),
        () if is("application/x-ndjson") => Some(Kind::Ndjson),
        () => None,
    }
}

fn not_of(kinds: &str) -> Problem {
    let detail = format!("the content-type must be {kinds}");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
}

fn too_large() -> Problem {
    let detail = format!("the body must be at most {MAX_BODY_BYTES} bytes, unpacked");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

fn is_length_limit(error: &axum::Error) -> bool {
    std::error::Error::source(error)
        .is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}
