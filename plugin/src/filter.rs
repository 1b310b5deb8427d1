//! `Filter`: all that an instance keeps, without a host call: the recorder, the delivery, and the
//! clock that drives both. The shell brings it the callbacks and carries out what it asks for.

mod stake;

use std::rc::Rc;

use flow_model::Name;

use crate::backoff::Jitter;
use crate::clock::{Clock, WallClock};
use crate::config::{Config, Mode, PushConfig};
use crate::identity::{Attributes, Identity};
use crate::instance::Origin;
use crate::limits::{TICK_MS, TICKS_PER_INTERVAL};
use crate::notice::Notice;
use crate::observe::{Data, Delivery, Moved, Recorder};
use crate::push::{Due, Now, Pace, Pusher, Response};
use crate::slab::Slot;
use crate::table::Table;

const NANOSECONDS_PER_MS: u64 = 1_000_000;

/// Counts since the start, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Flows that were frozen into batches: rows of an hour and three names.
    pub flows: u64,
    /// Bytes that were counted, in both directions.
    pub bytes: u64,
    /// Rows that wait for a push now.
    pub table_flows: u64,
    /// Batches that the aggregator has.
    pub batches_delivered: u64,
    /// Pushes that had to be repeated.
    pub batches_retried: u64,
    /// Batches that the aggregator will never take.
    pub batches_rejected: u64,
    /// Bytes that were given up.
    pub lost_bytes: u64,
    /// Bytes that went to `_other` rows.
    pub folded_bytes: u64,
}

/// An instance.
pub struct Filter {
    mode: Mode,
    push: PushConfig,
    started_ns: u64,
    tick_ms: u64,
    clock: Clock,
    recorder: Recorder,
    pusher: Pusher,
    instance: Option<Name<'static>>,
    notices: Vec<Notice>,
    warned: bool,
    is_misplaced: bool,
    warned_of_holding: bool,
    warned_of_full_register: bool,
    /// When a loss of another instance was taken over first.
    loss_ns: Option<u64>,
    /// When others' records are looked at next.
    look_at_ms: u64,
    ending: bool,
    default_side: flow_model::Reporter,
}

impl Filter {
    /// An instance that starts now. `node` reads what is the same for all streams; `seed` keeps
    /// the waits of instances apart.
    pub fn new(config: Config, node: &dyn Attributes, started_ns: u64, seed: u64) -> Self {
        let identity = Identity::new(config.mode, &config.names, node);
        let interval_ms = config.push.interval_ms;
        let tick_ms = (interval_ms / TICKS_PER_INTERVAL).clamp(TICK_MS.0, TICK_MS.1);
        let pace = Pace {
            interval_ms,
            timeout_ms: config.push.timeout_ms,
            max_batch_flows: config.bounds.max_batch_flows,
        };
        let table = Table::new(config.bounds.max_flows);
        let started_ms = started_ns / NANOSECONDS_PER_MS;
        let default_side = config.report.default_side();
        Self {
            mode: config.mode,
            push: config.push,
            started_ns,
            tick_ms,
            clock: Clock::new(started_ms, tick_ms),
            recorder: Recorder::new(config.report, config.side, identity, interval_ms, table),
            pusher: Pusher::new(pace, default_side, started_ms, Jitter::new(seed)),
            instance: None,
            notices: Vec::new(),
            warned: false,
            is_misplaced: false,
            warned_of_holding: false,
            warned_of_full_register: false,
            loss_ns: None,
            look_at_ms: 0,
            ending: false,
            default_side,
        }
    }

    /// Where batches go.
    pub fn push_config(&self) -> &PushConfig {
        &self.push
    }

    /// The time between two ticks, in milliseconds.
    pub fn tick_ms(&self) -> u64 {
        self.tick_ms
    }

    /// Starts a stream; none in access-log mode, in which the filter is told of streams' ends only.
    pub fn open(&mut self) -> Option<Slot> {
        if self.mode == Mode::AccessLog {
            self.misplace();
            return None;
        }
        Some(self.recorder.open())
    }

    /// Whether [`Filter::headers`] has anything to do.
    pub fn wants_headers(&self) -> bool {
        self.recorder.wants_headers()
    }

    /// Takes what is needed of a request's headers while they pass.
    pub fn headers(&mut self, slot: Slot, attributes: &dyn Attributes) {
        self.recorder.headers(slot, attributes);
    }

    /// Counts bytes that move on a stream now.
    pub fn count(
        &mut self,
        slot: Slot,
        moved: Moved,
        clock: &dyn WallClock,
        attributes: &dyn Attributes,
    ) {
        self.recorder.count(slot, moved, clock, attributes);
    }

    /// Counts what a connection's source has sent, and what this callback's data shows to be new.
    pub fn deliver(
        &mut self,
        slot: Slot,
        delivery: Delivery,
        clock: &dyn WallClock,
        attributes: &dyn Attributes,
        data: &dyn Data,
    ) {
        self.recorder.deliver(slot, delivery, clock, attributes, data);
    }

    /// Ends a stream.
    pub fn close(&mut self, slot: Slot, attributes: &dyn Attributes) {
        self.recorder.close(slot, attributes);
    }

    /// Counts a stream that has ended, of which nothing was seen before, in access-log mode.
    pub fn record(&mut self, clock: &dyn WallClock, attributes: &dyn Attributes) {
        if self.mode == Mode::AccessLog {
            self.recorder.record(clock, attributes);
        } else {
            self.misplace();
        }
    }

