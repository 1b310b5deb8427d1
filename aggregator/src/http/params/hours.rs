//! Hours in a query string: as numbers, or as RFC 3339 times.

use std::ops::RangeInclusive;

use flow_model::Hour;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;

use super::query::integer;
use super::{ParamError, Query};

const HOUR_SECONDS: i64 = 3_600;

/// One more than the last hour: what `to` may be, since it is not included.
const END: i64 = Hour::MAX as i64 + 1;

/// What was said about hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Hours {
    /// The hours that are meant.
    pub range: RangeInclusive<Hour>,
    /// Whether it was said where they begin.
    pub has_begin: bool,
}

/// Takes `hour`, or `from` and `to`.
pub(super) fn take(query: &mut Query) -> Result<Option<Hours>, ParamError> {
    let hour = moment(query, "hour", END - 1)?;
    let (from, to) = (moment(query, "from", END - 1)?, moment(query, "to", END)?);
    match (hour, from, to) {
        (None, None, None) => Ok(None),
        (Some(hour), None, None) => {
            let range = half_open(hour.first, hour.first + 1);
            Ok(Some(Hours { range, has_begin: true }))
        }
        (None, from, to) => {
            let begin = from.map_or(0, |from| from.first);
            let range = half_open(begin, to.map_or(END, |to| to.end));
            Ok(Some(Hours { range, has_begin: from.is_some() }))
        }
        (Some(_), Some(_), _) => Err(ParamError::bad("from", "cannot be given besides hour")),
        (Some(_), None, Some(_)) => Err(ParamError::bad("to", "cannot be given besides hour")),
    }
}

/// Takes `hour`, which must be there.
pub(in crate::http) fn take_one(query: &mut Query) -> Result<Hour, ParamError> {
    let hour = moment(query, "hour", END - 1)?;
    let hour = hour.ok_or_else(|| ParamError::bad("hour", "is missing"))?;
    Hour::try_from(hour.first).map_err(|_| ParamError::bad("hour", "is before 1970"))
}

/// The hours from one up to another, not included. Before hour 0 there is nothing.
fn half_open(from: i64, to: i64) -> RangeInclusive<Hour> {
    let hour = |hour: i64| Hour::try_from(hour.clamp(0, END - 1)).unwrap_or(Hour::MAX);
    if to <= from.max(0) {
        return RangeInclusive::new(1, 0);
    }
    hour(from)..=hour(to - 1)
}

/// A point in time as a border between hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    /// The hour in which it lies.
    first: i64,
    /// The first hour that begins at it or later.
    end: i64,
}

fn moment(query: &mut Query, name: &'static str, max: i64) -> Result<Option<Moment>, ParamError> {
    let Some(text) = query.one(name)? else { return Ok(None) };
    let number = integer(&text).and_then(|hour| i64::try_from(hour).ok());
    let number = number.filter(|hour| *hour <= max).map(|hour| Moment { first: hour, end: hour });
    number.or_else(|| time(&text)).map(Some).ok_or_else(|| {
        // The most likely mistake, since a plus sign stands for a space in a query string.
        let hint = if text.contains(' ') { " (a + is written %2B)" } else { "" };
        let reason = format!(
            "must be an hour from 0 to {max}, or a time as in RFC 3339 such as \
             2026-01-31T23:00:00Z, not {text:?}{hint}"
        );
        ParamError::bad(name, reason)
    })
}

