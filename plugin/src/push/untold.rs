//! What the aggregator is not known to have been told: bytes in batches, and losses.

use super::Pusher;
use crate::table::Table;

impl Pusher {
    /// The bytes of batches that are not known to be delivered.
    pub fn frozen_bytes(&self) -> u64 {
        self.pending.iter().chain(&self.queue).map(|batch| batch.bytes).sum()
    }

    /// The losses that are not known to be reported.
    pub fn untold_lost_bytes(&self, table: &Table) -> u64 {
        let on_the_way: u64 =
            self.pending.iter().chain(&self.queue).map(|batch| batch.lost_bytes).sum();
        self.unreported_lost_bytes(table).saturating_add(on_the_way)
    }

    /// Has a loss reported that another instance has counted, and could not report any more.
    pub fn inherit_loss(&mut self, bytes: u64) {
        self.inherited_lost_bytes = self.inherited_lost_bytes.saturating_add(bytes);
    }
}
