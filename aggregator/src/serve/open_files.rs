//! The limit of open files: every connection is one, and the store must never be left without.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::limits::RESERVED_FILES;

/// Raises the limit as far as the system allows; then tells how many of `wanted` connections fit.
pub(super) fn connections(wanted: usize) -> usize {
    let fit = usize::try_from(fitting(raise())).unwrap_or(usize::MAX).max(1);
    if fit < wanted {
        log::warn!("only {fit} connections at a time: the limit of open files allows no more");
    }
    wanted.min(fit)
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

/// What is left of a limit beside the reserve; under a small limit, half of it.
fn fitting(limit: Option<u64>) -> u64 {
    let Some(limit) = limit else { return u64::MAX };
    limit.saturating_sub(RESERVED_FILES).max(limit / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_always_has_files_left() {
        assert_eq!(fitting(None), u64::MAX);
        assert_eq!(fitting(Some(20_000)), 20_000 - RESERVED_FILES);
        assert_eq!(fitting(Some(1_024)), 512);
        assert!(connections(1) == 1);
    }
}
