//! The end of the roots: at once, as after SIGTERM, or when they are ready, as when a listener is
//! replaced.

use super::{Host, HostError, ROOT};
use crate::timeline::EventKind;

impl Host {
    /// Ends as after SIGTERM: `on_done` on every thread, whose answer does not count. What the
    /// plugin sends in it still leaves, but no answer arrives.
    pub fn terminate(&mut self) {
        for thread in 0..self.threads.len() {
            self.finish(thread);
            self.settle(thread);
            self.remove(thread);
        }
    }

    /// Ends as when the listener is replaced: a root whose `on_done` gives false goes on until it
    /// calls `proxy_done`. Gives how many are not done yet; call again after time has passed.
    pub fn drain(&mut self) -> Result<usize, HostError> {
        for thread in 0..self.threads.len() {
            let is_asked = self.threads.get(thread).is_some_and(|worker| worker.draining);
            if !is_asked && self.finish(thread) {
                self.remove(thread);
            }
            self.settle(thread);
        }
        self.run_due()?;
        for thread in 0..self.threads.len() {
            if self.threads.get(thread).is_some_and(|worker| worker.done) {
                self.remove(thread);
            }
        }
        Ok(self.threads.iter().filter(|worker| worker.vm.is_some()).count())
    }

    /// Calls `on_done` on a root; whether it is done.
    fn finish(&mut self, thread: usize) -> bool {
        let Some(worker) = self.threads.get_mut(thread) else { return true };
        worker.draining = true;
        let Some(vm) = worker.live() else { return true };
        !matches!(vm.call("proxy_on_done", ROOT, &[ROOT]), Ok(Some(0)))
    }

    /// Deletes a root and its VM; calls in flight go with it.
    fn remove(&mut self, thread: usize) {
        let Some(worker) = self.threads.get_mut(thread) else { return };
        if let Some(vm) = worker.live() {
            let _recorded = vm.call("proxy_on_delete", ROOT, &[ROOT]);
            vm.state().record(EventKind::RootDone);
        }
        worker.set_tick_period(0, &mut self.schedule);
        worker.vm = None;
    }
}
