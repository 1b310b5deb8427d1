//! `/v1/audit`: flows whose two sides did not report the same.

use axum::response::Response;

use super::{DOCUMENT_FORMATS, ReadRequest, answer, blocking};
use crate::http::openapi::answers::AuditAnswer;
use crate::http::openapi::errors::TableErrors;
use crate::http::openapi::parameters::{AuditParameters, FlowSelectionParameters};
use crate::http::params::{ParamError, Query, SelectionParams};
use crate::http::problem::Problem;
use crate::limits::{DEFAULT_AUDIT_ROWS, MAX_PAGE_ROWS};
use crate::query::audit;
use crate::store::Selection;

/// The word that asks for flows that one side alone has reported.
pub(in crate::http) const ONE_SIDED: &str = "one_sided";

/// What is asked for.
#[derive(Debug)]
struct AuditQuery {
    selection: Selection,
    one_sided: bool,
    limit: usize,
}

impl AuditQuery {
    fn take(mut query: Query) -> Result<Self, ParamError> {
        let selection = SelectionParams::take_for_both_sides(&mut query)?;
        let include = query.one("include")?;
        let limit = query.limit(MAX_PAGE_ROWS)?;
        query.finish()?;
        if include.as_ref().is_some_and(|word| word != ONE_SIDED) {
            return Err(ParamError::bad("include", format!("must be {ONE_SIDED}")));
        }
        Ok(Self {
            selection: selection.with_begin()?,
            one_sided: include.is_some(),
            limit: limit.unwrap_or(DEFAULT_AUDIT_ROWS),
        })
    }
}

/// Flows whose two sides did not report the same, those with the largest difference first.
#[utoipa::path(
    get,
    path = "/v1/audit",
    operation_id = "audit",
    tag = "reads",
    params(FlowSelectionParameters, AuditParameters),
    responses(AuditAnswer, TableErrors)
)]
pub(in crate::http) async fn read(request: ReadRequest) -> Result<Response, Problem> {
    let format = request.format(&DOCUMENT_FORMATS)?;
    let AuditQuery { selection, one_sided, limit } = AuditQuery::take(request.query.clone())?;
    let selection = request.visible(selection);
    let _place = request.place().await?;
    let complete = request.is_complete(&selection).await?;
    let mut scan = request.app.store.scan(selection, None, None).await?;
    let mut found = blocking(move || audit(&mut *scan, one_sided, limit)).await?;
    found.complete = complete;
    answer(&found, format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sided_flows_are_listed_only_on_request() {
        let take = |text: &str| AuditQuery::take(Query::parse(text).unwrap());
        let plain = take("hour=1").unwrap();
        assert_eq!((plain.one_sided, plain.limit), (false, DEFAULT_AUDIT_ROWS));
        assert!(take("from=1&to=3&include=one_sided").unwrap().one_sided);
        for bad in ["", "hour=1&include=", "hour=1&include=all", "hour=1&reporter=source"] {
            assert!(take(bad).is_err(), "{bad}");
        }
    }
}
