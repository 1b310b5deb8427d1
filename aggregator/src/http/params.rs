//! Parameters of reads: from the text of a query string to typed values, with errors that name
//! the parameter. Plain functions over text, which never panic; what is done with the values is
//! left to the handlers.

mod cursor;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod hours;
mod pattern;
mod query;
mod selection;

use std::borrow::Cow;

use crate::limits::MAX_QUERY_BYTES;

pub(super) use self::cursor::{Cursor, CursorScope};
pub(super) use self::hours::take_one as take_hour;
pub(super) use self::query::Query;
pub(super) use self::selection::SelectionParams;

/// What is wrong with the parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ParamError {
    /// The query string as a whole is too long.
    #[error("the query string must be at most {MAX_QUERY_BYTES} bytes")]
    TooLong,
    /// One parameter is not what it must be.
    #[error("{name}: {reason}")]
    Bad {
        /// The parameter's name.
        name: Cow<'static, str>,
        /// What is wrong with it.
        reason: String,
    },
}

impl ParamError {
    /// An error of one parameter.
    pub fn bad(name: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self::Bad { name: name.into(), reason: reason.into() }
    }
}
