//! What the committer does beside committing: it starts checkpoints, moves hours out of memory,
//! and lets go of hours and dedupe records whose time is over.

use std::time::{Duration, Instant};

use flow_model::Hour;
use flow_model::flow::hour_of_ms;

use super::Committer;
use crate::clock::now_ms;
use crate::limits::{LOST_AFTER, MAX_FORGOTTEN, SWEEP_INTERVAL};
use crate::store::embedded::checkpointer::{Checkpointer, Finished};
use crate::store::embedded::journal::checkpoint::{CheckpointPlan, HourPlan};
use crate::store::embedded::memory::Memory;
use crate::store::embedded::{Keep, lock};

/// How often sizes are looked at while writes come in.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// How often it is looked whether a checkpoint is done.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

pub(in crate::store::embedded) struct Housekeeping {
    keep: Keep,
    checkpointer: Checkpointer,
    /// The log's growth since the last checkpoint began, in bytes.
    pub log_bytes: u64,
    /// The hours that are being written.
    writing: Vec<Hour>,
    first_hour: Hour,
    /// Whether hours should still leave memory, or be put together on disk.
    has_more: bool,
    last_look: Option<Instant>,
    last_sweep: Option<Instant>,
}

impl Housekeeping {
    pub fn new(keep: Keep, checkpointer: Checkpointer, log_bytes: u64) -> Self {
        let first_hour = checkpointer.first_hour();
        Self {
            keep,
            checkpointer,
            log_bytes,
            writing: Vec::new(),
            first_hour,
            has_more: false,
            last_look: None,
            last_sweep: None,
        }
    }

    /// Hours before this one are not kept.
    pub fn first_hour(&self) -> Hour {
        self.first_hour
    }

    /// Dedupe records from before this time are not kept, in milliseconds since the Unix epoch.
    pub fn oldest_dedupe_ms(&self) -> u64 {
        now_ms().saturating_sub(self.keep.dedupe_ms)
    }

    /// How long the committer may wait for a write.
    pub fn patience(&self) -> Duration {
        match (self.checkpointer.is_idle(), self.has_more) {
            (false, _) => POLL_INTERVAL,
            (true, true) => LOOK_INTERVAL,
            (true, false) => SWEEP_INTERVAL,
        }
    }

    /// Waits for what is going on.
    pub fn finish(&mut self) {
        self.checkpointer.finish();
    }

    fn is_look_due(&self, now: Instant) -> bool {
        self.last_look.is_none_or(|last| now.duration_since(last) >= LOOK_INTERVAL)
    }
}

impl Committer {
    /// Does what is due.
    pub(in crate::store::embedded) fn keep_house(&mut self) {
        if self.health.check().is_err() {
            return;
        }
        if let Some(finished) = self.housekeeping.checkpointer.poll() {
            self.settle(&finished);
        }
        let now = Instant::now();
        let is_log_due = self.housekeeping.checkpointer.is_due(self.housekeeping.log_bytes)
            && self.housekeeping.checkpointer.is_idle();
        if !is_log_due && !self.housekeeping.is_look_due(now) {
            // There may be something to do, though no more writes come.
            self.housekeeping.has_more = true;
            return;
        }
        self.housekeeping.last_look = Some(now);
        self.prune();
        self.cool(is_log_due);
        let last_sweep = self.housekeeping.last_sweep;
        if last_sweep.is_none_or(|last| now.duration_since(last) >= SWEEP_INTERVAL) {
            self.housekeeping.last_sweep = Some(now);
            self.forget();
            self.report_clocks();
        }
    }

    /// Takes note of a checkpoint that has been written, or has not.
    fn settle(&mut self, finished: &Finished) {
        let writing = std::mem::take(&mut self.housekeeping.writing);
        let checkpointer = &mut self.housekeeping.checkpointer;
        let mut memory = lock(&self.memory);
        let states = memory.hours_mut().filter(|(hour, _)| writing.binary_search(hour).is_ok());
        match finished {
            Finished::Written => {
                for (hour, state) in states {
                    if let Some(stored) = checkpointer.stored(hour) {
                        state.settle(stored);
                    }
                }
                drop(memory);
                checkpointer.trim(&self.journal);
            }
            Finished::Failed => {
                let mut outcome = Ok(());
                for (_, state) in states {
                    state.is_dirty = true;
                    outcome = outcome.and(state.thaw());
                }
                drop(memory);
                if let Err(error) = outcome {
                    self.fail(&error.to_string());
                }
            }
        }
    }

    /// Lets go of hours that are older than what is kept. The newest hour counts as now if it is
    /// older than now: a clock that jumps ahead takes nothing away.
    fn prune(&mut self) {
        let Some(retain_hours) = self.housekeeping.keep.retain_hours else { return };
        let mut memory = lock(&self.memory);
        let Some((newest, _)) = memory.hours().next_back() else { return };
        let first_hour = newest.min(hour_of_ms(now_ms())).saturating_sub(retain_hours.get() - 1);
        if first_hour <= self.housekeeping.first_hour {
            return;
        }
        self.housekeeping.first_hour = first_hour;
        let pruned = memory.prune(first_hour);
        drop(memory);
        if pruned > 0 {
            log::info!("{pruned} hours before {first_hour} are no longer kept");
            self.metrics.hours_pruned.inc_by(pruned as u64);
        }
    }

