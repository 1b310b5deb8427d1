//! `Recorder`: turns the data callbacks of streams into merged bytes per side, hour and key.
//!
//! Bytes are added up in their stream, which costs a data callback two additions, and brought
//! into the table when a tick or the stream's end comes. A stream whose peer is not known yet
//! holds its bytes in the same way, and keeps them until it is.

mod ended;
mod redelivery;
mod sides;
mod stream;

use flow_model::Reporter;

use crate::clock::{HourHand, WallClock};
use crate::config::Report;
use crate::identity::{Attributes, Identity};
use crate::limits::MIN_FINDINGS;
use crate::slab::{Slab, Slot};
use crate::table::Table;
pub use redelivery::{Data, Delivery};
use sides::Sides;
pub use stream::Moved;
use stream::Stream;

/// All streams of an instance, and the table into which their bytes go.
#[derive(Debug)]
pub struct Recorder {
    sides: Sides,
    identity: Identity,
    hold_ms: u64,
    streams: Slab<Stream>,
    table: Table,
    first_traffic_ns: Option<u64>,
    holding: bool,
    held_bytes: u64,
    /// How often bytes were delivered again, because a filter behind held them back.
    held_back: u32,
    steady_ms: u64,
    hour: HourHand,
}

impl Recorder {
    /// A recorder without streams. All of them are of one `side`, if it is given, or else of the
    /// one that their listener's direction says. Bytes are held for an unknown peer for `hold_ms`
    /// at most.
    pub fn new(
        report: Report,
        side: Option<Reporter>,
        identity: Identity,
        hold_ms: u64,
        table: Table,
    ) -> Self {
        Self {
            sides: Sides::new(report, side),
            identity,
            hold_ms,
            streams: Slab::default(),
            table,
            first_traffic_ns: None,
            holding: false,
            held_bytes: 0,
            held_back: 0,
            steady_ms: 0,
            hour: HourHand::default(),
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
        clock: &dyn WallClock,
        attributes: &dyn Attributes,
        data: &dyn Data,
    ) {
        let suspected = self.held_back >= MIN_FINDINGS;
        let Some(stream) = self.begun(slot, clock, attributes) else { return };
        let repeated = stream.watch.repeated(delivery, clock, data, suspected);
        self.held_back = self.held_back.saturating_add((repeated > 0).into());
        self.count(slot, Moved::Tx(delivery.size.saturating_sub(repeated)), clock, attributes);
    }

    /// Counts bytes that move on a stream now.
    pub fn count(
        &mut self,
        slot: Slot,
        moved: Moved,
        clock: &dyn WallClock,
        attributes: &dyn Attributes,
    ) {
        if moved.bytes() == 0 {
            return;
        }
        let (steady_ms, hour) = (self.steady_ms, self.hour);
        let Some(stream) = self.begun(slot, clock, attributes) else { return };
        if let Moved::Rx(_) = moved {
            stream.watch.answered();
        }
        let lost_bytes = stream.add(hour.hour(clock), moved, steady_ms);
        self.table.lose(lost_bytes);
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.look(&mut self.identity, attributes, moved);
        }
    }

    /// Counts a stream that has ended, of which nothing was seen before.
    pub fn record(&mut self, clock: &dyn WallClock, attributes: &dyn Attributes) {
        let mut stream = Stream::default();
        self.sides.start(&mut stream, attributes);
        if stream.is_ignored() {
            return;
        }
        let (tx, rx) = ended::bytes_of(attributes);
        if tx == 0 && rx == 0 {
            return;
        }
        self.first_traffic_ns.get_or_insert_with(|| clock.now_ns());
        let hour = self.hour.hour(clock);
        for moved in [Moved::Tx(tx), Moved::Rx(rx)] {
            let lost_bytes = stream.add(hour, moved, self.steady_ms);
            self.table.lose(lost_bytes);
        }
        if self.identity.wants_headers() {
            stream.headers = self.identity.headers(attributes);
        }
        stream.settle(&mut self.identity, attributes);
        stream.flush(&mut self.identity, &mut self.table);
    }

    /// A stream that counts and has bytes; with its first ones, its side is looked up.
    fn begun(
        &mut self,
        slot: Slot,
        clock: &dyn WallClock,
        attributes: &dyn Attributes,
    ) -> Option<&mut Stream> {
        let stream = self.streams.get_mut(slot)?;
        if stream.is_fresh() {
            self.sides.start(stream, attributes);
            if !stream.is_ignored() {
                self.first_traffic_ns.get_or_insert_with(|| clock.now_ns());
            }
        }
        (!stream.is_ignored()).then_some(stream)
    }

    /// Ends a stream: a last look for its peer, and its bytes go into the table.
    pub fn close(&mut self, slot: Slot, attributes: &dyn Attributes) {
        let Some(mut stream) = self.streams.remove(slot) else { return };
        stream.settle(&mut self.identity, attributes);
        stream.flush(&mut self.identity, &mut self.table);
    }

    /// Brings the streams' bytes into the table: those of known peers, and those that have been
    /// held for too long, as `_unknown`.
    pub fn collect(&mut self, steady_ms: u64, now_ns: u64) {
        self.hour.tick(now_ns);
        self.sides.compare_again();
        self.steady_ms = steady_ms;
        self.holding = false;
        self.held_bytes = 0;
        for stream in self.streams.values_mut() {
            if stream.is_held_at_most(self.hold_ms, steady_ms) {
                self.holding = true;
                self.held_bytes = self.held_bytes.saturating_add(stream.bytes_total());
            } else {
                stream.flush(&mut self.identity, &mut self.table);
            }
        }
    }

    /// Brings all streams' bytes into the table, whether their peers are known or not.
    pub fn collect_all(&mut self) {
        self.holding = false;
        self.held_bytes = 0;
        for stream in self.streams.values_mut() {
            stream.flush(&mut self.identity, &mut self.table);
        }
    }

    /// Whether, at the last collection, bytes stayed behind for an unknown peer.
    pub fn is_holding(&self) -> bool {
        self.holding
    }

    /// The bytes that stayed behind then.
    pub fn held_bytes(&self) -> u64 {
        self.held_bytes
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

    /// Whether a listener had another direction than the one that is fixed.
    pub fn is_direction_contradicted(&self) -> bool {
        self.sides.is_contradicted()
    }

    /// Whether a stream's listener had no direction.
    pub fn is_direction_missing(&self) -> bool {
        self.sides.is_direction_missing()
    }
}
