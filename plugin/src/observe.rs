//! `Recorder`: turns the data callbacks of streams into merged bytes per side, hour and key.
//!
//! Bytes are added up in their stream, which costs a data callback two additions, and brought
//! into the table when a tick or the stream's end comes. A stream whose peer is not known yet
//! holds its bytes in the same way, and keeps them until it is.

mod redelivery;
mod stream;

use flow_model::Reporter;
use flow_model::flow::hour_of_ms;

use crate::config::Report;
use crate::identity::{Attributes, Identity};
use crate::limits::MIN_FINDINGS;
use crate::slab::{Slab, Slot};
use crate::table::Table;
pub use redelivery::{Data, Delivery};
pub use stream::Moved;
use stream::Stream;

/// Envoy's `xds.listener_direction` of an inbound and an outbound listener
/// (envoy.config.core.v3.TrafficDirection).
const INBOUND: i64 = 1;
const OUTBOUND: i64 = 2;

const NANOSECONDS_PER_MS: u64 = 1_000_000;

/// All streams of an instance, and the table into which their bytes go.
#[derive(Debug)]
pub struct Recorder {
    report: Report,
    identity: Identity,
    hold_ms: u64,
    streams: Slab<Stream>,
    table: Table,
    first_traffic_ns: Option<u64>,
    direction_missing: bool,
    holding: bool,
    /// How often bytes were delivered again, because a filter behind held them back.
    held_back: u32,
    steady_ms: u64,
}

impl Recorder {
    /// A recorder without streams. Bytes are held for an unknown peer for `hold_ms` at most.
    pub fn new(report: Report, identity: Identity, hold_ms: u64, table: Table) -> Self {
        Self {
            report,
            identity,
            hold_ms,
            streams: Slab::default(),
            table,
            first_traffic_ns: None,
            direction_missing: false,
            holding: false,
            held_back: 0,
            steady_ms: 0,
        }
    }

    /// Starts a stream. Nothing is read until it has bytes.
    pub fn open(&mut self) -> Slot {
        self.streams.insert(Stream::default())
    }

    /// Whether [`Recorder::headers`] has anything to do.
    pub fn wants_headers(&self) -> bool {
        self.identity.wants_headers()
    }

    /// Takes what is needed of a request's headers while they pass.
    pub fn headers(&mut self, slot: Slot, attributes: &dyn Attributes) {
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.headers = self.identity.headers(attributes);
        }
    }

    /// Counts what a connection's source has sent, without what was delivered before.
    pub fn deliver(
        &mut self,
        slot: Slot,
        delivery: Delivery,
        attributes: &dyn Attributes,
        data: &dyn Data,
    ) {
        let now_ns = delivery.at_ns;
        let suspected = self.held_back >= MIN_FINDINGS;
        let Some(stream) = self.begun(slot, now_ns, attributes) else { return };
        let repeated = stream.watch.repeated(delivery, data, suspected);
        self.held_back = self.held_back.saturating_add((repeated > 0).into());
        self.count(slot, Moved::Tx(delivery.size.saturating_sub(repeated)), now_ns, attributes);
    }

    /// Counts bytes that moved on a stream at this time.
    pub fn count(&mut self, slot: Slot, moved: Moved, now_ns: u64, attributes: &dyn Attributes) {
        if moved.bytes() == 0 {
            return;
        }
        let steady_ms = self.steady_ms;
        let Some(stream) = self.begun(slot, now_ns, attributes) else { return };
        if let Moved::Rx(_) = moved {
            stream.watch.answered();
        }
        let lost_bytes = stream.add(hour_of_ms(now_ns / NANOSECONDS_PER_MS), moved, steady_ms);
        self.table.lose(lost_bytes);
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.look(&self.identity, attributes, moved);
        }
    }

    /// A stream that counts and has bytes; with its first ones, its side is looked up.
    fn begun(
        &mut self,
        slot: Slot,
        now_ns: u64,
        attributes: &dyn Attributes,
    ) -> Option<&mut Stream> {
        let stream = self.streams.get_mut(slot)?;
        if stream.is_fresh() {
            let side = side_of(attributes);
            self.direction_missing |= side.is_none();
            let side = side.unwrap_or(self.report.default_side());
            stream.start(side, self.report.includes(side));
            if !stream.is_ignored() {
                self.first_traffic_ns.get_or_insert(now_ns);
            }
        }
        (!stream.is_ignored()).then_some(stream)
    }

    /// Ends a stream: a last look for its peer, and its bytes go into the table.
    pub fn close(&mut self, slot: Slot, attributes: &dyn Attributes) {
        let Some(mut stream) = self.streams.remove(slot) else { return };
        stream.settle(&self.identity, attributes);
        stream.flush(&mut self.table);
    }

    /// Brings the streams' bytes into the table: those of known peers, and those that have been
    /// held for too long, as `_unknown`.
    pub fn collect(&mut self, steady_ms: u64) {
        self.steady_ms = steady_ms;
        self.holding = false;
        for stream in self.streams.values_mut() {
            if stream.is_held_at_most(self.hold_ms, steady_ms) {
                self.holding = true;
            } else {
                stream.flush(&mut self.table);
            }
        }
    }

    /// Brings all streams' bytes into the table, whether their peers are known or not.
    pub fn collect_all(&mut self) {
        self.holding = false;
        self.streams.values_mut().for_each(|stream| stream.flush(&mut self.table));
    }

    /// Whether, at the last collection, bytes stayed behind for an unknown peer.
    pub fn is_holding(&self) -> bool {
        self.holding
    }

    /// The table.
    pub fn table(&mut self) -> &mut Table {
        &mut self.table
    }

    /// When the first bytes were counted, in nanoseconds since the Unix epoch.
    pub fn first_traffic_ns(&self) -> Option<u64> {
        self.first_traffic_ns
    }

    /// Whether a filter behind this one was seen to hold data back.
    pub fn is_held_back(&self) -> bool {
        self.held_back > 0
    }

    /// Whether a stream's listener had no direction.
    pub fn is_direction_missing(&self) -> bool {
        self.direction_missing
    }
}

/// The side of a stream, as its listener's direction says; none if it has no direction.
fn side_of(attributes: &dyn Attributes) -> Option<Reporter> {
    let value = attributes.property(&["xds", "listener_direction"])?;
    match <[u8; 8]>::try_from(value).map(i64::from_le_bytes) {
        Ok(INBOUND) => Some(Reporter::Destination),
        Ok(OUTBOUND) => Some(Reporter::Source),
        _ => None,
    }
}