    /// Moves hours out of memory when there are too many or they take too much, and starts a
    /// checkpoint if that takes one, or if it is due anyway.
    fn cool(&mut self, is_due: bool) {
        let mut memory = lock(&self.memory);
        self.report(&memory);
        let surplus = surplus(&memory, &self.housekeeping.keep);
        let checkpointer = &self.housekeeping.checkpointer;
        // Only while nothing is being written is the stored hour known to be as it is.
        let is_idle = checkpointer.is_idle();
        for hour in surplus.iter().filter(|_| is_idle) {
            if let Some(stored) = checkpointer.stored(*hour) {
                memory.hour_mut(*hour).evict(stored);
            }
        }
        let must_leave = surplus.iter().any(|hour| memory.hour_mut(*hour).is_dirty);
        let size_bytes: usize = memory.hours().map(|(_, state)| state.size_bytes()).sum();
        // Readers of cold hours need not add up what is put together.
        let is_parted = memory.hours().any(|(_, state)| state.is_dirty && !state.is_hot());
        let can_settle = is_parted && checkpointer.has_rested();
        let is_left = surplus.iter().any(|hour| memory.hour_mut(*hour).is_hot());
        drop(memory);
        self.housekeeping.has_more = is_parted || is_left;
        let budget = self.housekeeping.keep.memory_budget;
        let has_old = checkpointer.has_hours_before(self.housekeeping.first_hour);
        if is_due || must_leave || can_settle || size_bytes > budget || has_old {
            self.checkpoint(surplus);
        }
        if size_bytes > budget.saturating_mul(2) {
            // Writes come faster than they can be moved to disk: they wait.
            if let Some(finished) = self.housekeeping.checkpointer.finish() {
                self.settle(&finished);
            }
        }
    }

    /// Starts a checkpoint, if none is going on. The hours in `cooling` leave memory with it.
    fn checkpoint(&mut self, mut cooling: Vec<Hour>) {
        if !self.housekeeping.checkpointer.is_idle() {
            return;
        }
        cooling.sort_unstable();
        let mut memory = lock(&self.memory);
        let mut hours = Vec::new();
        for (hour, state) in memory.hours_mut().filter(|(_, state)| state.is_dirty) {
            if !state.is_hot() || cooling.binary_search(&hour).is_ok() {
                state.freeze();
            }
            state.is_dirty = false;
            let (sum, last_write) = (state.sum(), state.last_write);
            hours.push(HourPlan { view: state.view(hour, &self.journal), sum, last_write });
        }
        drop(memory);
        self.housekeeping.writing = hours.iter().map(|plan| plan.view.hour()).collect();
        self.housekeeping.log_bytes = 0;
        let (log_index, first_hour) = (self.log_index, self.housekeeping.first_hour);
        let plan = CheckpointPlan { hours, log_index, first_hour };
        if !self.housekeeping.checkpointer.start(&self.journal, plan) {
            self.settle(&Finished::Failed);
        }
    }

    /// Forgets dedupe records whose time is over.
    fn forget(&self) {
        let oldest_ms = self.housekeeping.oldest_dedupe_ms();
        let mut memory = lock(&self.memory);
        let old = memory.instances().filter(|(_, record)| record.last_seen_ms < oldest_ms);
        let old: Vec<String> = old.take(MAX_FORGOTTEN).map(|(id, _)| id.to_owned()).collect();
        old.iter().for_each(|id| memory.forget_instance(id));
        drop(memory);
        if let Err(error) = self.journal.forget(&old, oldest_ms) {
            log::warn!("old dedupe records could not be removed: {error}");
        }
    }

    /// Counts the instances that report with a wrong clock, and names one.
    fn report_clocks(&self) {
        let heard_ms = now_ms().saturating_sub(LOST_AFTER.as_millis() as u64);
        let memory = lock(&self.memory);
        let skewed = memory.instances().filter(|(_, progress)| {
            !progress.ended && progress.last_seen_ms >= heard_ms && progress.is_skewed()
        });
        let (mut count, mut example) = (0, None);
        for (id, progress) in skewed {
            count += 1;
            example.get_or_insert_with(|| (id.to_owned(), progress.clock_offset_ms));
        }
        drop(memory);
        // Only what is new is news.
        if let Some((id, Some(offset_ms))) = example.filter(|_| count > self.metrics.skewed.get()) {
            log::warn!("the clocks of {count} instances are wrong: that of {id} by {offset_ms} ms");
        }
        self.metrics.skewed.set(count);
    }

    fn report(&self, memory: &Memory) {
        let metrics = &self.metrics;
        let (mut hours, mut hot, mut size_bytes) = (0, 0, 0);
        for (_, state) in memory.hours() {
            hours += 1;
            hot += i64::from(state.is_hot());
            size_bytes += state.size_bytes();
        }
        metrics.hours.set(hours);
        metrics.hot_hours.set(hot);
        metrics.memory_bytes.set(i64::try_from(size_bytes).unwrap_or(i64::MAX));
        metrics.instances.set(i64::try_from(memory.instances().count()).unwrap_or(i64::MAX));
    }
}

/// The hot hours that should leave memory: those that were not written to for longest.
fn surplus(memory: &Memory, keep: &Keep) -> Vec<Hour> {
    let mut left_bytes: usize = memory.hours().map(|(_, state)| state.size_bytes()).sum();
    let hot = memory.hours().filter(|(_, state)| state.is_hot());
    let mut hot: Vec<(u64, Hour, usize)> =
        hot.map(|(hour, state)| (state.last_write, hour, state.size_bytes())).collect();
    hot.sort_unstable();
    let mut surplus = Vec::new();
    let mut left_hours = hot.len();
    for (_, hour, size_bytes) in hot {
        if left_hours <= keep.hot_hours && left_bytes <= keep.memory_budget {
            break;
        }
        left_hours -= 1;
        left_bytes -= size_bytes;
        surplus.push(hour);
    }
    surplus
}
