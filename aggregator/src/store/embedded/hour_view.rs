//! `HourView`: an hour at an instant, wherever it is: in memory, on disk, or partly on disk with
//! what was written since then in memory.

mod cursor;
mod rows;
mod union;

use flow_model::Hour;

use self::cursor::Cursor;
pub(super) use self::rows::{Rows, allowed, passes};
use super::hour_table::HourSnapshot;
use super::journal::JournalError;
use super::journal::run::Run;
use crate::store::{Filter, Position};

#[derive(Clone)]
pub(super) struct HourView {
    hour: Hour,
    /// What must be added up, key by key.
    sources: Vec<Source>,
}

#[derive(Clone)]
pub(super) enum Source {
    Table(HourSnapshot),
    Run(Run),
}

impl HourView {
    pub fn new(hour: Hour, sources: Vec<Source>) -> Self {
        Self { hour, sources }
    }

    pub fn hour(&self) -> Hour {
        self.hour
    }

    /// The table that is all of the hour, if it is one.
    pub fn as_table(&self) -> Option<&HourSnapshot> {
        match self.sources.as_slice() {
            [Source::Table(snapshot)] => Some(snapshot),
            _ => None,
        }
    }

    /// The rows that pass a filter, in key order, after a position.
    pub fn rows(&self, filter: &Filter, after: Option<&Position>) -> Result<Rows, JournalError> {
        match self.sources.as_slice() {
            [source] => Rows::of_one(self.hour, Cursor::open(source)?, filter, after),
            sources => Rows::of_many(self.hour, open_all(sources)?, filter, after),
        }
    }

    /// All rows in key order, their names numbered in order.
    pub fn ranked(&self) -> Result<Rows, JournalError> {
        let cursors = open_all(&self.sources)?;
        Rows::of_many(self.hour, cursors, &Filter::default(), None)
    }
}

fn open_all(sources: &[Source]) -> Result<Vec<Cursor>, JournalError> {
    sources.iter().map(Cursor::open).collect()
}
