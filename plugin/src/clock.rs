//! Time: what the host's wall clock says, and what follows from it.
//!
//! `HourHand` is the hour that it is. `Clock` is a steady time for waits and deadlines: the wall
//! time may be set while the filter runs, and a wait must then neither end at once nor last for
//! an hour.

use flow_model::Hour;
use flow_model::flow::{HOUR_MS, hour_of_ms};

use crate::limits::{HOUR_MARGIN_MS, MAX_STEP_TICKS};

const NANOSECONDS_PER_MS: u64 = 1_000_000;

/// The host's wall clock. To read it is a call of the host.
pub trait WallClock {
    /// The time, in nanoseconds since the Unix epoch.
    fn now_ns(&self) -> u64;
}

/// The hour that it is, as of the last tick: the clock is read in between only when the hour may
/// end before the next one.
#[derive(Clone, Copy, Debug, Default)]
pub struct HourHand {
    hour: Option<Hour>,
}

impl HourHand {
    /// Takes in the time of a tick.
    pub fn tick(&mut self, now_ns: u64) {
        let now_ms = now_ns / NANOSECONDS_PER_MS;
        let left_ms = HOUR_MS - now_ms % HOUR_MS;
        self.hour = (left_ms > HOUR_MARGIN_MS).then(|| hour_of_ms(now_ms));
    }

    /// The hour that it is.
    pub fn hour(&self, clock: &dyn WallClock) -> Hour {
        self.hour.unwrap_or_else(|| hour_of_ms(clock.now_ns() / NANOSECONDS_PER_MS))
    }
}

/// Milliseconds since the clock's start, put together from the steps between ticks.
#[derive(Clone, Debug)]
pub struct Clock {
    tick_ms: u64,
    wall_ms: u64,
    steady_ms: u64,
}

impl Clock {
    /// A clock at 0, for ticks that are `tick_ms` apart.
    pub const fn new(wall_ms: u64, tick_ms: u64) -> Self {
        Self { tick_ms, wall_ms, steady_ms: 0 }
    }

    /// Takes in a tick. A step back, or one that is much too long, counts as one tick.
    pub fn tick(&mut self, wall_ms: u64) {
        let step_ms = wall_ms
            .checked_sub(self.wall_ms)
            .filter(|step_ms| *step_ms <= self.tick_ms * MAX_STEP_TICKS)
            .unwrap_or(self.tick_ms);
        self.wall_ms = wall_ms;
        self.steady_ms += step_ms;
    }

    /// The time between two ticks: that of the last one, and what has passed since, as far as
    /// the wall clock can be believed.
    pub fn between_ticks(&self, wall_ms: u64) -> u64 {
        self.steady_ms + wall_ms.saturating_sub(self.wall_ms).min(self.tick_ms)
    }

    /// The time of the last tick.
    pub const fn steady_ms(&self) -> u64 {
        self.steady_ms
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A clock that counts how often it is read.
    struct Counted(u64, Cell<u32>);

    impl WallClock for Counted {
        fn now_ns(&self) -> u64 {
            self.1.set(self.1.get() + 1);
            self.0 * NANOSECONDS_PER_MS
        }
    }

    #[test]
    fn the_clock_is_read_only_when_an_hour_may_end() {
        let last_ms = 8 * HOUR_MS - HOUR_MARGIN_MS;
        for (tick_ms, now_ms, hour, reads) in [
            (7 * HOUR_MS, 7 * HOUR_MS + 999, 7, 0),
            (last_ms - 1, last_ms + 999, 7, 0),
            (last_ms, 8 * HOUR_MS - 1, 7, 1),
            (last_ms + 1, 8 * HOUR_MS, 8, 1),
            (8 * HOUR_MS - 1, 8 * HOUR_MS, 8, 1),
        ] {
            let mut hand = HourHand::default();
            hand.tick(tick_ms * NANOSECONDS_PER_MS);
            let clock = Counted(now_ms, Cell::new(0));
            assert_eq!((hand.hour(&clock), clock.1.get()), (hour, reads), "{tick_ms}, {now_ms}");
        }
    }

    #[test]
    fn before_the_first_tick_the_clock_is_read() {
        let clock = Counted(5 * HOUR_MS, Cell::new(0));
        assert_eq!((HourHand::default().hour(&clock), clock.1.get()), (5, 1));
    }

    #[test]
    fn a_clock_that_is_set_counts_as_one_tick() {
        let mut clock = Clock::new(1_000_000, 100);
        for (wall_ms, steady_ms) in
            [(1_000_100, 100), (1_000_350, 350), (500, 450), (600, 550), (4_000_000, 650)]
        {
            clock.tick(wall_ms);
            assert_eq!(clock.steady_ms(), steady_ms, "at {wall_ms}");
        }
    }

    #[test]
    fn between_ticks_at_most_one_tick_passes() {
        let mut clock = Clock::new(1_000_000, 100);
        clock.tick(1_000_100);
        for (wall_ms, steady_ms) in [(1_000_100, 100), (1_000_140, 140), (2_000_000, 200), (5, 100)]
        {
            assert_eq!(clock.between_ticks(wall_ms), steady_ms, "at {wall_ms}");
        }
    }
}
