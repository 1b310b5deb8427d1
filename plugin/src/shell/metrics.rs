//! `Metrics`: what the filter shows in Envoy's statistics, summed over all threads.

use super::abi::{self, Metric};
use crate::filter::Totals;

/// The metrics, and what they have been told already.
#[derive(Default)]
pub(super) struct Metrics {
    ids: Option<Ids>,
    told: [u64; COUNTERS.len()],
    table_flows: u64,
}

/// Envoy's numbers for them.
struct Ids {
    counters: [u32; COUNTERS.len()],
    table_flows: u32,
    push_latency: u32,
}

/// In the order of [`values`].
const COUNTERS: [&str; 7] = [
    "flow_filter_flows",
    "flow_filter_bytes",
    "flow_filter_batches_delivered",
    "flow_filter_batches_retried",
    "flow_filter_batches_rejected",
    "flow_filter_lost_bytes",
    "flow_filter_folded_bytes",
];

const TABLE_FLOWS: &str = "flow_filter_table_flows";
const PUSH_LATENCY: &str = "flow_filter_push_latency_ms";

fn values(totals: &Totals) -> [u64; COUNTERS.len()] {
    [
        totals.flows,
        totals.bytes,
        totals.batches_delivered,
        totals.batches_retried,
        totals.batches_rejected,
        totals.lost_bytes,
        totals.folded_bytes,
    ]
}

impl Metrics {
    /// Makes the metrics known to Envoy, so that they show from the start.
    pub fn define(&mut self) {
        let mut counters = [0; COUNTERS.len()];
        for (counter, name) in counters.iter_mut().zip(COUNTERS) {
            match abi::define_metric(Metric::Counter, name) {
                Ok(id) => *counter = id,
                Err(_) => return,
            }
        }
        let gauge = abi::define_metric(Metric::Gauge, TABLE_FLOWS);
        let histogram = abi::define_metric(Metric::Histogram, PUSH_LATENCY);
        if let (Ok(table_flows), Ok(push_latency)) = (gauge, histogram) {
            self.ids = Some(Ids { counters, table_flows, push_latency });
        }
    }

    /// Adds what has been counted since the last time.
    pub fn tell(&mut self, totals: &Totals) {
        let Some(ids) = &self.ids else { return };
        for ((counter, told), value) in ids.counters.iter().zip(&mut self.told).zip(values(totals))
        {
            let step = i64::try_from(value.saturating_sub(*told)).unwrap_or(i64::MAX);
            // Envoy refuses a step of 0.
            if step > 0 && abi::increment_metric(*counter, step).is_ok() {
                *told = value;
            }
        }
        // All threads share the gauge, so each adds and takes away its part of it.
        let step = totals.table_flows.cast_signed() - self.table_flows.cast_signed();
        if step != 0 && abi::increment_metric(ids.table_flows, step).is_ok() {
            self.table_flows = totals.table_flows;
        }
    }

    /// Takes note of how long a push took, in nanoseconds.
    pub fn tell_latency(&self, latency_ns: u64) {
        if let Some(ids) = &self.ids {
            // It is only a metric.
            let _ = abi::record_metric(ids.push_latency, latency_ns / 1_000_000);
        }
    }
}
