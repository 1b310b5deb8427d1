//! `Units`: figures as people read them.

/// How byte counts are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Units {
    /// Three digits and a unit, by thousands: the exact figure with its point moved.
    Human,
    /// All digits.
    Exact,
}

/// Names of a thousand to the power of 0, 1, 2, ...; the last is beyond 2^128.
const NAMES: [&str; 14] =
    ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB", "RB", "QB", "kQB", "MQB", "GQB"];

/// Eighths of a character cell, from left to right.
const EIGHTHS: [&str; 9] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];

/// The width of a bar for the whole, in characters.
const BAR_WIDTH: f64 = 12.0;

impl Units {
    /// A number of bytes.
    pub fn bytes(self, bytes: u128) -> String {
        match self {
            Self::Exact => bytes.to_string(),
            Self::Human => human(bytes),
        }
    }
}

fn human(bytes: u128) -> String {
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut names = NAMES.iter();
    let mut name = names.next();
    // What would be shown as 1000 belongs to the next unit.
    while value >= 999.5 {
        let Some(next) = names.next() else { break };
        value /= 1_000.0;
        name = Some(next);
    }
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {}", name.unwrap_or(&""))
}

/// What a part is of a whole, from 0 to 1.
pub(super) fn share(part: u128, whole: u128) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A share in percent. What is not nothing is not shown as nothing.
pub(super) fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.0005 {
        return "<0.1%".to_owned();
    }
    format!("{:.1}%", share * 100.0)
}

/// A share as a bar.
pub(super) fn bar(share: f64) -> String {
    let eighths = (share.clamp(0.0, 1.0) * BAR_WIDTH * 8.0).round() as usize;
    let part = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
    "█".repeat(eighths / 8) + part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits_and_never_a_thousand() {
        for (bytes, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (9_994, "9.99 kB"),
            (9_996, "10.0 kB"),
            (99_960, "100 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (u128::from(u64::MAX), "18.4 EB"),
            (u128::MAX, "340 MQB"),
        ] {
            assert_eq!(Units::Human.bytes(bytes), shown);
        }
        assert_eq!(Units::Exact.bytes(u128::MAX), u128::MAX.to_string());
    }

    #[test]
    fn shares_are_in_percent_and_bars() {
        assert_eq!(percent(share(1, 3)), "33.3%");
        assert_eq!(percent(share(0, 0)), "0.0%");
        assert_eq!(percent(share(1, 1_000_000)), "<0.1%");
        assert_eq!(bar(1.0).chars().count(), 12);
        assert_eq!(bar(share(1, 24)), "▌");
        assert_eq!((bar(0.0), bar(f64::NAN)), (String::new(), String::new()));
    }
}
