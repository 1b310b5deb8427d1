//! `Rows`: the rows of an hour that pass a filter, in key order, added up over the sources.

use std::collections::VecDeque;

use flow_model::{FlowKey, Hour, Name};

use super::cursor::Cursor;
use super::union::union;
use crate::store::embedded::hour_table::{KeyIds, Record};
use crate::store::embedded::journal::{JournalError, damaged};
use crate::store::embedded::names::NameId;
use crate::store::{Filter, NameField, Pattern, Position, Row, Sides};

pub(in crate::store::embedded) struct Rows {
    hour: Hour,
    heads: Vec<Head>,
    names: Vec<Name<'static>>,
    /// By field, which names may stand in it; none if all may.
    allowed: [Option<Vec<bool>>; 3],
    /// The ranges of `src_app` that are still to be read, in order: keys sort by it first, so
    /// that the others need not be looked at.
    ranges: VecDeque<Pattern>,
    range: Option<Pattern>,
    after: Option<Position>,
}

/// A source, and its next record.
struct Head {
    cursor: Cursor,
    /// The places of the source's names in the list of all names; none if they are its own.
    places: Option<Vec<u32>>,
    next: Option<Record>,
}

impl Head {
    fn advance(&mut self) -> Result<(), JournalError> {
        self.next = self.cursor.next()?;
        if let (Some(record), Some(places)) = (&mut self.next, &self.places) {
            record.key = record.key.map(|id| places.get(id as usize).copied().unwrap_or_default());
        }
        Ok(())
    }
}

impl Rows {
    /// The rows of one source, whose names keep their numbers.
    pub(super) fn of_one(
        hour: Hour,
        cursor: Cursor,
        filter: &Filter,
        after: Option<&Position>,
    ) -> Result<Self, JournalError> {
        let allowed = allowed(filter, || cursor.names());
        let head = Head { cursor, places: None, next: None };
        Ok(Self::new(hour, vec![head], Vec::new(), allowed, filter, after))
    }

    /// The rows of several sources, their names numbered in order.
    pub(super) fn of_many(
        hour: Hour,
        cursors: Vec<Cursor>,
        filter: &Filter,
        after: Option<&Position>,
    ) -> Result<Self, JournalError> {
        let (names, places) = union(&cursors);
        let heads = cursors.into_iter().zip(places);
        let heads = heads.map(|(cursor, places)| Head { cursor, places: Some(places), next: None });
        let allowed = allowed(filter, || names.iter());
        Ok(Self::new(hour, heads.collect(), names, allowed, filter, after))
    }

    fn new(
        hour: Hour,
        heads: Vec<Head>,
        names: Vec<Name<'static>>,
        allowed: [Option<Vec<bool>>; 3],
        filter: &Filter,
        after: Option<&Position>,
    ) -> Self {
        let ranges = source_ranges(filter);
        let mut rows =
            Self { hour, heads, names, allowed, ranges, range: None, after: after.cloned() };
        if filter.on(NameField::SrcApp).next().is_none() && !filter.is_empty() {
            rows.sieve();
        }
        rows
    }

    /// The names of rows of several sources.
    pub fn names(&self) -> &[Name<'static>] {
        &self.names
    }

    /// The next record, and its row's names by number.
    pub fn next(&mut self) -> Result<Option<Record>, JournalError> {
        loop {
            let Some(range) = &self.range else {
                if !self.enter_next_range()? {
                    return Ok(None);
                }
                continue;
            };
            let record = match self.heads.as_slice() {
                [head] => head.next,
                _ => self.lowest(),
            };
            let Some(record) = record else {
                self.range = None;
                continue;
            };
            let [src_app, ..] = record.key;
            let Some(name) = self.name(src_app) else {
                return Err(damaged("an hour's records", &"a name is missing"));
            };
            if !range.matches(name) {
                self.range = None;
                continue;
            }
            let record = self.take(record)?;
            if self.is_allowed(&record.key) {
                return Ok(Some(record));
            }
        }
    }

