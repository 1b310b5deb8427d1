//! `Problem`: every error answer, as `application/problem+json` (RFC 9457).

use std::borrow::Cow;

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flow_model::wire::WireError;
use serde::Serialize;
use utoipa::ToSchema;

use super::params::ParamError;
use crate::auth::Denied;
use crate::ingest::IngestError;
use crate::limits::RETRY_AFTER;
use crate::store::{ApplyError, ReadError};

/// An error answer (RFC 9457).
// What is for the operator only goes to the log, not in here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
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
    /// The methods that would be possible, for a header.
    #[serde(skip)]
    allow: Option<String>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self {
            title,
            status: status.as_u16(),
            detail: detail.into(),
            index: None,
            field: None,
            allow: None,
        }
    }

    /// Too many connections are open.
    pub fn overcrowded() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "too many connections are open; try again")
    }

    /// The path takes other methods: these.
    pub fn method_not_allowed(method: &Method, allow: String) -> Self {
        let detail = format!("{method} is not possible on this path");
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, detail) }
    }

    /// The document.
    pub fn to_json(&self) -> Vec<u8> {
        // A struct of strings and numbers always serializes.
        serde_json::to_vec(self).unwrap_or_default()
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
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (status, kind, self.to_json()).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = HeaderValue::from(RETRY_AFTER.as_secs());
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::try_from(allow).ok()) {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Invalid(error) => error.into(),
            IngestError::Denied(denied) => denied.into(),
            IngestError::NotApplied(error) => error.into(),
        }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let problem = Self::new(StatusCode::FORBIDDEN, denied.to_string());
        match denied {
            Denied::Vpc { index, .. } => problem.at(Some(index), Some("vpc_id")),
            Denied::Scope(_) | Denied::Limited => problem,
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
                let detail = "the store takes no writes at the moment; try again";
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
