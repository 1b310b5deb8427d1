//! Reading: from a snapshot to bytes, a piece at a time, so that an answer of any size costs a
//! fixed amount of memory beyond the snapshot. Knows the store and formats, not HTTP.

mod audit;
mod completeness;
mod document;
mod encode;
mod hour_report;
mod page;
mod pieces;
mod rows;

pub(crate) use self::audit::{Audit, audit};
pub(crate) use self::completeness::Completeness;
pub(crate) use self::document::{Document, render};
pub(crate) use self::hour_report::HourCompleteness;
pub(crate) use self::page::{Page, page};
pub(crate) use self::pieces::Pieces;
pub(crate) use self::rows::{Hints, HourRow, Hours, InstanceRow, Instances, SummaryReport};

/// A format that answers can be given in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON document.
    Json,
    /// A JSON document on each line.
    Ndjson,
    /// RFC 4180, with a header line.
    Csv,
    /// Arrow's IPC stream.
    #[cfg(feature = "arrow")]
    Arrow,
}