    /// When there was something to report first, bytes or a loss, in nanoseconds, if the instance
    /// now needs a name: [`Filter::name`] wants to be called, or there will be no batch.
    pub fn needs_name(&self) -> Option<u64> {
        let first_ns = self.recorder.first_traffic_ns().or(self.loss_ns);
        first_ns.filter(|_| self.instance.is_none())
    }

    /// Names the instance, once and for all.
    pub fn name(&mut self, origin: &Origin) {
        self.instance.get_or_insert_with(|| origin.id());
    }

    /// When the instance started, in nanoseconds since the Unix epoch.
    pub fn started_ns(&self) -> u64 {
        self.started_ns
    }

    /// Takes in a tick, and returns a body to push, if one is due.
    pub fn tick(&mut self, now_ns: u64) -> Option<Rc<[u8]>> {
        let wall_ms = now_ns / NANOSECONDS_PER_MS;
        self.clock.tick(wall_ms);
        let steady_ms = self.clock.steady_ms();
        self.recorder.collect(steady_ms, now_ns);
        self.warn_of_direction();
        self.warn_of_holding();
        let due = self.pusher.advance(steady_ms);
        self.freeze(if self.ending { Due::End } else { due }, wall_ms);
        self.pusher.send(steady_ms)
    }

    /// Begins the end: all that is left is to be pushed, now if nothing is in the air. Returns a
    /// body to push. The end has come when [`Filter::is_settled`].
    pub fn end(&mut self, now_ns: u64) -> Option<Rc<[u8]>> {
        self.ending = true;
        self.recorder.collect_all();
        self.pusher.hurry();
        let wall_ms = now_ns / NANOSECONDS_PER_MS;
        // All of it now: what is frozen can be read by whoever finds it in a log.
        for _ in 0..=self.recorder.table().len() {
            self.freeze(Due::End, wall_ms);
        }
        self.pusher.send(self.clock.steady_ms())
    }

    /// Batches that nobody has confirmed, as they go over the wire. At the end, that is all that
    /// is left.
    pub fn unconfirmed(&self) -> impl Iterator<Item = &[u8]> {
        self.pusher.unconfirmed()
    }

    /// Whether the end has begun.
    pub fn is_ending(&self) -> bool {
        self.ending
    }

    /// Whether all that was counted is delivered or given up, and the end, if it has begun, is told.
    pub fn is_settled(&mut self) -> bool {
        let has_left = self.ending && self.instance.is_some() && !self.pusher.has_ended();
        let is_empty = self.recorder.table().is_empty() && !self.recorder.is_holding();
        self.pusher.is_idle() && is_empty && !has_left
    }

    /// Takes note that the last body is on its way under this token.
    pub fn sent(&mut self, token: u32) {
        self.pusher.sent(token);
    }

    /// Takes note that Envoy did not take the last body.
    pub fn not_sent(&mut self) {
        self.pusher.not_sent(self.clock.steady_ms());
    }

    /// Takes in what came back, and returns a body to push next, if the end has begun.
    pub fn answered(&mut self, token: u32, response: &Response, now_ns: u64) -> Option<Rc<[u8]>> {
        let instance = self.instance.as_ref()?;
        // From here a wait may begin: counted from the last tick, it would be too short.
        let steady_ms = self.clock.between_ticks(now_ns / NANOSECONDS_PER_MS);
        self.pusher.answered(token, response, instance, steady_ms);
        if !self.ending {
            return None;
        }
        self.recorder.collect_all();
        if !self.recorder.table().is_empty() || !self.pusher.has_ended() {
            self.freeze(Due::End, now_ns / NANOSECONDS_PER_MS);
        }
        self.pusher.send(steady_ms)
    }

    /// Counts since the start.
    pub fn totals(&mut self) -> Totals {
        let tally = self.pusher.tally();
        let table = self.recorder.table();
        Totals {
            flows: table.taken_flows(),
            bytes: table.added_bytes(),
            table_flows: table.len() as u64,
            batches_delivered: tally.delivered,
            batches_retried: tally.retried,
            batches_rejected: tally.rejected,
            lost_bytes: table.lost_bytes().saturating_add(tally.rejected_bytes),
            folded_bytes: table.folded_bytes(),
        }
    }

    /// Takes what is to be logged.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        let mut notices = std::mem::take(&mut self.notices);
        notices.append(&mut self.pusher.take_notices());
        notices
    }

    fn freeze(&mut self, due: Due, wall_ms: u64) {
        let Some(instance) = &self.instance else { return };
        let drains = !self.recorder.is_holding();
        let now = Now { steady_ms: self.clock.between_ticks(wall_ms), wall_ms };
        self.pusher.freeze(self.recorder.table(), instance, due, drains, now);
    }

    /// Warns, once, that the filter stands where its mode does not belong.
    fn misplace(&mut self) {
        if !self.is_misplaced {
            self.is_misplaced = true;
            self.notices.push(Notice::Misplaced { mode: self.mode });
        }
    }

    fn warn_of_holding(&mut self) {
        if self.recorder.is_held_back() && !self.warned_of_holding {
            self.warned_of_holding = true;
            self.notices.push(Notice::HeldBack);
        }
    }

    fn warn_of_direction(&mut self) {
        if self.warned {
            return;
        }
        let side = self.default_side;
        if self.recorder.is_direction_missing() {
            self.warned = true;
            self.notices.push(Notice::DirectionMissing { side });
        } else if self.recorder.is_direction_contradicted() {
            self.warned = true;
            self.notices.push(Notice::DirectionContradicted);
        }
    }
}
