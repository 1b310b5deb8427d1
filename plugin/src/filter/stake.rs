//! What goes with the instance if its VM traps, and what others have left behind.

use super::{Filter, NANOSECONDS_PER_MS};
use crate::limits::{ABANDONED_MS, ABANDONED_UNNAMED_MS, LOOK_MS};
use crate::notice::Notice;
use crate::register::{Register, Slots, Stake};

impl Filter {
    /// Takes over, as lost, what roots have left behind that no longer tick. Before a tick, which
    /// then reports it.
    pub fn take_over(&mut self, register: &mut Register, slots: &dyn Slots, now_ns: u64) {
        let steady_ms = self.clock.between_ticks(now_ns / NANOSECONDS_PER_MS);
        if self.ending || steady_ms < self.look_at_ms {
            return;
        }
        self.look_at_ms = steady_ms + LOOK_MS;
        // Rather one that is heard of anyway than one that would be for this alone.
        let is_named = self.instance.is_some();
        let patience_ms = if is_named { ABANDONED_MS } else { ABANDONED_UNNAMED_MS };
        let stake = register.look(steady_ms, patience_ms, slots);
        if stake.is_nothing() {
            return;
        }
        self.loss_ns.get_or_insert(now_ns);
        self.recorder.table().lose(stake.bytes);
        self.pusher.inherit_loss(stake.lost_bytes);
        self.notices.push(Notice::Abandoned { bytes: stake.bytes });
    }

    /// Writes down what goes with this instance if its VM traps before the next callback.
    pub fn keep(&mut self, register: &mut Register, slots: &dyn Slots) {
        let stake = self.stake();
        if register.keep(stake, slots).is_err() && !self.warned_of_full_register {
            self.warned_of_full_register = true;
            self.notices.push(Notice::RegisterFull);
        }
    }

    /// What is at stake. Once the end has begun nothing is: all of it is in the log.
    fn stake(&mut self) -> Stake {
        if self.ending {
            return Stake::default();
        }
        let held_bytes = self.recorder.held_bytes();
        let table = self.recorder.table();
        Stake {
            bytes: held_bytes + table.waiting_bytes() + self.pusher.frozen_bytes(),
            lost_bytes: self.pusher.untold_lost_bytes(table),
        }
    }
}
