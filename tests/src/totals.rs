//! What the aggregator says has flowed: per pair of apps, over all the hours of a test.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::bytes::Bytes;

/// The VPC of the sample configurations.
pub const SAMPLE_VPC: &str = "vpc-1";

/// The fields of a flow in the read API, of which there are no others.
const FIELDS: usize = 6;

/// Source app, destination app, VPC.
pub type Key = (String, String, String);

/// All flows, hour by hour.
pub type Hours = BTreeMap<u64, Totals>;

/// Bytes by key. A test may run over the end of an hour, so hours are added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals(pub BTreeMap<Key, Bytes>);

impl Totals {
    /// The given flows, of source app, destination app and bytes, in the samples' VPC, and
    /// nothing else.
    pub fn of<const N: usize>(flows: [(&str, &str, Bytes); N]) -> Self {
        let mut totals = Self::default();
        for (source, destination, bytes) in flows {
            totals.add((source.to_owned(), destination.to_owned(), SAMPLE_VPC.to_owned()), bytes);
        }
        totals
    }

    /// Adds `bytes` to the flow of `key`.
    pub fn add(&mut self, key: Key, bytes: Bytes) {
        *self.0.entry(key).or_default() += bytes;
    }

    /// The sum over all flows.
    pub fn sum(&self) -> Bytes {
        self.0.values().copied().sum()
    }

    /// Adds the flows that `GET /flows?hour=` answered for `hour`.
    pub fn add_answer(&mut self, hour: u64, answer: &Value) -> Result<(), String> {
        let flows = answer.as_array().ok_or_else(|| format!("not an array: {answer}"))?;
        for flow in flows {
            let (key, bytes) =
                read_flow(hour, flow).ok_or_else(|| format!("not a flow of {hour}: {flow}"))?;
            self.add(key, bytes);
        }
        Ok(())
    }
}

fn read_flow(hour: u64, flow: &Value) -> Option<(Key, Bytes)> {
    let text = |field: &str| flow[field].as_str().map(str::to_owned);
    let number = |field: &str| flow[field].as_u64();
    let key = (text("src_app")?, text("dest_app")?, text("vpc_id")?);
    let bytes = Bytes { tx: number("bytes_tx")?, rx: number("bytes_rx")? };
    let is_exact = flow.as_object()?.len() == FIELDS && number("hour")? == hour;
    is_exact.then_some((key, bytes))
}
