//! `RowScan`: the rows of a read, hour after hour.

use flow_model::Reporter;

use super::hour_table::Record;
use super::hour_view::{HourView, Rows};
use super::journal::JournalError;
use crate::store::{Filter, Position, ReadError, Row, Scan};

pub(super) struct RowScan {
    views: std::vec::IntoIter<HourView>,
    filter: Filter,
    reporter: Option<Reporter>,
    after: Option<Position>,
    left: usize,
    rows: Option<Rows>,
}

impl RowScan {
    pub fn new(
        views: Vec<HourView>,
        filter: Filter,
        reporter: Option<Reporter>,
        after: Option<Position>,
        limit: Option<usize>,
    ) -> Self {
        let left = limit.unwrap_or(usize::MAX);
        Self { views: views.into_iter(), filter, reporter, after, left, rows: None }
    }

    /// Opens the first hour, which may take long: not for a thread that others wait on.
    pub fn open_first(mut self) -> Result<Self, ReadError> {
        self.open_next()?;
        Ok(self)
    }

    fn open_next(&mut self) -> Result<(), ReadError> {
        self.rows = None;
        for view in self.views.by_ref() {
            let after = self.after.as_ref();
            if after.is_some_and(|after| after.hour > view.hour()) {
                continue;
            }
            let after = after.filter(|after| after.hour == view.hour());
            self.rows = Some(view.rows(&self.filter, after).map_err(read_error)?);
            break;
        }
        Ok(())
    }
}

impl Scan for RowScan {
    fn next(&mut self) -> Result<Option<Row<'_>>, ReadError> {
        if self.left == 0 {
            return Ok(None);
        }
        let record = loop {
            let Some(rows) = &mut self.rows else { return Ok(None) };
            let Some(record) = rows.next().map_err(read_error)? else {
                self.open_next()?;
                continue;
            };
            if let Some(sides) = record.sides.selected(self.reporter) {
                break Record { sides, ..record };
            }
        };
        self.left -= 1;
        let row = self.rows.as_ref().and_then(|rows| rows.row(record));
        row.map_or_else(|| Err(ReadError("a record has no names".to_owned())), |row| Ok(Some(row)))
    }
}

pub(super) fn read_error(error: JournalError) -> ReadError {
    ReadError(error.to_string())
}
