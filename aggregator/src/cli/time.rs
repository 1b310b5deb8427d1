//! `When`: how a person says which hour: a number, a time, `now`, or how long ago.

use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use flow_model::Hour;
use jiff::Timestamp;

const HOUR_SECONDS: u64 = 3_600;
const HOUR_NANOSECONDS: i128 = HOUR_SECONDS as i128 * 1_000_000_000;

/// The hour after the last one, where a range may end.
const END_OF_HOURS: i128 = Hour::MAX as i128 + 1;

/// An hour as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Its number.
    Hour(u64),
    /// A time in it, in nanoseconds since the Unix epoch.
    At(i128),
    /// How long ago it was, in seconds.
    Ago(u64),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::Ago(0));
        }
        if let Some(ago) = text.strip_prefix('-') {
            return seconds(ago).map(Self::Ago).ok_or_else(|| expected(text));
        }
        if is_digits(text) {
            return text.parse().map(Self::Hour).map_err(|_| expected(text));
        }
        let time: Timestamp = text.parse().map_err(|_| expected(text))?;
        Ok(Self::At(time.as_nanosecond()))
    }
}

impl When {
    /// The hour that it is in, when it is `now` nanoseconds since the Unix epoch.
    pub fn hour(self, now: i128) -> Result<u64, String> {
        let hour = match self {
            Self::Hour(hour) => hour.into(),
            Self::At(time) => time.div_euclid(HOUR_NANOSECONDS),
            Self::Ago(_) => self.time(now).div_euclid(HOUR_NANOSECONDS),
        };
        in_range(hour, END_OF_HOURS - 1)
    }

    /// The first hour that is wholly after it: where a range ends that includes it.
    pub fn end(self, now: i128) -> Result<u64, String> {
        let hour = match self {
            Self::Hour(hour) => hour.into(),
            _ => -(-self.time(now)).div_euclid(HOUR_NANOSECONDS),
        };
        in_range(hour, END_OF_HOURS)
    }

    fn time(self, now: i128) -> i128 {
        match self {
            Self::Hour(hour) => i128::from(hour) * HOUR_NANOSECONDS,
            Self::At(time) => time,
            Self::Ago(seconds) => now - i128::from(seconds) * 1_000_000_000,
        }
    }
}

/// The time now, in nanoseconds since the Unix epoch.
pub(super) fn now() -> i128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i128::try_from(since.as_nanos()).unwrap_or(i128::MAX)
}

/// The start of an hour of the Unix epoch, as people read it.
pub(super) fn start_of(hour: u64) -> Option<String> {
    let seconds = i64::try_from(hour.checked_mul(HOUR_SECONDS)?).ok()?;
    Some(to_the_minute(&Timestamp::from_second(seconds).ok()?.to_string()))
}

/// A time of RFC 3339 in UTC as people read it: `2026-11-24 08:00:01`.
pub(super) fn to_the_second(text: &str) -> String {
    let text = text.trim_end_matches('Z').replacen('T', " ", 1);
    text.split_once('.').map_or(text.as_str(), |(whole, _)| whole).to_owned()
}

/// A time on the minute, without its seconds.
pub(super) fn to_the_minute(text: &str) -> String {
    let text = to_the_second(text);
    text.strip_suffix(":00").unwrap_or(&text).to_owned()
}

fn in_range(hour: i128, last: i128) -> Result<u64, String> {
    let hour = u64::try_from(hour).ok().filter(|hour| i128::from(*hour) <= last);
    hour.ok_or_else(|| format!("hours go from 0 to {last}"))
}

/// A length of time: a number with `m`, `h`, `d` or `w`.
fn seconds(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "m" => 60,
        "h" => HOUR_SECONDS,
        "d" => 24 * HOUR_SECONDS,
        "w" => 7 * 24 * HOUR_SECONDS,
        _ => return None,
    };
    number.parse::<u64>().ok().filter(|_| is_digits(number))?.checked_mul(unit)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn expected(text: &str) -> String {
    format!("{text:?} is neither an hour's number, nor a time (2026-11-24T08:00:00Z), now, or -24h")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i128 = (498_723 * 3_600 + 61) * 1_000_000_000;

    fn both(text: &str) -> (u64, u64) {
        let when: When = text.parse().unwrap_or_else(|error| panic!("{error}"));
        (when.hour(NOW).unwrap(), when.end(NOW).unwrap())
    }

    #[test]
    fn a_time_starts_in_its_hour_and_ends_after_it() {
        assert_eq!(both("7"), (7, 7));
        assert_eq!(both("now"), (498_723, 498_724));
        assert_eq!(both("-24h"), (498_699, 498_700));
        assert_eq!(both("-1d"), both("-24h"));
        assert_eq!(both("-1w"), both("-7d"));
        assert_eq!(both("-1m"), (498_723, 498_724), "a minute ago, in the same hour");
        assert_eq!(both("-2m"), (498_722, 498_723), "two minutes ago, in the hour before");
        assert_eq!(both("1970-01-01T02:00:00Z"), (2, 2), "on the hour");
        assert_eq!(both("1970-01-01T02:00:00.001Z"), (2, 3));
        assert_eq!(both("1970-01-01T02:00:00+01:00"), (1, 1));
    }

    #[test]
    fn ranges_end_with_the_hours() {
        let last: When = "4294967295".parse().unwrap();
        assert_eq!((last.hour(0), last.end(0)), (Ok(4_294_967_295), Ok(4_294_967_295)));
        let end: When = "4294967296".parse().unwrap();
        assert!(end.hour(0).is_err());
        assert_eq!(end.end(0), Ok(4_294_967_296));
        assert!(When::Hour(4_294_967_297).end(0).is_err());
        assert!("1960-01-01T00:00:00Z".parse::<When>().unwrap().hour(NOW).is_err());
        assert!(When::Ago(u64::MAX).hour(NOW).is_err());
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "+1",
            "-",
            "-h",
            "-1",
            "-1y",
            "-+1h",
            "24h",
            "yesterday",
            "1.5",
            "-1.5h",
            "2026-11-24",
            "2026-11-24T08:00:00",
            "99999999999999999999",
        ] {
            assert!(bad.parse::<When>().is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_shown_short() {
        assert_eq!(start_of(498_723).as_deref(), Some("2026-11-23 03:00"));
        assert_eq!(start_of(u64::MAX), None);
        assert_eq!(to_the_second("2026-11-23T03:04:00.678Z"), "2026-11-23 03:04:00");
        assert_eq!(to_the_second("never"), "never");
    }
}
