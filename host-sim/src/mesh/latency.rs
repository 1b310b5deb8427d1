//! How long pushes took, in buckets that are 1/16 of an octave wide: four per cent.

use std::time::Duration;

const PER_OCTAVE: f64 = 16.0;

/// Durations of pushes, in real time.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    buckets: Vec<u64>,
    count: u64,
}

impl Latencies {
    pub(super) fn add(&mut self, took: Duration) {
        let octaves = (took.as_secs_f64() * 1e6).max(1.0).log2();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1,024")]
        let bucket = (octaves * PER_OCTAVE) as usize;
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
        self.count += 1;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.buckets.resize(self.buckets.len().max(other.buckets.len()), 0);
        for (count, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *count += more;
        }
        self.count += other.count;
    }

    /// The time within which this share of them was answered, in microseconds; at most four per
    /// cent too long.
    #[must_use]
    pub fn percentile_us(&self, share: f64) -> f64 {
        let (mut seen, all) = (0, self.count);
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
            if *count > 0 && seen as f64 >= share * all as f64 {
                return ((bucket as f64 + 1.0) / PER_OCTAVE).exp2();
            }
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_bucket() {
        let mut latencies = Latencies::default();
        for us in 1..=1000 {
            latencies.add(Duration::from_micros(us));
        }
        for (share, us) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = latencies.percentile_us(share);
            assert!((us..us * 1.05).contains(&found), "{share}: {found}");
        }
        assert_eq!(Latencies::default().percentile_us(0.5), 0.0);
    }
}
