//! `Pusher`: the delivery of batches, as a state machine over a steady time. One batch is on its
//! way at a time; it goes out again, byte for byte, until it is delivered or rejected.

mod frozen;
mod outcome;
mod pace;
mod tally;
mod untold;

use std::collections::VecDeque;
use std::rc::Rc;

use flow_model::flow::hour_of_ms;
use flow_model::{Hour, Name, Reporter};

use crate::backoff::{Backoff, Jitter};
use crate::limits::{CALLBACK_GRACE_MS, HEARTBEAT_MS, MAX_END_SENDS};
use crate::notice::Notice;
use crate::table::Table;
use frozen::{Frozen, Head, on_wire};
pub use outcome::{Outcome, Response, Why};
pub use pace::{Due, Now, Pace};
pub use tally::Tally;

/// The call that is in the air.
#[derive(Clone, Copy, Debug)]
struct Call {
    /// Envoy's number for it; none until the shell has it.
    token: Option<u32>,
    give_up_at_ms: u64,
}

/// The delivery of an instance's batches.
#[derive(Debug)]
pub struct Pusher {
    pace: Pace,
    backoff: Backoff,
    /// The waits of batches that have nothing but losses to report.
    loss_backoff: Backoff,
    default_side: Reporter,
    last_side: Option<Reporter>,
    sequence: u64,
    watermark_ms: u64,
    /// Lost bytes that batches have reported, less those of rejected batches.
    reported_lost_bytes: u64,
    /// Lost bytes that instances before this one have counted, and not reported.
    inherited_lost_bytes: u64,
    pending: Option<Frozen>,
    /// Batches that follow the pending one: only at the end, when all is frozen at once.
    queue: VecDeque<Frozen>,
    call: Option<Call>,
    /// How often the pending batch has been sent.
    sends: u32,
    retry_at_ms: u64,
    /// When losses may be reported without flows.
    report_at_ms: u64,
    /// How many batches have been rejected since one was delivered.
    rejections: u32,
    push_at_ms: u64,
    /// When an empty batch is sent rather than none.
    heartbeat_at_ms: u64,
    /// The hour, by the wall clock, in which a batch last took all.
    vouched_hour: Hour,
    /// Whether the last batch said that it is the last.
    has_ended: bool,
    /// More was waiting than fitted the last batch.
    backlog: bool,
    tally: Tally,
    notices: Vec<Notice>,
}

impl Pusher {
    /// A delivery that starts at steady time 0, which was `started_ms` by the wall clock. The
    /// first push comes at a random point of the first interval, so that the threads of an Envoy
    /// and the sidecars of a mesh do not push at once.
    pub fn new(pace: Pace, default_side: Reporter, started_ms: u64, mut jitter: Jitter) -> Self {
        Self {
            pace,
            push_at_ms: jitter.below(pace.interval_ms),
            heartbeat_at_ms: HEARTBEAT_MS,
            vouched_hour: hour_of_ms(started_ms),
            has_ended: false,
            backoff: Backoff::new(jitter.clone()),
            loss_backoff: Backoff::new(jitter),
            default_side,
            last_side: None,
            sequence: 0,
            watermark_ms: on_wire(started_ms),
            reported_lost_bytes: 0,
            inherited_lost_bytes: 0,
            pending: None,
            queue: VecDeque::new(),
            call: None,
            sends: 0,
            retry_at_ms: 0,
            report_at_ms: 0,
            rejections: 0,
            backlog: false,
            tally: Tally::default(),
            notices: Vec::new(),
        }
    }

    /// Gives up on a call that never came back, and moves the time of the next push on.
    /// Returns what a new batch is due for.
    pub fn advance(&mut self, steady_ms: u64) -> Due {
        if self.call.is_some_and(|call| call.give_up_at_ms <= steady_ms) {
            self.call = None;
            if self.pending.is_some() {
                self.retry(Why::NoCallback, 0, steady_ms);
            }
        }
        let due = self.push_at_ms <= steady_ms;
        if due && self.is_idle() {
            // In whole intervals, so that the random point of the start is kept.
            let behind_ms = steady_ms - self.push_at_ms;
            let intervals = behind_ms.checked_div(self.pace.interval_ms).unwrap_or(0) + 1;
            self.push_at_ms += intervals * self.pace.interval_ms;
        }
        let is_far = self.pace.interval_ms > HEARTBEAT_MS;
        match self.is_idle() {
            true if due || self.backlog => Due::Push,
            true if is_far && self.heartbeat_at_ms <= steady_ms => Due::Heartbeat,
            _ => Due::Nothing,
        }
    }

