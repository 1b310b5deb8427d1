//! `Problem`: every error answer, as `application/problem+json` (RFC 9457).

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flow_model::wire::WireError;
use serde::Serialize;
use utoipa::ToSchema;

use super::params::ParamError;
use crate::ingest::IngestError;
use crate::limits::RETRY_AFTER;
use crate::store::{ApplyError, ReadError};

/// An error answer (RFC 9457).
// What is for the operator only goes to the log, not in here.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// What is wrong, for people.
    detail: String,
    /// The position of the flow at fault, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    index: Option<usize>,
    /// The field or parameter at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    field: Option<Cow<'static, str>>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self { title, status: status.as_u16(), detail: detail.into(), index: None, field: None }
    }

    fn at(mut self, index: Option<usize>, field: Option<&'static str>) -> Self {
        self.index = index;
        self.field = field.map(Cow::Borrowed);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or_default();
        // A struct of strings and numbers always serializes.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = HeaderValue::from(RETRY_AFTER.as_secs());
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Invalid(error) => error.into(),
            IngestError::NotApplied(error) => error.into(),
        }
    }
}

impl From<WireError> for Problem {
    fn from(error: WireError) -> Self {
        let problem = Self::new(StatusCode::BAD_REQUEST, error.to_string());
        match error {
            WireError::Malformed(_) => problem,
            WireError::Invalid { index, field, .. } => problem.at(index, field),
        }
    }
}

impl From<ApplyError> for Problem {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Overloaded => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "too many writes are waiting; try again")
            }
            ApplyError::Overflow { index, field } => {
                Self::new(StatusCode::CONFLICT, error.to_string()).at(Some(index), Some(field))
            }
            ApplyError::KeyReused => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            ApplyError::Unavailable(reason) => {
                log::warn!("a write was refused: {reason}");
                let detail = "the store takes no writes at the moment; nothing was changed";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            }
        }
    }
}

impl From<ParamError> for Problem {
    fn from(error: ParamError) -> Self {
        match &error {
            ParamError::TooLong => Self::new(StatusCode::URI_TOO_LONG, error.to_string()),
            ParamError::Bad { name, .. } => Self {
                field: Some(name.clone()),
                ..Self::new(StatusCode::BAD_REQUEST, error.to_string())
            },
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        log::warn!("a read failed: {error}");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read at the moment")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overloaded_client_is_told_when_to_come_back() {
        for error in [ApplyError::Overloaded, ApplyError::Unavailable("disk path".to_owned())] {
            let response = Problem::from(error).into_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        }
        let bad = Problem::new(StatusCode::BAD_REQUEST, "x").into_response();
        assert!(!bad.headers().contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn what_is_for_the_operator_stays_in_the_log() {
        let problem = Problem::from(ApplyError::Unavailable("/var/secret".to_owned()));
        assert!(!problem.detail.contains("secret"));
    }
}
