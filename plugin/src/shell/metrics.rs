//! `Metrics`: the filter's counters in Envoy's statistics, summed over all threads.

use super::abi::{self, Metric};
use crate::filter::Totals;

/// The counters, and what they have been told already.
#[derive(Default)]
pub(super) struct Metrics {
    counters: Option<[u32; NAMES.len()]>,
    told: [u64; NAMES.len()],
}

/// In the order of [`values`].
const NAMES: [&str; 5] = [
    "flow_filter_batches_delivered",
    "flow_filter_batches_retried",
    "flow_filter_batches_rejected",
    "flow_filter_lost_bytes",
    "flow_filter_folded_bytes",
];

fn values(totals: &Totals) -> [u64; NAMES.len()] {
    [
        totals.batches_delivered,
        totals.batches_retried,
        totals.batches_rejected,
        totals.lost_bytes,
        totals.folded_bytes,
    ]
}

impl Metrics {
    /// Makes the counters known to Envoy, so that they show from the start.
    pub fn define(&mut self) {
        let mut counters = [0; NAMES.len()];
        for (counter, name) in counters.iter_mut().zip(NAMES) {
            match abi::define_metric(Metric::Counter, name) {
                Ok(id) => *counter = id,
                Err(_) => return,
            }
        }
        self.counters = Some(counters);
    }

    /// Adds what has been counted since the last time.
    pub fn tell(&mut self, totals: &Totals) {
        let Some(counters) = self.counters else { return };
        for ((counter, told), value) in counters.into_iter().zip(&mut self.told).zip(values(totals))
        {
            let step = i64::try_from(value.saturating_sub(*told)).unwrap_or(i64::MAX);
            // Envoy refuses a step of 0.
            if step > 0 && abi::increment_metric(counter, step).is_ok() {
                *told = value;
            }
        }
    }
}