    /// Whether no batch waits, and no call is in the air.
    pub fn is_idle(&self) -> bool {
        self.pending.is_none() && self.call.is_none()
    }

    /// Whether there is anything to report. Who rejects batches is not bothered every interval
    /// with the news of their loss alone.
    fn has_news(&self, table: &Table, steady_ms: u64) -> bool {
        let reports_loss = self.unreported_lost_bytes(table) > 0 && self.report_at_ms <= steady_ms;
        !table.is_empty() || reports_loss
    }

    /// Whether readers wait for a sign of life: after a minute's silence, and after the end of an
    /// hour, which they take for incomplete until everybody has said that it is over. A batch that
    /// cannot say so is no answer to that.
    fn has_been_silent(&self, vouches: bool, Now { steady_ms, wall_ms }: Now) -> bool {
        // Also when the clock was set back: this is news.
        let hour_is_over = self.vouched_hour != hour_of_ms(wall_ms);
        self.heartbeat_at_ms <= steady_ms || (vouches && hour_is_over)
    }

    /// Freezes a batch of what the table holds, if anything is to be said. With `drains`, nothing
    /// is held back outside of the table, and if the batch takes all, it vouches for everything
    /// up to `wall_ms`. At the end, it may have to queue.
    pub fn freeze(
        &mut self,
        table: &mut Table,
        instance: &Name<'static>,
        due: Due,
        drains: bool,
        now: Now,
    ) {
        let has_word = due == Due::End || self.has_been_silent(drains && table.is_empty(), now);
        let is_wanted = self.has_news(table, now.steady_ms) || (has_word && !self.has_ended);
        // At the end, what there is to say may have to queue; a log is to have all of it.
        let is_last = due == Due::End && (!table.is_empty() || (drains && !self.has_ended));
        let is_free = self.is_idle() || is_last;
        if !is_free || due == Due::Nothing || !is_wanted {
            return;
        }
        let reporter = self.next_side(table);
        let lost_bytes = on_wire(self.unreported_lost_bytes(table));
        let most = if due == Due::Heartbeat { 0 } else { self.pace.max_batch_flows };
        let taken = table.take(reporter, most);
        let takes_all = drains && table.is_empty();
        self.backlog = due != Due::Heartbeat && !table.is_empty();
        if takes_all {
            // A clock that was set back must not take back what was said.
            self.watermark_ms = self.watermark_ms.max(on_wire(now.wall_ms));
            self.vouched_hour = hour_of_ms(now.wall_ms);
        }
        self.heartbeat_at_ms = now.steady_ms + HEARTBEAT_MS;
        self.has_ended = due == Due::End && takes_all;
        self.sequence += 1;
        self.last_side = Some(reporter);
        self.reported_lost_bytes += lost_bytes;
        let head = Head {
            instance,
            sequence: self.sequence,
            reporter,
            watermark_ms: self.watermark_ms,
            lost_bytes,
            ended: self.has_ended,
        };
        self.queue.push_back(Frozen::new(&head, taken));
        if self.pending.is_none() {
            self.next();
        }
    }

    /// What is not known to be delivered, in order: for a log, in case that it never will be.
    pub fn unconfirmed(&self) -> impl Iterator<Item = &[u8]> {
        self.pending.iter().chain(&self.queue).map(|batch| &*batch.body)
    }

    /// Goes on to the next batch.
    fn next(&mut self) {
        self.pending = self.queue.pop_front();
        self.retry_at_ms = 0;
        self.sends = 0;
    }

    /// The body to send now, if any. Until [`Pusher::sent`] or [`Pusher::not_sent`] is told,
    /// there is no other.
    pub fn send(&mut self, steady_ms: u64) -> Option<Rc<[u8]>> {
        if self.call.is_some() || steady_ms < self.retry_at_ms {
            return None;
        }
        let body = Rc::clone(&self.pending.as_ref()?.body);
        self.sends = self.sends.saturating_add(1);
        let give_up_at_ms = steady_ms + self.pace.timeout_ms + CALLBACK_GRACE_MS;
        self.call = Some(Call { token: None, give_up_at_ms });
        Some(body)
    }

