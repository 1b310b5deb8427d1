//! How much happens in one instant of virtual time: guests that cause one another's callbacks
//! without end would keep it from passing.

use crate::limits::{MAX_CALLBACKS_PER_INSTANT, MAX_FUEL_PER_INSTANT};

/// The callbacks of the instant that lasts.
#[derive(Debug, Default)]
pub(super) struct Instant {
    ns: u64,
    callbacks: u32,
    /// The fuel that all callbacks before this instant have used.
    fuel_before: u64,
}

impl Instant {
    /// The present, when callbacks have used so much fuel.
    pub(super) fn new(now_ns: u64, fuel: u64) -> Self {
        Self { ns: now_ns, callbacks: 0, fuel_before: fuel }
    }

    /// One more callback is due; gives whether it is one too many.
    pub(super) fn is_endless(&mut self, at_ns: u64, fuel: u64) -> bool {
        if at_ns != self.ns {
            *self = Self::new(at_ns, fuel);
            return false;
        }
        self.callbacks = self.callbacks.saturating_add(1);
        let used = fuel.saturating_sub(self.fuel_before);
        self.callbacks > MAX_CALLBACKS_PER_INSTANT || used > MAX_FUEL_PER_INSTANT
    }
}
