//! Many durations, and their quantiles.

use std::time::Duration;

/// Durations, in any order.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Adds one.
    pub fn push(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    /// Adds those of another.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// The smallest duration that a share of all do not exceed; nothing of nothing is 0.
    pub fn quantile(&mut self, share: f64) -> Duration {
        self.0.sort_unstable();
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let mut latencies = Latencies((1..=200).rev().map(Duration::from_millis).collect());
        assert_eq!(latencies.quantile(0.5), Duration::from_millis(100));
        assert_eq!(latencies.quantile(0.99), Duration::from_millis(198));
        assert_eq!(latencies.quantile(1.0), Duration::from_millis(200));
        assert_eq!(Latencies::default().quantile(0.5), Duration::ZERO);
    }
}
