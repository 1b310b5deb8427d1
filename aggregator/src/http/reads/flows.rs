//! `/v1/flows`: flows of some hours, all of them or page by page.

use axum::response::{IntoResponse, Response};

use super::{ReadRequest, blocking, body, headers};
use crate::http::openapi::answers::FlowsAnswer;
use crate::http::openapi::errors::TableErrors;
use crate::http::openapi::parameters::{FlowPageParameters, SelectionParameters};
use crate::http::params::{Cursor, CursorScope, ParamError, Query, SelectionParams};
use crate::http::problem::Problem;
use crate::limits::{DEFAULT_PAGE_ROWS, MAX_PAGE_ROWS};
use crate::query::{Format, Page, Pieces, page};
use crate::store::Selection;

const FORMATS: &[Format] = &[
    Format::Json,
    Format::Ndjson,
    Format::Csv,
    #[cfg(feature = "arrow")]
    Format::Arrow,
];

/// What is asked for.
#[derive(Debug)]
struct FlowsQuery {
    selection: Selection,
    limit: Option<usize>,
    cursor: Option<Cursor>,
}

impl FlowsQuery {
    fn take(mut query: Query) -> Result<Self, ParamError> {
        let selection = SelectionParams::take(&mut query)?;
        let limit = query.limit(MAX_PAGE_ROWS)?;
        let cursor = Cursor::take(&mut query)?;
        query.finish()?;
        Ok(Self { selection: selection.with_begin()?, limit, cursor })
    }
}

/// Flows of some hours, all of them or page by page.
#[utoipa::path(
    get,
    path = "/v1/flows",
    operation_id = "readFlows",
    tag = "reads",
    params(SelectionParameters, FlowPageParameters),
    responses(FlowsAnswer, TableErrors)
)]
pub(in crate::http) async fn read(request: ReadRequest) -> Result<Response, Problem> {
    let format = request.format(FORMATS)?;
    let params = FlowsQuery::take(request.query.clone())?;
    let selection = request.visible(params.selection);
    let scope = CursorScope::flows(&selection);
    let after = params.cursor.map(|cursor| cursor.position(scope)).transpose()?;
    // A JSON document is for programs that read it whole: it is never unbounded.
    let limit = params.limit.or((format == Format::Json).then_some(DEFAULT_PAGE_ROWS));
    let place = request.place().await?;
    let complete = match format {
        Format::Json => request.is_complete(&selection).await?,
        _ => None,
    };
    // One more tells whether there is another page.
    let mut scan = request.app.store.scan(selection, after, limit.map(|rows| rows + 1)).await?;
    let Some(rows) = limit else {
        let body = body(Pieces::new(scan, format)?, place).await?;
        return Ok((headers(format), body).into_response());
    };
    let start = if format == Format::Json { b"{\"flows\":".to_vec() } else { Vec::new() };
    let Page { mut body, next } = blocking(move || page(&mut *scan, format, rows, start)).await?;
    let cursor = next.map(|position| Cursor::after(scope, &position));
    if format == Format::Json {
        body.extend_from_slice(end_of_document(cursor.as_deref(), complete).as_bytes());
    }
    let link = cursor.map(|cursor| request.next_page("/v1/flows", &cursor));
    Ok((headers(format), link, body).into_response())
}

/// What comes after the flows: the cursor, and of one hour whether it is complete.
fn end_of_document(cursor: Option<&str>, complete: Option<Option<bool>>) -> String {
    let mut end = match cursor {
        // A cursor has no characters that JSON would have escaped.
        Some(cursor) => format!(",\"next_cursor\":\"{cursor}\""),
        None => ",\"next_cursor\":null".to_owned(),
    };
    end.push_str(match complete {
        None => "}",
        Some(Some(true)) => ",\"complete\":true}",
        Some(Some(false)) => ",\"complete\":false}",
        Some(None) => ",\"complete\":null}",
    });
    end
}
