//! `StreamQuery`: what a stream is asked for, and where it is to be resumed.

use axum::http::HeaderMap;
use flow_model::limits::MAX_COUNTER;

use crate::http::params::{ParamError, Query, SelectionParams};

/// The header by which a browser says where it was.
const LAST_EVENT_ID: &str = "last-event-id";

/// What is asked for.
pub(super) struct StreamQuery {
    pub selection: SelectionParams,
    /// The last event that the reader knows.
    pub after: Option<u64>,
}

impl StreamQuery {
    /// Takes the parameters, and the header.
    pub fn take(mut query: Query, headers: &HeaderMap) -> Result<Self, ParamError> {
        let selection = SelectionParams::take(&mut query)?;
        let after = query.integer("last_event_id", 0..=MAX_COUNTER)?;
        query.finish()?;
        // The header is newer: the parameter is from the first connection.
        Ok(Self { selection, after: last_event_id(headers)?.or(after) })
    }
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, ParamError> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let id = text.and_then(|text| text.parse().ok()).filter(|id| *id <= MAX_COUNTER);
    id.map(Some).ok_or_else(|| ParamError::bad(LAST_EVENT_ID, "must be the id of an event"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(query: &str, header: Option<&str>) -> Option<Option<u64>> {
        let headers = header.map(|value| (LAST_EVENT_ID.parse().unwrap(), value.parse().unwrap()));
        let params =
            StreamQuery::take(Query::parse(query).unwrap(), &headers.into_iter().collect());
        params.ok().map(|params| params.after)
    }

    #[test]
    fn the_header_wins_over_the_parameter() {
        assert_eq!(after("", None), Some(None));
        assert_eq!(after("last_event_id=5", None), Some(Some(5)));
        assert_eq!(after("last_event_id=5", Some("7")), Some(Some(7)));
        for bad in ["", "x", "-1", "+1", "1.0", "99999999999999999999"] {
            assert_eq!(after("", Some(bad)), None, "{bad}");
        }
        assert_eq!(after("last_event_id=x", None), None);
    }
}
