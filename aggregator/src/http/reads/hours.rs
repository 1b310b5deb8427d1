//! `/v1/hours`: which hours there are, what is in them, and whether that is all.

use axum::response::Response;

use super::{DOCUMENT_FORMATS, ReadRequest, answer};
use crate::http::openapi::answers::HoursAnswer;
use crate::http::openapi::errors::TableErrors;
use crate::http::openapi::parameters::SelectionParameters;
use crate::http::params::SelectionParams;
use crate::http::problem::Problem;
use crate::query::{HourRow, Hours};

/// Which hours have flows, and what they add up to.
#[utoipa::path(
    get,
    path = "/v1/hours",
    operation_id = "readHours",
    tag = "reads",
    params(SelectionParameters),
    responses(HoursAnswer, TableErrors)
)]
pub(in crate::http) async fn read(request: ReadRequest) -> Result<Response, Problem> {
    let format = request.format(&DOCUMENT_FORMATS)?;
    let mut query = request.query.clone();
    let selection = SelectionParams::take(&mut query)?;
    query.finish()?;
    let selection = request.visible(selection.or_all_hours());
    let _place = request.place().await?;
    let store = &*request.app.store;
    let overview = request.app.completeness.overview(store).await?;
    let hours = store.hours(selection).await?.into_iter();
    let row = |(hour, totals)| HourRow::new(hour, &totals, overview.verdict(hour).complete);
    answer(&Hours { hours: hours.map(row).collect() }, format)
}
