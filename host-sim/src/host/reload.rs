//! A new configuration while the proxy runs: a canary tries it, new VMs take the new streams, and
//! the old roots end when their streams have ended and the drain time has passed.

use std::{ops::Range, rc::Rc};

use super::{Host, HostError, builder::StartError, worker::Worker};
use crate::timeline::Thread;

/// Threads whose VMs take no more new streams.
pub(super) struct Replaced {
    threads: Range<usize>,
    /// The end of the drain time, in nanoseconds since the epoch.
    due_ns: u64,
}

impl Host {
    /// Replaces the configuration of the first plugin; `None` starts the same one anew. If the plugin refuses
    /// it, everything stays as it was, as in Envoy.
    pub fn reload(
        &mut self,
        configuration: Option<String>,
        drain_time_ns: u64,
    ) -> Result<(), StartError> {
        let mut settings = self.settings.clone();
        let mut roots = settings.roots.to_vec();
        if let (Some(configuration), Some(root)) = (configuration, roots.first_mut()) {
            root.configuration = Rc::from(configuration.into_bytes());
        }
        settings.roots = Rc::from(roots);
        let start = |thread| {
            let worker = Worker::start(&self.plugin, &self.process, thread, &settings);
            worker.map_err(|error| StartError::Root { thread, error })
        };
        drop(start(Thread::Canary)?);
        let threads = std::iter::once(Thread::Main).chain((0..self.workers()).map(Thread::Worker));
        let started = threads.map(start).collect::<Result<Vec<_>, _>>()?;
        let new = self.threads.len()..self.threads.len() + started.len();
        let due_ns = self.process.now_ns.get().saturating_add(drain_time_ns);
        self.replaced.push(Replaced { threads: self.first_thread..new.start, due_ns });
        self.threads.extend(started);
        self.first_thread = new.start;
        self.settings = settings;
        new.for_each(|thread| self.settle(thread));
        Ok(())
    }

    /// When the next drain time ends, in nanoseconds since the epoch.
    #[must_use]
    pub fn next_drain_ns(&self) -> Option<u64> {
        let now_ns = self.process.now_ns.get();
        self.replaced.iter().map(|replaced| replaced.due_ns).filter(|due| *due > now_ns).min()
    }

    /// Ends the roots that were replaced, as far as their time has come.
    pub fn end_replaced(&mut self) -> Result<(), HostError> {
        let now_ns = self.process.now_ns.get();
        let due = self.replaced.iter().filter(|replaced| replaced.due_ns <= now_ns);
        let threads: Vec<usize> = due.flat_map(|replaced| replaced.threads.clone()).collect();
        for thread in threads {
            if !self.open_streams(thread).is_empty() {
                continue;
            }
            // One that wants time is deleted when it says so.
            for root in self.roots(thread) {
                if self.ask(thread, root) {
                    self.delete_root(thread, root);
                }
            }
            self.settle(thread);
        }
        self.run_due()
    }
}
