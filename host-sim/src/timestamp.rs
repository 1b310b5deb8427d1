//! Points in virtual time and lengths of it, as people write them: RFC 3339 in UTC, and `90s`,
//! `1h30m`, `250ms`. Nanoseconds everywhere else.

use std::fmt;

/// Nanoseconds in a second.
pub const SECOND_NS: u64 = 1_000_000_000;
const DAY_S: u64 = 86_400;

/// Nanoseconds since the Unix epoch; shows itself as RFC 3339 in UTC, to the microsecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Timestamp(pub u64);

/// Why a text is not a point in time or a length of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// Not `YYYY-MM-DDThh:mm:ss[.fraction]Z`.
    #[error("`{0}` is not a time such as 2026-03-01T10:59:50Z (RFC 3339, UTC, 1970 or later)")]
    Timestamp(String),
    /// Not a sequence of numbers with units.
    #[error("`{0}` is not a duration such as 250ms, 90s or 1h30m")]
    Duration(String),
}

impl Timestamp {
    /// Reads RFC 3339 in UTC, from 1970 on.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        parse_utc(text).map(Self).ok_or_else(|| TimeError::Timestamp(text.to_owned()))
    }
}

fn parse_utc(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let in_range = (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 60;
    if !in_range || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    let days = days_since_epoch(year, month, day)?;
    let seconds = days * DAY_S + hour * 3600 + minute * 60 + second;
    seconds.checked_mul(SECOND_NS)?.checked_add(nanoseconds(fraction)?)
}

fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut out = [0; 3];
    for (slot, width) in out.iter_mut().zip(widths) {
        let part = parts.next()?;
        let plain = part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit());
        *slot = if plain { part.parse().ok()? } else { return None };
    }
    parts.next().is_none().then_some(out)
}

fn nanoseconds(fraction: &str) -> Option<u64> {
    let plain = !fraction.is_empty() && fraction.len() <= 9;
    if !plain || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("{fraction:0<9}").parse().ok()
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_epoch(year: u64, month: u64, day: u64) -> Option<u64> {
    let before = year.checked_sub(1)?;
    let days_before_year = before * 365 + before / 4 - before / 100 + before / 400;
    let days_before_month: u64 = (1..month).map(|month| days_in_month(year, month)).sum();
    const DAYS_BEFORE_1970: u64 = 719_162;
    (days_before_year + days_before_month + day - 1).checked_sub(DAYS_BEFORE_1970)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, fraction_ns) = (self.0 / SECOND_NS, self.0 % SECOND_NS);
        let (mut days, in_day) = (seconds / DAY_S, seconds % DAY_S);
        let (mut year, mut month) = (1970, 1);
        while days >= 365 + u64::from(is_leap(year)) {
            days -= 365 + u64::from(is_leap(year));
            year += 1;
        }
        while days >= days_in_month(year, month) {
            days -= days_in_month(year, month);
            month += 1;
        }
        let (hour, minute, second) = (in_day / 3600, in_day / 60 % 60, in_day % 60);
        let micros = fraction_ns / 1000;
        write!(
            f,
            "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z",
            days + 1
        )
    }
}

/// Reads a duration such as `250ms`, `90s` or `1h30m`, in nanoseconds. A bare number is refused:
/// its unit would be a guess.
pub fn parse_duration_ns(text: &str) -> Result<u64, TimeError> {
    const UNITS: [(&str, u64); 7] = [
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
        ("d", DAY_S * SECOND_NS),
        ("h", 3600 * SECOND_NS),
        ("m", 60 * SECOND_NS),
        ("s", SECOND_NS),
    ];
    let error = || TimeError::Duration(text.to_owned());
    let (mut rest, mut sum) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at_checked(digits).ok_or_else(error)?;
        let number: u64 = number.parse().map_err(|_| error())?;
        let (unit, size) =
            UNITS.iter().find(|(unit, _)| tail.starts_with(unit)).ok_or_else(error)?;
        sum = number.checked_mul(*size).and_then(|n| sum.checked_add(n)).ok_or_else(error)?;
        rest = tail.strip_prefix(unit).ok_or_else(error)?;
    }
    if text.is_empty() { Err(error()) } else { Ok(sum) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_shown() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2026-03-01T10:59:50Z", 1_772_362_790),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            let timestamp = Timestamp::parse(text).unwrap();
            assert_eq!(timestamp.0, seconds * SECOND_NS, "{text}");
            assert_eq!(timestamp.to_string(), text.replace('Z', ".000000Z"));
        }
        assert_eq!(Timestamp::parse("1970-01-01T00:00:00.25Z").unwrap().0, 250_000_000);
    }

    #[test]
    fn other_texts_are_not_times() {
        for text in [
            "",
            "2026-03-01",
            "2026-03-01T10:59:50",
            "2026-03-01T10:59:50+01:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-01-01T00:00:00.Z",
            "2026-1-01T00:00:00Z",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_add_up() {
        assert_eq!(parse_duration_ns("1h30m"), Ok(5400 * SECOND_NS));
        assert_eq!(parse_duration_ns("250ms"), Ok(250_000_000));
        assert_eq!(parse_duration_ns("1m1s1ms1us1ns"), Ok(61_001_001_001));
        for text in ["", "5", "s", "5 s", "-1s", "1.5s", "99999999999d", "5x"] {
            assert!(parse_duration_ns(text).is_err(), "{text}");
        }
    }
}
