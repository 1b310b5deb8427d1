//! `Summary`: the answer of `/v1/summary`.

use serde::Deserialize;

use super::{Field, Order};

/// The largest groups, the rest as the last row, and the whole.
#[derive(Debug, Deserialize)]
pub(super) struct Summary {
    pub rows: Vec<Group>,
    pub total: Figures,
}

/// What the flows of a group have in common, and their sums.
#[derive(Debug, Deserialize)]
pub(super) struct Group {
    src_app: Option<String>,
    dest_app: Option<String>,
    vpc_id: Option<String>,
    hour: Option<u64>,
    bytes_tx: u128,
    bytes_rx: u128,
    bytes_total: u128,
    flows: u64,
    groups: u64,
}

/// Sums over groups.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub(super) struct Figures {
    pub bytes_tx: u128,
    pub bytes_rx: u128,
    pub bytes_total: u128,
    pub flows: u64,
    /// How many groups they are the sums of.
    pub groups: u64,
}

impl Group {
    /// What a field of the group is.
    pub fn field(&self, field: Field) -> String {
        let name = match field {
            Field::SrcApp => &self.src_app,
            Field::DestApp => &self.dest_app,
            Field::VpcId => &self.vpc_id,
            Field::Hour => return self.hour.map(|hour| hour.to_string()).unwrap_or_default(),
        };
        name.clone().unwrap_or_default()
    }

    /// Its sums.
    pub fn figures(&self) -> Figures {
        // Flattening would read sums as 64 bits.
        let Self { bytes_tx, bytes_rx, bytes_total, flows, groups, .. } = *self;
        Figures { bytes_tx, bytes_rx, bytes_total, flows, groups }
    }
}

impl Figures {
    /// The figure that groups are ordered by.
    pub fn of(&self, order: Order) -> u128 {
        match order {
            Order::BytesTotal => self.bytes_total,
            Order::BytesTx => self.bytes_tx,
            Order::BytesRx => self.bytes_rx,
            Order::Flows => self.flows.into(),
        }
    }
}
