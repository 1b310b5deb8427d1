//! The end of the roots: at once, as after SIGTERM, or when they are ready, as when a listener is
//! replaced. Streams end before their roots.

use super::{Callback, Host, HostError};
use crate::{abi::Peer, timeline::EventKind};

impl Host {
    /// Ends as after SIGTERM, or as when a listener goes and its VM with it: the open streams, then
    /// `on_done` on every thread, whose answer does not count: a root that wants time is not even
    /// deleted. What the plugin sends in it still leaves, but no answer arrives.
    pub fn terminate(&mut self) {
        for thread in 0..self.threads.len() {
            self.end_streams(thread);
            for root in self.roots(thread) {
                let is_done = self.ask(thread, root);
                self.settle(thread);
                // One that wants time goes without a word (measured).
                if is_done {
                    self.delete_root(thread, root);
                }
            }
            if let Some(worker) = self.threads.get_mut(thread) {
                worker.vm = None;
            }
        }
    }

    /// Ends as when the listener is replaced: the open streams, then the roots. A root whose
    /// `on_done` gives false goes on until it calls `proxy_done`. Gives on how many threads some
    /// are not done yet; call again after time has passed.
    pub fn drain(&mut self) -> Result<usize, HostError> {
        for thread in 0..self.threads.len() {
            self.end_streams(thread);
            for root in self.roots(thread) {
                self.drain_root(thread, root);
            }
            self.settle(thread);
        }
        self.run_due()?;
        Ok(self.threads.iter().filter(|worker| worker.vm.is_some()).count())
    }

    /// Ends one plugin of the VM as when its listener goes: its open streams, then its roots. The
    /// other plugins keep the VM, and with it a root that wants time.
    pub fn drain_plugin(&mut self, plugin: usize) -> Result<(), HostError> {
        let root = self.root_of(plugin)?;
        for thread in 0..self.threads.len() {
            for id in self.open_streams(thread) {
                if self.root_of_stream(id) == Some(root) {
                    self.end_guest(id, Some(Peer::Local));
                    self.settle(thread);
                }
            }
            self.drain_root(thread, root);
            self.settle(thread);
        }
        self.run_due()
    }

    fn drain_root(&mut self, thread: usize, root: u32) {
        if self.ask(thread, root) {
            self.delete_root(thread, root);
        }
    }

    /// The roots of a thread, the newest first, in which order Envoy ends them (measured).
    pub(super) fn roots(&self, thread: usize) -> Vec<u32> {
        let worker = self.threads.get(thread);
        let mut roots: Vec<u32> =
            worker.map(|worker| worker.root_contexts().collect()).unwrap_or_default();
        roots.reverse();
        roots
    }

    /// Streams do not outlive their roots: connections are closed, requests reset.
    fn end_streams(&mut self, thread: usize) {
        for id in self.open_streams(thread) {
            self.end_guest(id, Some(Peer::Local));
            self.settle(thread);
        }
    }

    /// Calls `on_done` on a root, the first time only; whether it is done.
    pub(super) fn ask(&mut self, thread: usize, context: u32) -> bool {
        let Some(worker) = self.threads.get_mut(thread) else { return true };
        let Some(root) = worker.root(context).filter(|root| !root.done) else { return true };
        if std::mem::replace(&mut root.asked, true) {
            // It has been asked before, and will say so itself.
            return worker.live().is_none();
        }
        let Some(vm) = worker.live() else { return true };
        let wants_time = matches!(vm.call(Callback::Done, context, &[context]), Ok(Some(0)));
        if wants_time {
            vm.state().pending_done.push(context);
        }
        !wants_time
    }

    /// Deletes a root; with the last one goes its VM, and with that the calls in flight.
    pub(super) fn delete_root(&mut self, thread: usize, context: u32) {
        let Some(worker) = self.threads.get_mut(thread) else { return };
        let Some(root) = worker.root(context) else { return };
        if std::mem::replace(&mut root.done, true) {
            return;
        }
        worker.set_tick_period(context, 0, &mut self.schedule);
        if let Some(vm) = worker.live() {
            let _recorded = vm.call(Callback::Delete, context, &[context]);
            vm.state().record(EventKind::RootDone);
            vm.state().contexts.remove(&context);
        }
        if worker.roots.iter().all(|root| root.done) {
            worker.vm = None;
        }
    }
}
