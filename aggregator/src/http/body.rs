//! Request bodies: JSON by their content type, and bounded in size.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};

use super::problem::Problem;
use crate::limits::{MAX_BODIES_BYTES, MAX_BODY_BYTES};
use crate::serve::BodyFault;

/// The whole of a JSON body.
///
/// # Errors
/// 415 when the content type is not JSON, 413 when the body is too large, 408 when the client is
/// too slow, 503 when too many bodies arrive at a time, 400 when the client breaks off.
pub(super) async fn read_json(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    if !is_json(headers) {
        let detail = "the content-type must be application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
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

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn too_large() -> Problem {
    let detail = format!("the body must be at most {MAX_BODY_BYTES} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

fn is_length_limit(error: &axum::Error) -> bool {
    std::error::Error::source(error)
        .is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}
