//! Errors, described once for all operations.

use std::collections::BTreeMap;

use axum::http::{StatusCode, header};
use utoipa::IntoResponses;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Response};

use super::bodies::{described, integer};
use crate::http::problem::Problem;

/// Every error that an operation can answer, with what it means.
const ERRORS: [(StatusCode, &str); 14] = [
    (
        StatusCode::BAD_REQUEST,
        "Something is not what it must be: `field`, and in a body `index`, say where.",
    ),
    (StatusCode::UNAUTHORIZED, "The token is missing or not known."),
    (StatusCode::FORBIDDEN, "The token does not allow this."),
    (StatusCode::METHOD_NOT_ALLOWED, "The path has other methods."),
    (StatusCode::NOT_ACCEPTABLE, "It cannot be had in a format that `accept` allows."),
    (StatusCode::REQUEST_TIMEOUT, "The body did not come in time."),
    (StatusCode::CONFLICT, "A sum would exceed 2^63-1. Nothing was changed."),
    (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large."),
    (StatusCode::URI_TOO_LONG, "The path or the query string is too long."),
    (
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "The content type or encoding is not one of those described.",
    ),
    (
        StatusCode::UNPROCESSABLE_ENTITY,
        "The idempotency key was used for another body. Nothing was changed.",
    ),
    (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "There are too many headers, or too long ones."),
    (StatusCode::INTERNAL_SERVER_ERROR, "It could not be written."),
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "Too much is going on, or the store cannot be used. Try again.",
    ),
];

/// The errors as components, by their names.
pub(super) fn components() -> impl Iterator<Item = (String, RefOr<Response>)> {
    ERRORS.iter().map(|(status, meaning)| (name(*status), problem(*status, meaning).into()))
}

/// Gives a type its errors.
macro_rules! errors {
    ($(#[$comment:meta])* $name:ident => $($status:ident)+) => {
        $(#[$comment])*
        pub(in crate::http) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                [$(StatusCode::$status),+].into_iter().map(reference).collect()
            }
        }
    };
}

errors! {
    /// What can go wrong where nothing is needed.
    OpenErrors => METHOD_NOT_ALLOWED URI_TOO_LONG REQUEST_HEADER_FIELDS_TOO_LARGE SERVICE_UNAVAILABLE
}

errors! {
    /// What can go wrong with the metrics.
    MetricsErrors =>
        UNAUTHORIZED FORBIDDEN METHOD_NOT_ALLOWED URI_TOO_LONG REQUEST_HEADER_FIELDS_TOO_LARGE
        INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE
}

errors! {
    /// What can go wrong in a read that has one format.
    ReadErrors =>
        BAD_REQUEST UNAUTHORIZED FORBIDDEN METHOD_NOT_ALLOWED URI_TOO_LONG
        REQUEST_HEADER_FIELDS_TOO_LARGE SERVICE_UNAVAILABLE
}

errors! {
    /// What can go wrong in a read that has several formats.
    TableErrors =>
        BAD_REQUEST UNAUTHORIZED FORBIDDEN METHOD_NOT_ALLOWED NOT_ACCEPTABLE URI_TOO_LONG
        REQUEST_HEADER_FIELDS_TOO_LARGE SERVICE_UNAVAILABLE
}

errors! {
    /// What can go wrong in a batch.
    BatchErrors =>
        BAD_REQUEST UNAUTHORIZED FORBIDDEN METHOD_NOT_ALLOWED REQUEST_TIMEOUT CONFLICT
        PAYLOAD_TOO_LARGE URI_TOO_LONG UNSUPPORTED_MEDIA_TYPE REQUEST_HEADER_FIELDS_TOO_LARGE
        SERVICE_UNAVAILABLE
}

errors! {
    /// What can go wrong in a direct write.
    WriteErrors =>
        BAD_REQUEST UNAUTHORIZED FORBIDDEN METHOD_NOT_ALLOWED REQUEST_TIMEOUT CONFLICT
        PAYLOAD_TOO_LARGE URI_TOO_LONG UNSUPPORTED_MEDIA_TYPE UNPROCESSABLE_ENTITY
        REQUEST_HEADER_FIELDS_TOO_LARGE SERVICE_UNAVAILABLE
}

fn reference(status: StatusCode) -> (String, RefOr<Response>) {
    (status.as_str().to_owned(), RefOr::Ref(Ref::from_response_name(name(status))))
}

fn name(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or_default().replace(' ', "")
}

fn problem(status: StatusCode, meaning: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(described::<Problem>())).build();
    let response =
        ResponseBuilder::new().description(meaning).content("application/problem+json", content);
    let text = || ObjectBuilder::new().schema_type(Type::String).build();
    let (name, schema, description) = match status {
        StatusCode::UNAUTHORIZED => (header::WWW_AUTHENTICATE, text(), "`Bearer`"),
        StatusCode::METHOD_NOT_ALLOWED => (header::ALLOW, text(), "The methods of the path."),
        StatusCode::SERVICE_UNAVAILABLE => {
            (header::RETRY_AFTER, integer(0, u32::MAX.into()), "Seconds to wait.")
        }
        _ => return response.build(),
    };
    let header = HeaderBuilder::new().schema(schema).description(Some(description)).build();
    response.header(name.as_str(), header).build()
}