    /// The row of a record that [`Self::next`] gave.
    pub fn row(&self, record: Record) -> Option<Row<'_>> {
        let [src_app, dest_app, vpc_id] = record.key;
        let name = |id| self.name(id).map(Name::by_ref);
        let key =
            FlowKey { src_app: name(src_app)?, dest_app: name(dest_app)?, vpc_id: name(vpc_id)? };
        Some(Row { hour: self.hour, key, sides: record.sides })
    }

    /// A name by its number.
    pub fn name(&self, id: NameId) -> Option<&Name<'static>> {
        match self.heads.as_slice() {
            [Head { cursor, places: None, .. }] => cursor.name(id),
            _ => self.names.get(id as usize),
        }
    }

    fn sieve(&mut self) {
        if let [Head { cursor, places: None, .. }] = self.heads.as_mut_slice() {
            let allowed = &self.allowed;
            cursor.sieve(|key| passes(allowed, key));
        }
    }

    fn is_allowed(&self, key: &KeyIds) -> bool {
        passes(&self.allowed, key)
    }

    /// Goes to the start of the next range; false if there is none.
    fn enter_next_range(&mut self) -> Result<bool, JournalError> {
        let Some(range) = self.ranges.pop_front() else { return Ok(false) };
        let (Pattern::Exact(first) | Pattern::Prefix(first)) = &range;
        let after = self.after.as_ref().map(|after| {
            let key = &after.key;
            [key.src_app.as_str(), key.dest_app.as_str(), key.vpc_id.as_str()]
        });
        let is_before = |key: [&str; 3]| {
            let [src_app, ..] = key;
            src_app < first.as_str() || after.is_some_and(|after| key <= after)
        };
        for head in &mut self.heads {
            head.cursor.seek(is_before)?;
            head.advance()?;
        }
        self.range = Some(range);
        Ok(true)
    }

    /// The lowest of the next records.
    fn lowest(&self) -> Option<Record> {
        self.heads.iter().filter_map(|head| head.next).min_by_key(|record| record.key)
    }

    /// Takes a key's record from every source, and adds them up.
    fn take(&mut self, record: Record) -> Result<Record, JournalError> {
        if let [head] = self.heads.as_mut_slice() {
            head.advance()?;
            return Ok(record);
        }
        let mut sum = Record { key: record.key, sides: Sides::default() };
        for head in &mut self.heads {
            if let Some(next) = head.next.filter(|next| next.key == record.key) {
                let added = sum.sides.checked_add(next.sides);
                sum.sides = added.map_err(|error| damaged("an hour's counters", &error))?;
                head.advance()?;
            }
        }
        Ok(sum)
    }
}

/// Whether all names of a key may stand where they do.
pub(in crate::store::embedded) fn passes(allowed: &[Option<Vec<bool>>; 3], key: &KeyIds) -> bool {
    allowed.iter().zip(key).all(|(allowed, id)| {
        allowed.as_ref().is_none_or(|allowed| allowed.get(*id as usize).copied().unwrap_or(false))
    })
}

/// By field, which of the names the filter lets stand in it.
pub(in crate::store::embedded) fn allowed<'a, I: Iterator<Item = &'a Name<'static>>>(
    filter: &Filter,
    names: impl Fn() -> I,
) -> [Option<Vec<bool>>; 3] {
    NameField::ALL.map(|field| {
        filter.on(field).next()?;
        Some(names().map(|name| filter.allows(field, name)).collect())
    })
}

/// Ranges of `src_app` that hold all that the filter lets pass, in order and apart.
fn source_ranges(filter: &Filter) -> VecDeque<Pattern> {
    let Some(condition) = filter.on(NameField::SrcApp).next() else {
        return VecDeque::from([Pattern::Prefix(String::new())]);
    };
    let mut patterns = condition.any_of.clone();
    let text = |pattern: &Pattern| match pattern {
        Pattern::Exact(text) => (text.clone(), true),
        Pattern::Prefix(text) => (text.clone(), false),
    };
    patterns.sort_by_key(text);
    let mut ranges: VecDeque<Pattern> = VecDeque::new();
    for pattern in patterns {
        let (first, _) = text(&pattern);
        // A prefix comes before all that it holds.
        if !ranges.back().is_some_and(|before| before.matches(&first)) {
            ranges.push_back(pattern);
        }
    }
    ranges
}
