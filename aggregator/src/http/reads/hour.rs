//! `GET /flows?hour=N`: the flows of an hour as one JSON array, whatever their number.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use flow_model::Hour;

use super::{ReadRequest, body};
use crate::http::openapi::bodies::FlowObject;
use crate::http::openapi::errors::ReadErrors;
use crate::http::openapi::parameters::HourParameter;
use crate::http::params::{ParamError, Query};
use crate::http::problem::Problem;
use crate::query::{Format, Pieces};
use crate::store::Selection;

/// The flows of an hour, all of them.
#[utoipa::path(
    get, path = "/flows", operation_id = "readHour", tag = "reads",
    params(HourParameter),
    responses(
        (status = 200, description = "In order of their keys.", body = [FlowObject]),
        ReadErrors,
    ),
)]
pub(in crate::http) async fn read(request: ReadRequest) -> Result<Response, Problem> {
    let hour = parse(request.query.clone())?;
    let selection = request.visible(Selection::hour(hour));
    let place = request.place().await?;
    let scan = request.app.store.scan(selection, None, None).await?;
    let body = body(Pieces::new(scan, Format::Json)?, place).await?;
    let content_type = HeaderValue::from_static(Format::Json.content_type());
    Ok(([(header::CONTENT_TYPE, content_type)], body).into_response())
}

/// The one parameter, `hour`.
fn parse(mut query: Query) -> Result<Hour, ParamError> {
    let hour = query.integer("hour", 0..=Hour::MAX.into())?;
    query.finish()?;
    let hour = hour.and_then(|hour| Hour::try_from(hour).ok());
    hour.ok_or_else(|| ParamError::bad("hour", "is missing: /flows?hour=N"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_digits_in_range_given_once() {
        let parse = |text: &str| parse(Query::parse(text)?);
        assert_eq!(parse("hour=0"), Ok(0));
        assert_eq!(parse("hour=4294967295"), Ok(Hour::MAX));
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
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
