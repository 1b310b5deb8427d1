//! `/v1/summary`: who moved most.

use axum::response::Response;

use super::{DOCUMENT_FORMATS, ReadRequest, answer};
use crate::http::openapi::answers::SummaryAnswer;
use crate::http::openapi::errors::TableErrors;
use crate::http::openapi::parameters::{SelectionParameters, SummaryParameters};
use crate::http::params::{ParamError, Query, SelectionParams};
use crate::http::problem::Problem;
use crate::limits::{DEFAULT_SUMMARY_ROWS, MAX_PAGE_ROWS};
use crate::query::SummaryReport;
use crate::store::{GroupBy, NameField, OrderBy, Selection};

/// What is asked for.
#[derive(Debug)]
struct SummaryQuery {
    selection: Selection,
    group_by: GroupBy,
    order_by: OrderBy,
    limit: usize,
}

impl SummaryQuery {
    fn take(mut query: Query) -> Result<Self, ParamError> {
        let selection = SelectionParams::take(&mut query)?;
        let group_by = query.one("group_by")?.unwrap_or_default();
        let order_by = query.one("order_by")?;
        let limit = query.limit(MAX_PAGE_ROWS)?;
        query.finish()?;
        Ok(Self {
            selection: selection.with_begin()?,
            group_by: parse_group_by(&group_by)?,
            order_by: order_by.map_or(Ok(OrderBy::default()), |word| parse_order_by(&word))?,
            limit: limit.unwrap_or(DEFAULT_SUMMARY_ROWS),
        })
    }
}

/// Reads a list of fields, separated by commas.
fn parse_group_by(list: &str) -> Result<GroupBy, ParamError> {
    let mut group_by = GroupBy::default();
    for word in list.split(',').filter(|_| !list.is_empty()) {
        let name = NameField::ALL.into_iter().find(|field| field.as_str() == word);
        let flag = match name {
            Some(field) => group_by.names.get_mut(field.position()),
            None => (word == "hour").then_some(&mut group_by.hour),
        };
        let flag = flag.ok_or_else(|| {
            let reason = format!("{word:?} is none of src_app, dest_app, vpc_id, hour");
            ParamError::bad("group_by", reason)
        })?;
        if std::mem::replace(flag, true) {
            return Err(ParamError::bad("group_by", format!("{word} is given twice")));
        }
    }
    Ok(group_by)
}

fn parse_order_by(word: &str) -> Result<OrderBy, ParamError> {
    match word {
        "bytes_tx" => Ok(OrderBy::BytesTx),
        "bytes_rx" => Ok(OrderBy::BytesRx),
        "bytes_total" => Ok(OrderBy::BytesTotal),
        "flows" => Ok(OrderBy::Flows),
        other => {
            let reason = format!("{other:?} is none of bytes_tx, bytes_rx, bytes_total, flows");
            Err(ParamError::bad("order_by", reason))
        }
    }
}

/// Who moved most. The rows add up to the whole.
#[utoipa::path(
    get,
    path = "/v1/summary",
    operation_id = "summarize",
    tag = "reads",
    params(SelectionParameters, SummaryParameters),
    responses(SummaryAnswer, TableErrors)
)]
pub(in crate::http) async fn read(request: ReadRequest) -> Result<Response, Problem> {
    let format = request.format(&DOCUMENT_FORMATS)?;
    let SummaryQuery { selection, group_by, order_by, limit } =
        SummaryQuery::take(request.query.clone())?;
    let selection = request.visible(selection);
    let _place = request.place().await?;
    let complete = request.is_complete(&selection).await?;
    let summary = request.app.store.summarize(selection, group_by, order_by, limit).await?;
    let mut report = SummaryReport::new(summary, group_by);
    report.complete = complete;
    answer(&report, format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_any_subset_of_the_fields() {
        let group_by = |names, hour| Ok(GroupBy { names, hour });
        assert_eq!(parse_group_by(""), group_by([false; 3], false));
        assert_eq!(parse_group_by("hour,vpc_id"), group_by([false, false, true], true));
        assert_eq!(parse_group_by("src_app,dest_app,vpc_id,hour"), group_by([true; 3], true));
        for bad in [",", "src_app,", "src", "hour,hour", "bytes_tx", " hour", "*"] {
            assert!(parse_group_by(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn defaults_hold_when_nothing_is_said() {
        let params = SummaryQuery::take(Query::parse("hour=1").unwrap()).unwrap();
        assert_eq!((params.order_by, params.limit), (OrderBy::BytesTotal, DEFAULT_SUMMARY_ROWS));
        for bad in ["order_by=hour", "order_by=", "limit=0", "limit=10001", "group_by=&group_by="] {
            let query = Query::parse(&format!("hour=1&{bad}")).unwrap();
            assert!(SummaryQuery::take(query).is_err(), "{bad}");
        }
    }
}
