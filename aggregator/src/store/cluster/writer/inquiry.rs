//! What the cluster is asked before a write: which batch of an instance was the last, and whether the
//! sums of an hour come near the range of a counter.

use std::borrow::Cow;
use std::sync::Arc;

use flow_model::Hour;
use redis::Value;
use tokio::time::Instant;

use super::super::call;
use super::super::cell::decode_totals;
use super::super::deltas::Deltas;
use super::super::job::RecordPlace;
use super::super::layout::Shard;
use super::super::record::{Said, decode};
use super::{Parts, Writer, unavailable};
use crate::limits::NEAR_THE_LIMIT;
use crate::store::ApplyError;

impl Writer {
    /// The last batch of an instance that was added everywhere, as far as it is known.
    pub(super) async fn last_delivered(
        &self,
        home: Shard,
        instance: &Arc<str>,
        deadline: Instant,
    ) -> Result<u64, ApplyError> {
        let place = RecordPlace::Home(Arc::clone(instance));
        let record = match self.known.get(home, &place) {
            Some(record) => record,
            None => {
                let mut command = redis::cmd("HGET");
                command.arg(self.net.keys.homes(home)).arg(&**instance);
                let told = self.net.tell_by(vec![(home, command)], deadline).await;
                let answers = told.map_err(unavailable)?;
                let record = answers.first().and_then(call::bytes);
                let record = record.map(Cow::into_owned).unwrap_or_default();
                self.known.put(home, &place, &record);
                record
            }
        };
        let said: Option<Said> = decode(&record).map_err(unavailable)?;
        Ok(said.map_or(0, |said| said.progress().sequence))
    }

    /// Whether the sums of an hour come near the range of a counter.
    pub(super) async fn is_near_the_limit(
        &self,
        parts: &Parts,
        deadline: Instant,
    ) -> Result<bool, ApplyError> {
        let mut asks = Vec::new();
        let mut sum = 0_u128;
        for (shard, steps) in &parts.by_shard {
            let mut hours: Vec<Hour> = steps.iter().flat_map(Deltas::hours).collect();
            hours.sort_unstable();
            hours.dedup();
            let mut command = redis::cmd("HMGET");
            command.arg(self.net.keys.hours(*shard));
            for hour in hours {
                command.arg(hour);
            }
            asks.push((*shard, command));
            sum += steps.iter().map(Deltas::sum_bytes).sum::<u128>();
        }
        let answers = self.net.tell_by(asks, deadline).await.map_err(unavailable)?;
        let totals = answers.iter().flat_map(|answer| match answer {
            Value::Array(totals) => totals.as_slice(),
            _ => &[],
        });
        let totals = totals.filter_map(|total| decode_totals(&call::bytes(total)?));
        // The total counts the larger side of each flow, so the other one is no larger.
        let largest = totals.map(|total| total.bytes_tx.max(total.bytes_rx)).max();
        Ok(largest.unwrap_or_default() + sum > NEAR_THE_LIMIT)
    }
}
