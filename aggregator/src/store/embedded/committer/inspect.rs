//! Checking every sum of a write that comes near the range of a counter.

use std::collections::HashMap;

use flow_model::{FlowKey, Hour, Name};

use super::{Committer, Job};
use crate::store::embedded::lookup;
use crate::store::embedded::record::entry::EntryReader;
use crate::store::{ApplyError, Sides};

impl Committer {
    /// Checks every sum of a job that is about to be committed alone.
    pub(super) fn inspect(&self, job: &Job) -> Result<(), ApplyError> {
        let reader = EntryReader::new(&job.bytes).map_err(unavailable)?;
        let reporter = reader.reporter();
        let mut sums: HashMap<(Hour, FlowKey<'_>), Sides> = HashMap::new();
        for (index, flow) in reader.enumerate() {
            let flow = flow.map_err(unavailable)?;
            let [src_app, dest_app, vpc_id] = flow.names.map(Name::new);
            let key = FlowKey {
                src_app: src_app.map_err(unavailable)?,
                dest_app: dest_app.map_err(unavailable)?,
                vpc_id: vpc_id.map_err(unavailable)?,
            };
            let known = match sums.get(&(flow.hour, key.clone())) {
                Some(known) => *known,
                None => self.stored(flow.hour, &key)?,
            };
            let mut sum = known;
            let side = sum.side_mut(reporter);
            *side = side
                .checked_add(flow.counters)
                .map_err(|error| ApplyError::Overflow { index, field: error.field })?;
            sums.insert((flow.hour, key), sum);
        }
        Ok(())
    }

    fn stored(&self, hour: Hour, key: &FlowKey<'_>) -> Result<Sides, ApplyError> {
        let found = lookup::find(&self.memory, &self.journal, hour, &[key]).map_err(unavailable)?;
        Ok(found.first().copied().unwrap_or_default())
    }
}

fn unavailable(error: impl std::fmt::Display) -> ApplyError {
    ApplyError::Unavailable(error.to_string())
}
