//! Chance that goes by a seed: each sidecar has its own, so that what happens to one does not depend
//! on the others, or on how many threads there are.

use fastrand::Rng;

use crate::timestamp::SECOND_NS;

const HOUR_NS: f64 = 3600.0 * SECOND_NS as f64;

/// A source of chance.
#[derive(Clone, Debug)]
pub(super) struct Chance(Rng);

impl Chance {
    /// The chance of the thing with this number.
    pub(super) fn new(seed: u64, number: u64) -> Self {
        // Neighbours must not look alike: the finaliser of splitmix64 (Steele, Lea, Flood 2014).
        let mut mixed = seed ^ number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(Rng::with_seed(mixed ^ (mixed >> 31)))
    }

    /// A number from 0 up to, and without, 1.
    pub(super) fn share(&mut self) -> f64 {
        self.0.f64()
    }

    /// Whether something happens that is so likely.
    pub(super) fn is(&mut self, likely: f64) -> bool {
        self.0.f64() < likely
    }

    /// A number below `end`; 0 if `end` is 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.0.u64(..end) }
    }

    /// A seed for something else.
    pub(super) fn seed(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// Waits of this mean, in nanoseconds, between things that happen at any time alike.
    pub(super) fn wait_ns(&mut self, mean_ns: f64) -> u64 {
        // From 0 without, up to 1, so that the logarithm is finite.
        nanoseconds(-(1.0 - self.0.f64()).ln() * mean_ns)
    }

    /// When something happens next that happens so often in an hour; never, if that is 0.
    pub(super) fn next_ns(&mut self, per_hour: f64) -> Option<u64> {
        (per_hour > 0.0).then(|| self.wait_ns(HOUR_NS / per_hour))
    }

    /// One of several, by their cumulated weights.
    pub(super) fn pick(&mut self, cumulated: &[f64]) -> usize {
        let all = cumulated.last().copied().unwrap_or_default();
        let drawn = self.0.f64() * all;
        cumulated.partition_point(|weight| *weight <= drawn).min(cumulated.len().saturating_sub(1))
    }

    /// The size of a message, in bytes: each order of magnitude is as likely as the next, from 16
    /// to 16 KiB, and a few are up to 64 times as large.
    pub(super) fn size(&mut self) -> usize {
        let scale = if self.is(0.02) { 20.0 } else { 14.0 };
        let size = (4.0 + self.0.f64() * (scale - 4.0)).exp2();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "16 to 2^20")]
        let size = size as usize;
        size
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn nanoseconds(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_goes_by_seed_and_number() {
        let drawn = |seed, number| Chance::new(seed, number).seed();
        assert_eq!(drawn(1, 2), drawn(1, 2));
        assert_ne!(drawn(1, 2), drawn(1, 3));
        assert_ne!(drawn(1, 2), drawn(2, 2));
    }

    #[test]
    fn waits_have_their_mean_and_what_never_happens_has_none() {
        let mut chance = Chance::new(1, 1);
        let sum: u64 = (0..10_000).map(|_| chance.wait_ns(1e6)).sum();
        assert!((9_500_000_000..10_500_000_000).contains(&sum), "{sum}");
        assert_eq!(chance.next_ns(0.0), None);
    }

    #[test]
    fn what_is_picked_goes_by_weight() {
        let mut chance = Chance::new(1, 1);
        let picked: Vec<usize> = (0..10_000).map(|_| chance.pick(&[1.0, 1.0, 4.0])).collect();
        let count = |place| picked.iter().filter(|picked| **picked == place).count();
        assert_eq!(count(1), 0);
        assert!((2_200..2_800).contains(&count(0)), "{}", count(0));
    }

    #[test]
    fn sizes_stay_in_their_range() {
        let mut chance = Chance::new(1, 1);
        let sizes: Vec<usize> = (0..10_000).map(|_| chance.size()).collect();
        assert!(sizes.iter().all(|size| (16..=1 << 20).contains(size)));
        assert!(sizes.iter().any(|size| *size > 1 << 15));
    }
}
