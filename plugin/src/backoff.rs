//! `Backoff`: how long to wait before a batch is sent again, and the seeded jitter that keeps
//! many sidecars from doing so at once.

use crate::limits::{BACKOFF_CAP_MS, BACKOFF_FIRST_MS};

/// splitmix64 (Steele, Lea, Flood 2014): eight bytes of state and good enough for jitter; there
/// is no entropy in a Wasm module, so the seed comes from the caller.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// A sequence that depends on nothing but the seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 up to, and without, `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // The bias of a remainder does not matter to jitter.
        self.next().checked_rem(end).unwrap_or(0)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Exponential backoff with equal jitter: half of each wait is fixed, half is chance.
#[derive(Clone, Debug)]
pub struct Backoff {
    ceiling_ms: u64,
    jitter: Jitter,
}

impl Backoff {
    /// A backoff at its start.
    pub const fn new(jitter: Jitter) -> Self {
        Self { ceiling_ms: BACKOFF_FIRST_MS, jitter }
    }

    /// The next wait, in milliseconds.
    pub fn next_ms(&mut self) -> u64 {
        let half_ms = self.ceiling_ms / 2;
        self.ceiling_ms = (self.ceiling_ms * 2).min(BACKOFF_CAP_MS);
        half_ms + self.jitter.below(half_ms + 1)
    }

    /// Starts anew, after a success.
    pub fn reset(&mut self) {
        self.ceiling_ms = BACKOFF_FIRST_MS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_start_anew() {
        let mut backoff = Backoff::new(Jitter::new(7));
        let mut ceiling_ms = BACKOFF_FIRST_MS;
        for _ in 0..12 {
            let wait_ms = backoff.next_ms();
            assert!((ceiling_ms / 2..=ceiling_ms).contains(&wait_ms), "{wait_ms} of {ceiling_ms}");
            ceiling_ms = (ceiling_ms * 2).min(BACKOFF_CAP_MS);
        }
        assert_eq!(ceiling_ms, BACKOFF_CAP_MS);
        backoff.reset();
        assert!(backoff.next_ms() <= BACKOFF_FIRST_MS);
    }

    #[test]
    fn seeds_give_different_waits() {
        let waits = |seed| {
            let mut backoff = Backoff::new(Jitter::new(seed));
            std::array::from_fn::<_, 8, _>(|_| backoff.next_ms())
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
        assert_eq!(Jitter::new(1).below(0), 0);
    }
}
