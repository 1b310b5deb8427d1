//! What a test does to the proxy itself: a plugin that fails when it is told to, a wall clock that
//! is off.

use super::{Host, HostError};
use crate::{timeline::Thread, vm::VmFailure};

impl Host {
    /// Makes the plugin fail on a thread, as if it had trapped.
    pub fn fail_plugin(&mut self, thread: Thread) -> Result<(), HostError> {
        let index = match thread {
            Thread::Worker(worker) if worker >= self.workers() => {
                return Err(HostError::NoWorker(worker));
            }
            Thread::Worker(worker) => self.index_of(worker),
            _ => self.first_thread,
        };
        if let Some(vm) = self.threads.get_mut(index).and_then(|worker| worker.live()) {
            vm.fail(VmFailure::new("no callback", "a fault of the test"));
            self.settle(index);
        }
        Ok(())
    }

    /// Makes the plugin fail wherever it is well.
    pub(super) fn fail_all(&mut self, reason: &str) {
        for thread in 0..self.threads.len() {
            if let Some(vm) = self.threads.get_mut(thread).and_then(|worker| worker.live()) {
                vm.fail(VmFailure::new("no callback", reason));
                self.settle(thread);
            }
        }
    }

    /// How far the wall clock that the plugin reads is ahead of virtual time, in nanoseconds.
    /// Timers do not go by it.
    pub fn set_wall_clock_ahead_ns(&mut self, ahead_ns: i64) {
        self.process.wall_ahead_ns.set(ahead_ns);
    }
}
