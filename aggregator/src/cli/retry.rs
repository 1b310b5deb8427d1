//! `Backoff`: how long to wait before the next attempt.

use std::time::Duration;

use crate::limits::{FIRST_RETRY_PAUSE, MAX_RETRY_AFTER, MAX_RETRY_PAUSE};

/// Attempts that failed, one after the other.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// After one more failure: how long to wait, no less than the server asked for.
    pub fn after_failure(&mut self, retry_after: Option<Duration>) -> Duration {
        self.failures = self.failures.saturating_add(1);
        pause(self.failures, retry_after, random())
    }

    /// How many attempts failed.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

/// The pause after so many failures, of which `random` takes up to a half away: clients that
/// failed together do not come back together.
fn pause(failures: u32, retry_after: Option<Duration>, random: u16) -> Duration {
    let doubled = FIRST_RETRY_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let full = doubled.min(MAX_RETRY_PAUSE);
    let shortened = full.saturating_sub(full.mul_f64(f64::from(random) / 131_072.0));
    shortened.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER))
}

/// Without randomness, the pause is a whole one.
fn random() -> u16 {
    getrandom::u32().map_or(0, |bits| (bits & 0xffff) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_keep_to_what_the_server_asks() {
        assert_eq!(pause(1, None, 0), FIRST_RETRY_PAUSE);
        assert_eq!(pause(3, None, 0), 4 * FIRST_RETRY_PAUSE);
        assert_eq!(pause(u32::MAX, None, 0), MAX_RETRY_PAUSE);
        let shortest = pause(1, None, u16::MAX);
        assert!(shortest >= FIRST_RETRY_PAUSE / 2 && shortest < FIRST_RETRY_PAUSE);
        assert_eq!(pause(1, Some(Duration::from_secs(20)), 9), Duration::from_secs(20));
        assert_eq!(pause(1, Some(Duration::from_secs(1 << 40)), 9), MAX_RETRY_AFTER);
    }
}
