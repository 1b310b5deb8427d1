//! The limit of open files: every connection is one, and the store must never be left without.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::limits::{MAX_REFUSALS, RESERVED_FILES};

/// How many files may be open for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// Connections that are served.
    pub connections: usize,
    /// Connections that are told that there is no room; they take from the reserve.
    pub refusals: usize,
}

/// Raises the limit as far as the system allows; then tells how many of `wanted` connections fit.
pub(super) fn share(wanted: usize) -> Share {
    let share = Share::of(raise(), wanted);
    if share.connections < wanted {
        let fit = share.connections;
        log::warn!("only {fit} connections at a time: the limit of open files allows no more");
    }
    share
}

impl Share {
    /// Connections get what is left of a limit beside the reserve; under a small limit, half of
    /// it.
    fn of(limit: Option<u64>, wanted: usize) -> Self {
        let limit = limit.unwrap_or(u64::MAX);
        let fit = limit.saturating_sub(RESERVED_FILES).max(limit / 2).max(1);
        let reserve = limit.saturating_sub(fit);
        let count = |files: u64| usize::try_from(files).unwrap_or(usize::MAX);
        Self { connections: wanted.min(count(fit)), refusals: MAX_REFUSALS.min(count(reserve / 8)) }
    }
}

/// The limit that holds then; nothing if there is none.
fn raise() -> Option<u64> {
    let found = getrlimit(Resource::Nofile);
    let mut raised = found;
    raised.current = found.maximum;
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(error) => {
            log::warn!("the limit of open files cannot be raised: {error}");
            found.current
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_always_has_files_left() {
        for (limit, wanted, connections, refusals) in [
            (None, 10_000, 10_000, MAX_REFUSALS),
            (Some(20_000), 10_000, 10_000, MAX_REFUSALS),
            (Some(5_000), 10_000, 5_000 - 1_024, MAX_REFUSALS),
            (Some(5_000), 2, 2, MAX_REFUSALS),
            (Some(128), 10_000, 64, 8),
        ] {
            assert_eq!(Share::of(limit, wanted), Share { connections, refusals }, "{limit:?}");
        }
        assert_eq!(share(1).connections, 1);
    }
}
