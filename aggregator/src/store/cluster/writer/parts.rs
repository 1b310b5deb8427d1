//! A write, taken apart by shard.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_model::Hour;

use super::super::deltas::Deltas;
use super::super::layout::Shard;

/// The flows of a write by shard, and what else must be known of it.
pub(in crate::store::cluster) struct Parts {
    pub by_shard: Vec<(Shard, Arc<[Deltas]>)>,
    pub first_hour: Option<Hour>,
    pub expired_flows: u64,
    pub size_bytes: usize,
}

impl Parts {
    pub fn new(by_shard: BTreeMap<Shard, Vec<Deltas>>, expired_flows: u64) -> Self {
        let size_bytes = by_shard.values().flatten().map(Deltas::size_bytes).sum();
        let hours = by_shard.values().flatten().flat_map(Deltas::hours);
        let first_hour = hours.min();
        let by_shard = by_shard.into_iter().map(|(shard, steps)| (shard, steps.into())).collect();
        Self { by_shard, first_hour, expired_flows, size_bytes }
    }

    /// Whether it is done whole or not at all.
    pub fn is_one_step(&self) -> bool {
        matches!(self.by_shard.as_slice(), [(_, steps)] if steps.len() == 1)
    }
}
