//! The life of one sidecar: its VMs start, carry traffic, are cut off, and end in one way or
//! another. A sidecar depends on nothing but its own chance and the answers to its pushes: while
//! one is on its way, it stands still, and others run.

mod post;
mod start;

use super::{
    accounts::{Accounts, End},
    agenda::{Agenda, What},
    chance::Chance,
    courier::Parcel,
    population::Member,
    running::{Around, Running},
    world::World,
};
use crate::{CallRequest, Cluster, StreamKind, timestamp::SECOND_NS};

/// Sidecars start in the first minute.
const START_NS: u64 = 60 * SECOND_NS;

/// The mean time from the end of a sidecar to the start of the next.
const RESTART_NS: f64 = 10.0 * SECOND_NS as f64;

/// How long a sidecar has to drain.
const DRAIN_NS: u64 = 600 * SECOND_NS;

/// A sidecar.
pub(super) struct Sidecar {
    number: u32,
    chance: Chance,
    agenda: Agenda,
    running: Option<Running>,
    vms: u32,
    is_bursting: bool,
    /// Tells arrivals that were drawn before a burst began or ended from those after.
    arrivals: u32,
    outage_until_ns: u64,
    /// Pushes that the log has left behind.
    left_behind: Vec<CallRequest>,
    is_draining: bool,
    ended: Option<End>,
    /// The mesh's time is over: no VM follows.
    is_finishing: bool,
    callbacks: u64,
}

impl Sidecar {
    pub(super) fn new(number: u32, world: &World<'_>) -> Self {
        let mut chance = Chance::new(world.settings.seed, u64::from(number));
        let mut agenda = Agenda::default();
        let start_ns = world.settings.start.0;
        agenda.add(start_ns.saturating_add(chance.below(START_NS)), What::Start);
        for (from_ns, to_ns) in &world.settings.faults.outages {
            let until_ns = start_ns.saturating_add(*to_ns);
            agenda.add(start_ns.saturating_add(*from_ns), What::Outage(until_ns));
        }
        Self {
            number,
            chance,
            agenda,
            running: None,
            vms: 0,
            is_bursting: false,
            arrivals: 0,
            outage_until_ns: 0,
            left_behind: Vec::new(),
            is_draining: false,
            ended: None,
            is_finishing: false,
            callbacks: 0,
        }
    }

    /// Whether nothing more comes of it.
    pub(super) fn is_over(&self) -> bool {
        self.is_finishing && self.running.is_none()
    }

    /// Runs it up to a point in virtual time, or until it has something to send.
    pub(super) fn run(
        &mut self,
        until_ns: u64,
        world: &World<'_>,
        accounts: &mut Accounts,
    ) -> Option<Parcel> {
        loop {
            if let Some(parcel) = self.parcel(world, accounts) {
                return Some(parcel);
            }
            self.close_books(world, accounts);
            let due_ns = self.running.as_ref().and_then(|running| running.host.next_due_ns());
            let own_ns = self.agenda.next_ns();
            let next_ns = due_ns.into_iter().chain(own_ns).min();
            let finish_ns = world.settings.start.0.saturating_add(world.settings.duration_ns);
            if !self.is_finishing
                && finish_ns <= until_ns
                && next_ns.is_none_or(|it| it > finish_ns)
            {
                self.finish(finish_ns);
                continue;
            }
            match (own_ns, due_ns) {
                (Some(own_ns), _) if own_ns <= until_ns && due_ns.is_none_or(|it| own_ns <= it) => {
                    self.next(world, accounts);
                }
                (_, Some(due_ns)) if due_ns <= until_ns => self.step(until_ns),
                _ => return None,
            }
        }
    }

    fn step(&mut self, until_ns: u64) {
        let Some(running) = &mut self.running else { return };
        running.host.step(until_ns);
        if self.is_draining && running.host.is_over() {
            self.ended = Some(End::Drained);
            // What the log has left behind was delivered after all.
            self.left_behind.clear();
        }
    }

