//! `Verdict`: from what is seen of a connection to what becomes of it.

use std::time::Duration;

use crate::serve::terms::Timeouts;

/// What is seen of a connection at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub now_ms: u64,
    /// When the socket last took something.
    pub moved_ms: u64,
    /// Since when the socket takes nothing.
    pub blocked_ms: Option<u64>,
    /// Since when a piece of an answer waits to be taken.
    pub offered_ms: Option<u64>,
    /// Whether a request is in flight.
    pub busy: bool,
    /// Whether there are many connections.
    pub crowded: bool,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Verdict {
    /// It goes on; look again after this time.
    GoOn(Duration),
    /// It does nothing: it is asked to end.
    Idle,
    /// Its client does not take what it is sent: it is ended.
    Stalled,
}

impl Facts {
    pub fn verdict(&self, timeouts: &Timeouts) -> Verdict {
        let left = |since_ms: u64, timeout: Duration| {
            timeout.checked_sub(Duration::from_millis(self.now_ms.saturating_sub(since_ms)))
        };
        let mut look_again = timeouts.check;
        for since_ms in [self.blocked_ms, self.offered_ms].into_iter().flatten() {
            match left(since_ms, timeouts.stall) {
                Some(rest) => look_again = look_again.min(rest),
                None => return Verdict::Stalled,
            }
        }
        // A client that slowly takes the end of an answer is not idle.
        if !self.busy && self.blocked_ms.is_none() {
            let idle = if self.crowded { timeouts.crowded_idle } else { timeouts.idle };
            match left(self.moved_ms, idle) {
                Some(rest) => look_again = look_again.min(rest),
                None => return Verdict::Idle,
            }
        }
        // Beyond the end of a timeout, so that it is over then.
        Verdict::GoOn(look_again + Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: Timeouts = Timeouts {
        handshake: Duration::from_millis(1),
        idle: Duration::from_millis(1_000),
        crowded_idle: Duration::from_millis(100),
        check: Duration::from_millis(400),
        stall: Duration::from_millis(500),
        body: Duration::from_millis(1),
    };

    const QUIET: Facts = Facts {
        now_ms: 10_000,
        moved_ms: 9_950,
        blocked_ms: None,
        offered_ms: None,
        busy: false,
        crowded: false,
    };

    fn go_on(ms: u64) -> Verdict {
        Verdict::GoOn(Duration::from_millis(ms + 1))
    }

    #[test]
    fn idle_is_who_has_no_request_and_takes_nothing() {
        let verdict = |facts: Facts| facts.verdict(&TIMEOUTS);
        assert_eq!(verdict(QUIET), go_on(400));
        let old = Facts { moved_ms: 8_999, ..QUIET };
        assert_eq!(verdict(old), Verdict::Idle);
        assert_eq!(verdict(Facts { moved_ms: 9_100, ..QUIET }), go_on(100));
        assert_eq!(verdict(Facts { busy: true, ..old }), go_on(400));
        assert_eq!(verdict(Facts { blocked_ms: Some(9_900), ..old }), go_on(400));
    }

    #[test]
    fn when_it_is_crowded_less_patience_is_had_with_the_idle_alone() {
        let crowded = Facts { crowded: true, moved_ms: 9_899, ..QUIET };
        assert_eq!(crowded.verdict(&TIMEOUTS), Verdict::Idle);
        assert_eq!(Facts { busy: true, ..crowded }.verdict(&TIMEOUTS), go_on(400));
    }

    #[test]
    fn stalled_is_who_does_not_take_what_there_is() {
        for busy in [true, false] {
            let facts = Facts { busy, ..QUIET };
            for (since_ms, expected) in [(9_499, Verdict::Stalled), (9_600, go_on(100))] {
                let blocked = Facts { blocked_ms: Some(since_ms), ..facts };
                assert_eq!(blocked.verdict(&TIMEOUTS), expected);
                let offered = Facts { offered_ms: Some(since_ms), ..facts };
                assert_eq!(offered.verdict(&TIMEOUTS), expected);
            }
        }
    }
}
