//! `/v1/hints`: values of a field for autocompletion.

use flow_model::{Hour, Name};

use axum::response::Response;

use super::{DOCUMENT_FORMATS, ReadRequest, answer};
use crate::http::openapi::answers::HintsAnswer;
use crate::http::openapi::errors::TableErrors;
use crate::http::openapi::parameters::{HintsParameters, SelectionParameters};
use crate::http::params::{ParamError, Query, SelectionParams};
use crate::http::problem::Problem;
use crate::limits::{DEFAULT_HINTS, HINT_HOURS, MAX_HINTS};
use crate::query::Hints;
use crate::store::{GroupBy, NameField, OrderBy, Pattern, ReadError, Selection, Store};

/// What is asked for.
#[derive(Debug)]
struct HintsQuery {
    selection: SelectionParams,
    field: NameField,
    limit: usize,
}

impl HintsQuery {
    fn take(mut query: Query) -> Result<Self, ParamError> {
        let mut selection = SelectionParams::take(&mut query)?;
        let (field, prefix) = (query.one("field")?, query.one("prefix")?);
        let limit = query.limit(MAX_HINTS)?;
        query.finish()?;
        let field = field.ok_or_else(|| ParamError::bad("field", "is missing"))?;
        let field = NameField::ALL.into_iter().find(|one| one.as_str() == field);
        let field =
            field.ok_or_else(|| ParamError::bad("field", "must be src_app, dest_app or vpc_id"))?;
        if let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) {
            // What no name can start with is a mistake.
            Name::new(prefix.as_str())
                .map_err(|error| ParamError::bad("prefix", error.to_string()))?;
            selection.filter.require(field, vec![Pattern::Prefix(prefix)]);
        }
        Ok(Self { selection, field, limit: limit.unwrap_or(DEFAULT_HINTS) })
    }
}

/// Values of a field, for autocompletion: of the latest 24 hours that have flows, unless hours are
/// given.
#[utoipa::path(
    get,
    path = "/v1/hints",
    operation_id = "readHints",
    tag = "reads",
    params(SelectionParameters, HintsParameters),
    responses(HintsAnswer, TableErrors)
)]
pub(in crate::http) async fn read(request: ReadRequest) -> Result<Response, Problem> {
    let format = request.format(&DOCUMENT_FORMATS)?;
    let HintsQuery { selection, field, limit } = HintsQuery::take(request.query.clone())?;
    let hours_are_given = selection.hours.is_some();
    let mut selection = request.visible(selection.or_all_hours());
    let _place = request.place().await?;
    let store = &*request.app.store;
    if !hours_are_given {
        selection.hours = latest_hours(store).await?;
    }
    let by_name = GroupBy::name(field);
    let summary = store.summarize(selection, by_name, OrderBy::BytesTotal, limit).await?;
    answer(&Hints::new(summary), format)
}

/// The latest hours that have flows, whosever they are.
async fn latest_hours(store: &dyn Store) -> Result<std::ops::RangeInclusive<Hour>, ReadError> {
    let hours = store.hours(Selection::all()).await?;
    let first = hours.get(hours.len().saturating_sub(HINT_HOURS));
    Ok(first.map_or(0, |(hour, _)| *hour)..=Hour::MAX)
}