    /// Sends what waits without regard to a wait: there may be no later.
    pub fn hurry(&mut self) {
        self.retry_at_ms = 0;
        self.report_at_ms = 0;
    }

    /// Takes note that the request is on its way.
    pub fn sent(&mut self, token: u32) {
        if let Some(call) = &mut self.call {
            call.token = Some(token);
        }
    }

    /// Takes note that Envoy did not take the request.
    pub fn not_sent(&mut self, steady_ms: u64) {
        self.call = None;
        self.retry(Why::NotSent, 0, steady_ms);
    }

    /// Takes in a response. That of a call which had been given up counts only if it proves that
    /// the waiting batch was delivered.
    pub fn answered(
        &mut self,
        token: u32,
        response: &Response,
        instance: &Name<'static>,
        steady_ms: u64,
    ) {
        let is_current = self.call.is_some_and(|call| call.token == Some(token));
        if is_current {
            self.call = None;
        }
        let Some(pending) = &self.pending else { return };
        match response.outcome(instance, pending.sequence) {
            Outcome::Delivered => self.delivered(),
            _ if !is_current => {}
            Outcome::Retry { why, at_least_ms } => self.retry(why, at_least_ms, steady_ms),
            Outcome::Rejected { status, reason } => self.rejected(status, reason, steady_ms),
        }
    }

    /// Whether the last batch said that there will be no more.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// What became of the batches so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Takes what is to be logged.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    fn delivered(&mut self) {
        let Some(batch) = self.pending.take() else { return };
        self.backoff.reset();
        self.loss_backoff.reset();
        self.rejections = 0;
        self.tally.delivered += 1;
        self.notices.push(Notice::Delivered { sequence: batch.sequence, sends: self.sends });
        self.next();
    }

    fn rejected(&mut self, status: u16, reason: String, steady_ms: u64) {
        let Some(batch) = self.pending.take() else { return };
        self.backoff.reset();
        self.tally.rejected += 1;
        self.tally.rejected_bytes = self.tally.rejected_bytes.saturating_add(batch.bytes);
        // Nobody took the report: the next batch repeats it.
        self.reported_lost_bytes -= batch.lost_bytes;
        self.report_at_ms = steady_ms + self.loss_backoff.next_ms();
        self.rejections = self.rejections.saturating_add(1);
        let (sequence, bytes, times) = (batch.sequence, batch.bytes, self.rejections);
        self.notices.push(Notice::Rejected { sequence, status, reason, bytes, times });
        self.next();
    }

    fn retry(&mut self, why: Why, at_least_ms: u64, steady_ms: u64) {
        let Some(batch) = &self.pending else { return };
        let says_only_the_end = self.has_ended && batch.bytes == 0 && batch.lost_bytes == 0;
        if says_only_the_end && self.sends >= MAX_END_SENDS {
            // Nothing is lost with it: the aggregator finds out by the silence.
            self.next();
            return;
        }
        let wait_ms = self.backoff.next_ms().max(at_least_ms);
        self.retry_at_ms = steady_ms + wait_ms;
        self.tally.retried += 1;
        let (sequence, sends) = (batch.sequence, self.sends);
        self.notices.push(Notice::Retry { sequence, sends, why, wait_ms });
    }

    fn unreported_lost_bytes(&self, table: &Table) -> u64 {
        let lost_bytes = table.lost_bytes().saturating_add(self.tally.rejected_bytes);
        let lost_bytes = lost_bytes.saturating_add(self.inherited_lost_bytes);
        lost_bytes.saturating_sub(self.reported_lost_bytes)
    }

    /// The side of the next batch: the two take turns, so that neither waits for ever.
    fn next_side(&self, table: &Table) -> Reporter {
        let order = match self.last_side {
            Some(Reporter::Source) => [Reporter::Destination, Reporter::Source],
            _ => [Reporter::Source, Reporter::Destination],
        };
        order.into_iter().find(|side| table.has(*side)).unwrap_or(self.default_side)
    }
}
