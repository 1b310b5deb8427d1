//! The server's clock against the one here.

use jiff::fmt::rfc2822;

use super::finding::Finding;
use super::server::Contact;
use crate::limits::{LOST_AFTER, MAX_CLOCK_OFFSET};

const CHECK: &str = "clock";

/// What time it is by a header `date`, in milliseconds since the Unix epoch: the middle of the second
/// that it names.
pub(super) fn of_date(text: &str) -> Option<u64> {
    let time = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    u64::try_from(time.as_millisecond()).ok()?.checked_add(500)
}

/// What is to be said of it.
pub(super) fn judge(contact: &Contact) -> Finding {
    if !contact.has_date {
        let advice = "Something in between takes the header `date` away: compare by hand.";
        return Finding::warning(CHECK, "the server does not say what time it is", advice);
    }
    let offset_ms = i128::from(contact.server_ms) - i128::from(contact.here_ms);
    // The date is told in whole seconds, and the answer was on its way.
    let known_to_ms = 500 + contact.took_ms / 2;
    let off_ms = offset_ms.unsigned_abs();
    let found = format!("the server's clock is {:+.1} s from the one here", seconds(offset_ms));
    let advice = "Set both by NTP: the server's clock says which hours have ended and are kept, and \
                  who is lost.";
    if off_ms <= MAX_CLOCK_OFFSET.as_millis() + known_to_ms {
        let same = "the server's clock is that of this machine, within";
        let found = format!("{same} {:.1} s", seconds(off_ms.max(known_to_ms)));
        return Finding::ok(CHECK, found);
    }
    match off_ms <= LOST_AFTER.as_millis() {
        true => Finding::warning(CHECK, found, advice),
        false => Finding::problem(CHECK, found, advice),
    }
}

fn seconds<T: TryInto<i64>>(ms: T) -> f64 {
    ms.try_into().unwrap_or(i64::MAX) as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn contact(server_ms: u64) -> Contact {
        Contact { took_ms: 2, here_ms: 1_000_000_000, server_ms, has_date: true }
    }

    #[test]
    fn a_date_is_read() {
        assert_eq!(of_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_500));
        assert_eq!(of_date("yesterday"), None);
    }

    #[test]
    fn a_clock_that_is_off_is_told() {
        for (off_ms, level) in [
            (0, Level::Ok),
            (9_000, Level::Ok),
            (-9_000, Level::Ok),
            (11_000, Level::Warning),
            (-11_000, Level::Warning),
            (-899_000, Level::Warning),
            (901_000, Level::Problem),
        ] {
            let server_ms = 1_000_000_000_u64.saturating_add_signed(off_ms);
            assert_eq!(judge(&contact(server_ms)).level, level, "{off_ms}");
        }
        let found = judge(&contact(1_000_071_000)).found;
        assert!(found.contains("+71.0 s"), "{found}");
    }

    #[test]
    fn without_a_date_nobody_knows() {
        let contact = Contact { has_date: false, ..contact(1_000_000_000) };
        assert_eq!(judge(&contact).level, Level::Warning);
    }
}