    /// Something of the agenda happens.
    fn next(&mut self, world: &World<'_>, accounts: &mut Accounts) {
        let Some((now_ns, what)) = self.agenda.take() else { return };
        if let Some(running) = &mut self.running {
            running.host.pass_to(now_ns);
        }
        match what {
            What::Start => self.start(now_ns, world, accounts),
            What::Arrive(_) | What::Answer(_) | What::Move(_) => {
                self.carry(now_ns, what, world, accounts);
            }
            What::Burst => self.turn_burst(now_ns, world),
            What::Partition(length_ns) => {
                accounts.counts.partitions += 1;
                let until_ns = now_ns.saturating_add(length_ns);
                self.change_cluster(world, |cluster| {
                    cluster.network().partitioned_until_ns = until_ns;
                });
                self.draw_partition(now_ns, world);
            }
            What::Outage(until_ns) => {
                self.outage_until_ns = until_ns;
                self.change_cluster(world, |cluster| cluster.away_until(until_ns));
            }
            What::Kill => self.end(End::Killed),
            What::Terminate | What::Deadline => self.terminate(),
            What::Drain => self.drain(now_ns),
        }
    }

    /// Traffic.
    fn carry(&mut self, now_ns: u64, what: What, world: &World<'_>, accounts: &mut Accounts) {
        let Some(member) = member(world, self.number) else { return };
        let is_stale = matches!(what, What::Arrive(arrivals) if arrivals != self.arrivals);
        let Some(running) = self.running.as_mut().filter(|_| !is_stale) else { return };
        let counts = &mut accounts.counts;
        let (chance, agenda) = (&mut self.chance, &mut self.agenda);
        let mut around = Around { world, member, chance, agenda, counts, now_ns };
        let result = match what {
            What::Answer(slot) => running.answer(slot, &mut around),
            What::Move(slot) => running.moves(slot, &mut around),
            _ => running.arrive(&mut around),
        };
        if let Err(error) = result {
            accounts.fail(format!("sidecar {}: {error}", self.number));
        }
        if matches!(what, What::Arrive(_)) {
            self.draw_arrival(now_ns, world);
        }
    }

    fn terminate(&mut self) {
        if let Some(running) = &mut self.running {
            running.host.terminate();
        }
        self.end(End::Terminated);
    }

    fn drain(&mut self, now_ns: u64) {
        self.agenda.forget_vm();
        let Some(running) = &mut self.running else { return };
        self.is_draining = true;
        // That callbacks never end would show in `step` as well.
        let _livelock = running.host.drain();
        if running.host.is_over() {
            return self.end(End::Drained);
        }
        self.agenda.add(now_ns.saturating_add(DRAIN_NS), What::Deadline);
    }

    /// The VM has ended; its books are closed once what it has sent is known to have arrived.
    fn end(&mut self, end: End) {
        self.agenda.forget_vm();
        self.ended = Some(end);
        if end != End::Terminated {
            self.left_behind.clear();
        }
    }

    /// The mesh's time is over.
    fn finish(&mut self, now_ns: u64) {
        self.is_finishing = true;
        if self.running.is_none() {
            self.agenda.forget_vm();
        } else if !self.is_draining {
            if let Some(running) = &mut self.running {
                running.host.pass_to(now_ns);
            }
            self.drain(now_ns);
        }
    }

    fn close_books(&mut self, world: &World<'_>, accounts: &mut Accounts) {
        self.count_callbacks(accounts);
        let Some(end) = self.ended.take() else { return };
        let Some(member) = member(world, self.number) else { return };
        let Some(Running { host, ledger, .. }) = self.running.take() else { return };
        accounts.counts.faults += host.faulty_calls();
        accounts.close(member, ledger, end);
        self.is_draining = false;
        let restart_ns = host.now().0.saturating_add(self.chance.wait_ns(RESTART_NS));
        if !self.is_finishing {
            self.agenda.add(restart_ns, What::Start);
        }
    }

    fn count_callbacks(&mut self, accounts: &mut Accounts) {
        if let Some(running) = &self.running {
            let callbacks = running.host.callbacks();
            accounts.counts.callbacks += callbacks.saturating_sub(self.callbacks);
            self.callbacks = callbacks;
        }
    }

    fn change_cluster(&mut self, world: &World<'_>, change: impl FnOnce(&mut Cluster)) {
        if let Some(running) = &mut self.running {
            // The cluster is there: the host was built with it.
            let _known = running.host.change_cluster(world.oracle.cluster(), change);
        }
    }
}

fn member<'a>(world: &World<'a>, number: u32) -> Option<&'a Member> {
    world.population.members.get(usize::try_from(number).ok()?)
}

fn kind(world: &World<'_>, member: &Member) -> StreamKind {
    world.population.app(member.app).map_or(StreamKind::Http, |app| app.kind)
}
