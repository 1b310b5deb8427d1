//! `/v1/instances`: who delivers, and how far it has come.

use axum::response::{IntoResponse, Response};

use super::{DOCUMENT_FORMATS, ReadRequest, answer};
use crate::http::openapi::answers::InstancesAnswer;
use crate::http::openapi::errors::TableErrors;
use crate::http::openapi::parameters::InstancePageParameters;
use crate::http::params::Cursor;
use crate::http::problem::Problem;
use crate::limits::{DEFAULT_PAGE_ROWS, MAX_PAGE_ROWS};
use crate::query::{InstanceRow, Instances};

/// Who delivers, and how far it has come.
#[utoipa::path(
    get,
    path = "/v1/instances",
    operation_id = "readInstances",
    tag = "reads",
    params(InstancePageParameters),
    responses(InstancesAnswer, TableErrors)
)]
pub(in crate::http) async fn read(request: ReadRequest) -> Result<Response, Problem> {
    let format = request.format(&DOCUMENT_FORMATS)?;
    let mut query = request.query.clone();
    let limit = query.limit(MAX_PAGE_ROWS)?.unwrap_or(DEFAULT_PAGE_ROWS);
    let cursor = Cursor::take(&mut query)?;
    query.finish()?;
    let after = cursor.as_ref().map(Cursor::instance).transpose()?;
    let _place = request.place().await?;
    // One more tells whether there is another page.
    let mut found = request.app.store.instances(after, limit + 1).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more);
    let next_cursor = next.map(|last| Cursor::after_instance(&last.id));
    let link = next_cursor.as_deref().map(|cursor| request.next_page("/v1/instances", cursor));
    let instances = found.into_iter().map(InstanceRow::from).collect();
    Ok((link, answer(&Instances { instances, next_cursor }, format)?).into_response())
}