/// An RFC 3339 time. Calculated here, because the last hours of the year 9999 are beyond what
/// a [`jiff::Timestamp`] can be.
fn time(text: &str) -> Option<Moment> {
    let pieces = Pieces::parse(text).ok()?;
    if pieces.time_zone_annotation().is_some() || !text.is_ascii() {
        return None;
    }
    let offset = pieces.to_numeric_offset()?;
    let local = DateTime::from_parts(pieces.date(), pieces.time()?);
    let since_epoch = local.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    let seconds = since_epoch.as_secs() - i64::from(offset.seconds());
    // Both are rounded towards zero: before 1970, a fraction is negative.
    let nanos = since_epoch.subsec_nanos();
    let floor = if nanos < 0 { seconds - 1 } else { seconds };
    let first = floor.div_euclid(HOUR_SECONDS);
    let on_the_hour = nanos == 0 && seconds.rem_euclid(HOUR_SECONDS) == 0;
    Some(Moment { first, end: if on_the_hour { first } else { first + 1 } })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hours(text: &str) -> Result<Option<RangeInclusive<Hour>>, ParamError> {
        let mut query = Query::parse(text).unwrap();
        let hours = take(&mut query)?;
        query.finish().map(|()| hours.map(|hours| hours.range))
    }

    #[test]
    fn ranges_are_half_open_and_hours_whole() {
        for (text, expected) in [
            ("", None),
            ("hour=0", Some(0..=0)),
            ("hour=4294967295", Some(Hour::MAX..=Hour::MAX)),
            ("from=5", Some(5..=Hour::MAX)),
            ("to=5", Some(0..=4)),
            ("from=5&to=6", Some(5..=5)),
            ("from=4294967295&to=4294967296", Some(Hour::MAX..=Hour::MAX)),
            ("hour=1970-01-01T01:59:59.999Z", Some(1..=1)),
            ("from=1970-01-01T01:30:00Z&to=1970-01-01T03:00:00Z", Some(1..=2)),
            ("from=1970-01-01T01:00:00Z&to=1970-01-01T02:00:00.5Z", Some(1..=2)),
            ("from=1970-01-01T03:00:00%2B02:00&to=2", Some(1..=1)),
            ("from=1969-12-31T23:59:59Z&to=1", Some(0..=0)),
            ("from=2026-11-24T08:00:00Z&to=2026-11-24T09:00:00Z", Some(498_752..=498_752)),
            ("to=9999-12-31T23:59:59-23:59", Some(0..=70_389_551)),
        ] {
            assert_eq!(hours(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn some_ranges_are_empty() {
        for text in [
            "from=5&to=5",
            "from=5&to=4",
            "to=0",
            "hour=1969-12-31T23:59:59.5Z",
            "to=1969-12-31T00:00:00Z",
            "to=1970-01-01T00:00:00Z",
            "from=1960-01-01T00:00:00Z&to=1969-12-31T23:59:59.9Z",
        ] {
            assert!(hours(text).unwrap().unwrap().is_empty(), "{text}");
        }
    }

    #[test]
    fn one_hour_is_asked_for_in_the_same_ways() {
        let one = |text: &str| take_one(&mut Query::parse(text).unwrap());
        assert_eq!(one("hour=7"), Ok(7));
        assert_eq!(one("hour=1970-01-01T07:59:00Z"), Ok(7));
        for bad in ["", "from=7", "hour=", "hour=1969-12-31T23:59:59Z", "hour=7&hour=7"] {
            assert!(one(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_hour_is_refused_by_name() {
        for (text, name) in [
            ("hour=", "hour"),
            ("hour=-1", "hour"),
            ("hour=1.5", "hour"),
            ("hour=4294967296", "hour"),
            ("from=4294967296", "from"),
            ("to=4294967297", "to"),
            ("to=x", "to"),
            ("from=2026-02-30T00:00:00Z", "from"),
            ("from=2026-01-01", "from"),
            ("from=2026-01-01T00:00:00", "from"),
            ("from=2026-01-01T00:00:00Z[UTC]", "from"),
            ("from=2026-01-01T00:00:00+01:00", "from"),
            ("hour=1&from=1", "from"),
            ("hour=1&to=1", "to"),
            ("hour=1&hour=1", "hour"),
        ] {
            let Err(ParamError::Bad { name: named, .. }) = hours(text) else { panic!("{text}") };
            assert_eq!(named, name, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            let _ = time(&text);
        }

        #[test]
        fn times_agree_with_the_calendar(second in -2_000_000_000_i64..250_000_000_000, offset in -86_000_i32..86_000) {
            let offset = jiff::tz::Offset::from_seconds(offset - offset % 60).unwrap();
            let stamp = jiff::Timestamp::from_second(second).unwrap();
            let moment = time(&stamp.display_with_offset(offset).to_string()).unwrap();
            prop_assert_eq!(moment.first, second.div_euclid(HOUR_SECONDS));
            prop_assert_eq!(moment.end, (second + HOUR_SECONDS - 1).div_euclid(HOUR_SECONDS));
        }
    }
}
