//! A naive reading of query strings, for the fuzz target.

use super::{Cursor, Query, SelectionParams};
use crate::limits::MAX_PAGE_ROWS;
use crate::store::NameField;

/// Checks that a query string is taken or refused, and what it selects if it is taken.
#[expect(clippy::panic, reason = "a fuzz target fails by panicking")]
pub(crate) fn check(text: &str) {
    let Ok(mut query) = Query::parse(text) else { return };
    let Ok(selection) = SelectionParams::take(&mut query) else { return };
    let _ = query.limit(MAX_PAGE_ROWS);
    let _ = Cursor::take(&mut query);
    let selection = selection.or_all_hours();
    let pairs: Vec<(String, String)> =
        form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    for field in NameField::ALL {
        let given = pairs.iter().filter(|(name, _)| name == field.as_str());
        let exact = given.filter(|(_, value)| !value.ends_with('*'));
        for (_, value) in exact {
            if !selection.filter.allows(field, value) {
                panic!("{text:?} does not select its own {}={value:?}", field.as_str());
            }
        }
    }
}
