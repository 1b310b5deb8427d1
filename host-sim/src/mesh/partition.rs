//! One thread's share of the sidecars. Virtual time goes on in slices: in each, every sidecar runs
//! up to its end, and while one waits for an answer, others run.

use std::sync::mpsc;

use super::{
    accounts::Accounts,
    courier::{Answers, Delivered, Errand, Errands},
    progress::Progress,
    sidecar::Sidecar,
    world::World,
};
use crate::{timestamp::SECOND_NS, vm::meter::thread_cpu_ns};

/// A slice is long enough that a VM's memory is in the cache for most of it.
const SLICE_NS: u64 = 60 * SECOND_NS;

/// One thread's sidecars.
pub(super) struct Partition<'a> {
    /// The number of the thread.
    pub(super) thread: usize,
    pub(super) world: World<'a>,
    pub(super) errands: Errands,
    pub(super) answers: Answers,
    pub(super) progress: mpsc::Sender<Progress>,
}

impl Partition<'_> {
    /// Runs the sidecars with these numbers to their end.
    pub(super) fn run(self, numbers: impl Iterator<Item = u32>) -> Accounts {
        let mut sidecars: Vec<Sidecar> =
            numbers.map(|number| Sidecar::new(number, &self.world)).collect();
        let mut accounts = Accounts::default();
        let mut until_ns = self.world.settings.start.0;
        while !sidecars.iter().all(Sidecar::is_over) {
            until_ns = until_ns.saturating_add(SLICE_NS);
            self.slice(&mut sidecars, until_ns, &mut accounts);
            let counts = &accounts.counts;
            let progress = Progress {
                thread: self.thread,
                virtual_ns: until_ns.saturating_sub(self.world.settings.start.0),
                callbacks: counts.callbacks,
                pushes: counts.pushes,
            };
            // Nobody needs to look.
            let _unseen = self.progress.send(progress);
        }
        accounts.cpu_ns = thread_cpu_ns();
        accounts
    }

    fn slice(&self, sidecars: &mut [Sidecar], until_ns: u64, accounts: &mut Accounts) {
        let mut waiting = 0_usize;
        for place in 0..sidecars.len() {
            self.run_one(sidecars, place, until_ns, (accounts, &mut waiting));
            while let Ok((place, delivered)) = self.answers.try_recv() {
                waiting -= 1;
                self.take_back(sidecars, place, delivered, accounts);
                self.run_one(sidecars, place, until_ns, (accounts, &mut waiting));
            }
        }
        while waiting > 0 {
            let Ok((place, delivered)) = self.answers.recv() else { return };
            waiting -= 1;
            self.take_back(sidecars, place, delivered, accounts);
            self.run_one(sidecars, place, until_ns, (accounts, &mut waiting));
        }
    }

    fn run_one(
        &self,
        sidecars: &mut [Sidecar],
        place: usize,
        until_ns: u64,
        (accounts, waiting): (&mut Accounts, &mut usize),
    ) {
        let Some(sidecar) = sidecars.get_mut(place) else { return };
        if let Some(parcel) = sidecar.run(until_ns, &self.world, accounts) {
            *waiting += 1;
            let errand = Errand { thread: self.thread, sidecar: place, parcel };
            // The courier ends when no more can come, and so not yet.
            let _sent = self.errands.send(errand);
        }
    }

    fn take_back(
        &self,
        sidecars: &mut [Sidecar],
        place: usize,
        delivered: Delivered,
        accounts: &mut Accounts,
    ) {
        if let Some(sidecar) = sidecars.get_mut(place) {
            sidecar.take_back(delivered, &self.world, accounts);
        }
    }
}
