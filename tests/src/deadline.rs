//! Waiting for something to become so. Nothing here waits for a mere length of time.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Long enough for a slow machine that does three other things; nothing good takes as long.
pub const PATIENCE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(10);

/// Looks until `look` finds something, and returns that. After [`PATIENCE`] it panics, with
/// `what` was waited for and what the last look gave instead.
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Result<T, String>) -> T {
    match poll(PATIENCE, look) {
        Ok(found) => found,
        Err(last) => panic!("waited {} s for {what}, in vain: {last}", PATIENCE.as_secs()),
    }
}

/// Waits until `condition` holds; see [`wait_for`].
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || if condition() { Ok(()) } else { Err("not yet".to_owned()) });
}

/// Looks until `look` finds something, for `patience` at most; then gives the last look's error.
pub fn poll<T>(
    patience: Duration,
    mut look: impl FnMut() -> Result<T, String>,
) -> Result<T, String> {
    let deadline = Instant::now() + patience;
    loop {
        match look() {
            Err(_) if Instant::now() < deadline => sleep(POLL),
            outcome => return outcome,
        }
    }
}
