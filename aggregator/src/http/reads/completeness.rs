//! `/v1/completeness`: whether an hour is complete, and who keeps it from being so.

use axum::Json;

use super::ReadRequest;
use crate::http::openapi::errors::ReadErrors;
use crate::http::openapi::parameters::CompletenessParameters;
use crate::http::params;
use crate::http::problem::Problem;
use crate::limits::{DEFAULT_WITNESSES, MAX_WITNESSES};
use crate::query::HourCompleteness;

/// Whether all that filters saw in an hour has arrived, and which of them are outstanding, lost
/// or have a wrong clock. Readers that are limited to certain VPCs are told only whether and why.
#[utoipa::path(
    get,
    path = "/v1/completeness",
    operation_id = "readCompleteness",
    tag = "reads",
    params(CompletenessParameters),
    responses(
        (status = 200, description = "What is known of it.", body = HourCompleteness),
        ReadErrors,
    ),
)]
pub(in crate::http) async fn read(request: ReadRequest) -> Result<Json<HourCompleteness>, Problem> {
    let mut query = request.query.clone();
    let hour = params::take_hour(&mut query)?;
    let limit = query.limit(MAX_WITNESSES)?.unwrap_or(DEFAULT_WITNESSES);
    query.finish()?;
    let _place = request.place().await?;
    let (completeness, store) = (&request.app.completeness, &*request.app.store);
    if !request.may_see_instances() {
        let verdict = completeness.overview(store).await?.verdict(hour);
        return Ok(Json(HourCompleteness::without_instances(hour, &verdict)));
    }
    let report = completeness.report(store, hour, limit).await?;
    Ok(Json(HourCompleteness::new(hour, report)))
}
