//! `SelectionParams`: the parameters that all reads share: hours and names.

use flow_model::{Hour, Reporter};

use super::hours::{self, Hours};
use super::{ParamError, Query, pattern};
use crate::limits::MAX_FILTER_VALUES;
use crate::store::{Filter, NameField, Selection};

/// What was asked for. What the asker may see is not in here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct SelectionParams {
    /// The hours, if anything was said about them.
    pub hours: Option<Hours>,
    /// The conditions on names.
    pub filter: Filter,
    /// The side whose counters are meant, if only one is.
    pub reporter: Option<Reporter>,
}

impl SelectionParams {
    /// Takes `hour`, `from`, `to`, `src_app`, `dest_app`, `vpc_id`, `reporter`.
    pub fn take(query: &mut Query) -> Result<Self, ParamError> {
        let both_sides = Self::take_for_both_sides(query)?;
        Ok(Self { reporter: take_reporter(query)?, ..both_sides })
    }

    /// Takes the same without `reporter`.
    pub fn take_for_both_sides(query: &mut Query) -> Result<Self, ParamError> {
        let hours = hours::take(query)?;
        let mut filter = Filter::default();
        let mut left = MAX_FILTER_VALUES;
        for field in NameField::ALL {
            let mut values = query.all(field.as_str());
            left = left.checked_sub(values.len()).ok_or_else(|| {
                let reason = format!("a read has at most {MAX_FILTER_VALUES} names in all");
                ParamError::bad(field.as_str(), reason)
            })?;
            if values.is_empty() {
                continue;
            }
            // The order in which names are given makes no difference, also not for a cursor.
            values.sort_unstable();
            values.dedup();
            let patterns = values.iter().map(|value| {
                pattern::parse(value)
                    .map_err(|error| ParamError::bad(field.as_str(), error.to_string()))
            });
            filter.require(field, patterns.collect::<Result<_, _>>()?);
        }
        Ok(Self { hours, filter, reporter: None })
    }

    /// The selection where it must be said where the hours begin.
    pub fn with_begin(self) -> Result<Selection, ParamError> {
        match self.hours {
            Some(Hours { range, has_begin: true }) => {
                Ok(Selection { hours: range, filter: self.filter, reporter: self.reporter })
            }
            _ => Err(ParamError::bad("hour", "is missing: give hour, or from, or from and to")),
        }
    }

    /// The selection where hours may be left out; then all are meant.
    pub fn or_all_hours(self) -> Selection {
        let hours = self.hours.map_or(0..=Hour::MAX, |hours| hours.range);
        Selection { hours, filter: self.filter, reporter: self.reporter }
    }
}

fn take_reporter(query: &mut Query) -> Result<Option<Reporter>, ParamError> {
    let Some(word) = query.one("reporter")? else { return Ok(None) };
    let reporter = Reporter::parse(&word).map(Some);
    reporter.ok_or_else(|| ParamError::bad("reporter", "must be source or destination"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Pattern;

    fn take(text: &str) -> Result<SelectionParams, ParamError> {
        let mut query = Query::parse(text)?;
        let params = SelectionParams::take(&mut query)?;
        query.finish().map(|()| params)
    }

    #[test]
    fn names_of_one_field_are_alternatives_in_any_order() {
        let params = take("src_app=b&vpc_id=v&src_app=a*&src_app=b").unwrap();
        let mut expected = Filter::default();
        let patterns = vec![Pattern::Prefix("a".to_owned()), Pattern::Exact("b".to_owned())];
        expected.require(NameField::SrcApp, patterns);
        expected.require(NameField::VpcId, vec![Pattern::Exact("v".to_owned())]);
        assert_eq!(params.filter, expected);
        assert_eq!(params.or_all_hours().hours, 0..=Hour::MAX);
    }

    #[test]
    fn a_reporter_is_one_of_two_words() {
        assert_eq!(take("").unwrap().or_all_hours().reporter, None);
        let one = take("hour=1&reporter=destination").unwrap().with_begin().unwrap();
        assert_eq!(one.reporter, Some(Reporter::Destination));
        for bad in ["reporter=", "reporter=both", "reporter=source&reporter=source"] {
            let Err(ParamError::Bad { name, .. }) = take(bad) else { panic!("{bad}") };
            assert_eq!(name, "reporter");
        }
        let mut query = Query::parse("reporter=source").unwrap();
        assert!(SelectionParams::take_for_both_sides(&mut query).is_ok());
        assert!(query.finish().is_err(), "not known where both sides are meant");
    }

    #[test]
    fn the_number_of_names_is_bounded_in_all() {
        let names = |field: &str, count: usize| format!("{field}=a&").repeat(count);
        let most = names("src_app", MAX_FILTER_VALUES - 1) + &names("vpc_id", 1);
        assert!(take(&most).is_ok());
        let Err(ParamError::Bad { name, .. }) = take(&format!("{most}vpc_id=a")) else { panic!() };
        assert_eq!(name, "vpc_id");
    }

    #[test]
    fn where_hours_begin_must_be_said_where_all_would_be_too_much() {
        assert!(take("from=1").unwrap().with_begin().is_ok());
        assert!(take("hour=1").unwrap().with_begin().is_ok());
        for text in ["", "to=1", "src_app=a"] {
            let Err(ParamError::Bad { name, .. }) = take(text).unwrap().with_begin() else {
                panic!("{text}");
            };
            assert_eq!(name, "hour");
        }
    }
}
