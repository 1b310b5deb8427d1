//! `Clock`: a steady time for waits and deadlines. The host has only wall time, which may be set
//! while the filter runs: a wait must then neither end at once nor last for an hour.

use crate::limits::MAX_STEP_TICKS;

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
    use super::*;

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
