//! What a VM that traps takes along: kept where others see it, taken over by one of them, and
//! reported as lost; and those that only stand still.

use std::cell::RefCell;
use std::collections::BTreeMap;

use flow_filter::limits::{ABANDONED_MS, ABANDONED_UNNAMED_MS, LOOKS, MAX_SLOTS, MAX_STEP_TICKS};
use flow_filter::notice::Notice;
use flow_filter::observe::Moved::Tx;
use flow_filter::register::{Full, Register, Slots, Stake};

use crate::aggregator::Fault;
use crate::attributes::Fake;
use crate::delivery::{config, outbound};
use crate::sidecar::{HOUR_MS, Sidecar};

/// Shared data as Envoy has it: one counter for all versions.
#[derive(Default)]
struct Shared(RefCell<(Values, u32)>);

type Values = BTreeMap<u32, (Vec<u8>, u32)>;

impl Slots for Shared {
    fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)> {
        self.0.borrow().0.get(&slot).cloned()
    }

    fn write(&self, slot: u32, value: &[u8], version: u32) -> bool {
        let (values, versions) = &mut *self.0.borrow_mut();
        let current = values.get(&slot).map_or(0, |(_, version)| *version);
        if version != 0 && version != current {
            return false;
        }
        *versions += 1;
        values.insert(slot, (value.to_vec(), *versions));
        true
    }
}

/// What others read a moment ago, while they write now.
struct Late<'a>(&'a Shared, Shared);

impl<'a> Late<'a> {
    fn of(shared: &'a Shared) -> Self {
        Self(shared, Shared(RefCell::new(shared.0.borrow().clone())))
    }
}

impl Slots for Late<'_> {
    fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)> {
        self.1.read(slot)
    }

    fn write(&self, slot: u32, value: &[u8], version: u32) -> bool {
        self.0.write(slot, value, version)
    }
}

/// An instance in a VM of its own.
struct Root {
    sidecar: Sidecar,
    register: Register,
    is_away: bool,
}

impl Root {
    fn new(number: u32) -> Self {
        let sidecar = Sidecar::new(config(4_096, 1_000), number.into());
        Self { sidecar, register: Register::new(number), is_away: false }
    }

    /// One that has seen traffic, which has been delivered.
    fn named(number: u32, shared: &Shared) -> Self {
        let mut root = Self::new(number);
        outbound(&mut root.sidecar, "a", 1, 0);
        run(&mut [&mut root], shared, 2_000);
        assert_eq!(root.sidecar.aggregator.bytes(), 1);
        root
    }

    fn counted(mut self, bytes: u64) -> Self {
        outbound(&mut self.sidecar, "b", bytes, 0);
        self
    }

    fn away(mut self) -> Self {
        self.is_away = true;
        self
    }

    fn tick(&mut self, shared: &Shared) {
        let now_ns = (self.sidecar.now_ms + self.sidecar.filter.tick_ms()) * 1_000_000;
        self.sidecar.filter.take_over(&mut self.register, shared, now_ns);
        let mut next = self.sidecar.tick();
        self.keep(shared);
        while let Some(call) = next {
            let fault = if self.is_away { Fault::Status(503) } else { Fault::None };
            let response = self.sidecar.aggregator.post(&call.body, fault).unwrap();
            next = self.sidecar.answer(call.token, &response);
            self.keep(shared);
        }
    }

    fn keep(&mut self, shared: &Shared) {
        self.sidecar.filter.keep(&mut self.register, shared);
    }

    fn lost(&mut self) -> (u64, u64) {
        (self.sidecar.filter.totals().lost_bytes, self.sidecar.aggregator.lost_bytes)
    }
}

/// Has all roots tick for a while, in turns.
fn run(roots: &mut [&mut Root], shared: &Shared, duration_ms: u64) {
    for _ in 0..duration_ms / roots[0].sidecar.filter.tick_ms() {
        roots.iter_mut().for_each(|root| root.tick(shared));
    }
}

/// What is in all records together.
fn stakes(shared: &Shared) -> usize {
    shared.0.borrow().0.values().filter(|(value, _)| value.len() > 1).count()
}

#[test]
fn what_a_trap_takes_along_is_reported_by_one_of_the_others() {
    let shared = Shared::default();
    let (mut a, mut b) = (Root::named(1, &shared), Root::named(2, &shared));
    let mut trapped = Root::new(3).counted(300).away();
    // In a batch, in the table, and held for a peer that is not known.
    run(&mut [&mut a, &mut b, &mut trapped], &shared, 2_000);
    let slot = trapped.sidecar.filter.open().unwrap();
    trapped.sidecar.count(slot, Tx(7), &Fake::outbound());
    let mut trapped = trapped.counted(50);
    run(&mut [&mut a, &mut b, &mut trapped], &shared, 200);
    drop(trapped);

    run(&mut [&mut a, &mut b], &shared, ABANDONED_MS - 1_000);
    assert_eq!((a.lost(), b.lost()), ((0, 0), (0, 0)), "it may only be slow");
    run(&mut [&mut a, &mut b], &shared, 4_000);
    let mut losses = [a.lost(), b.lost()];
    losses.sort_unstable();
    assert_eq!(losses, [(0, 0), (357, 357)]);
    let notices = [&mut a, &mut b].map(|root| root.sidecar.filter.take_notices());
    let told = notices.iter().flatten().filter(|n| matches!(n, Notice::Abandoned { bytes: 357 }));
    assert_eq!(told.count(), 1);
    run(&mut [&mut a, &mut b], &shared, 100_000);
    assert_eq!(a.lost().1 + b.lost().1, 357, "and once");
    assert_eq!(stakes(&shared), 0);
}

#[test]
fn of_two_that_look_at_once_one_takes_it_and_an_owner_that_ticks_keeps_it() {
    let stake = Stake { bytes: 5, lost_bytes: 2 };
    let shared = Shared::default();
    let mut owners = [1, 2].map(Register::new);
    owners.iter_mut().for_each(|owner| owner.keep(stake, &shared).unwrap());
    let mut others = [3, 4].map(Register::new);
    for other in &mut others {
        assert_eq!(other.look(0, 10, &shared), Stake::default());
        assert_eq!(other.look(9, 10, &shared), Stake::default());
    }
    let late = Late::of(&shared);
    owners[0].keep(stake, &shared).unwrap();
    let taken = others.map(|mut other| other.look(10, 10, &late));
    assert_eq!(taken, [stake, Stake::default()], "the second owner's, once");
    assert_eq!(stakes(&shared), 1);
}

#[test]
fn what_was_delivered_goes_with_nobody() {
    let shared = Shared::default();
    let mut a = Root::named(1, &shared);
    let mut trapped = Root::new(2).counted(300);
    run(&mut [&mut a, &mut trapped], &shared, 3_000);
    assert_eq!((trapped.sidecar.aggregator.bytes(), stakes(&shared)), (300, 0));
    run(&mut [&mut a], &shared, 60_000);
    assert_eq!(a.lost(), (0, 0));
}

#[test]
fn one_that_stood_still_and_comes_back_delivers_all_of_it_once() {
    let shared = Shared::default();
    let mut a = Root::named(1, &shared);
    let mut still = Root::new(2).counted(300).away();
    run(&mut [&mut a, &mut still], &shared, 2_000);
    run(&mut [&mut a], &shared, 2 * ABANDONED_MS);
    assert_eq!((a.lost(), stakes(&shared)), ((300, 300), 0));

    // It has a record again from its first tick on, and none when it has delivered.
    still.tick(&shared);
    assert_eq!(stakes(&shared), 1);
    still.is_away = false;
    run(&mut [&mut a, &mut still], &shared, 120_000);
    assert_eq!(still.sidecar.aggregator.bytes(), 300, "what was reported as lost is there");
    assert_eq!((still.lost(), a.lost(), stakes(&shared)), ((0, 0), (300, 300), 0));
}

#[test]
fn a_loss_that_could_not_be_reported_is_reported_by_the_next() {
    let shared = Shared::default();
    let mut first = Root::new(1).counted(300).away();
    run(&mut [&mut first], &shared, 1_000);
    let mut second = Root::named(2, &shared).away();
    run(&mut [&mut second], &shared, 2 * ABANDONED_MS);
    let mut second = second.counted(40);
    run(&mut [&mut second], &shared, 200);
    assert_eq!(second.lost(), (300, 0));
    let mut third = Root::named(3, &shared);
    run(&mut [&mut third], &shared, 2 * ABANDONED_MS);
    // Envoy adds up the metrics of all: each loss is in them once, as in the reports.
    assert_eq!(third.lost(), (40, 340));
}

#[test]
fn who_has_seen_no_traffic_steps_in_late_and_under_a_name() {
    let shared = Shared::default();
    let mut idle = Root::new(1);
    let mut trapped = Root::new(2).counted(300).away();
    run(&mut [&mut idle, &mut trapped], &shared, 1_000);
    run(&mut [&mut idle], &shared, ABANDONED_UNNAMED_MS - 1_000);
    assert_eq!((idle.lost(), idle.sidecar.filter.needs_name()), ((0, 0), None));
    run(&mut [&mut idle], &shared, 4_000);
    assert_eq!(idle.lost(), (300, 300));
}

#[test]
fn nobody_is_taken_for_dead_when_the_clock_is_set() {
    let shared = Shared::default();
    let mut a = Root::named(1, &shared);
    let mut b = Root::new(2).counted(300).away();
    run(&mut [&mut a, &mut b], &shared, 2_000);
    for step_ms in [HOUR_MS, 24 * HOUR_MS] {
        a.sidecar.now_ms += step_ms;
        run(&mut [&mut a], &shared, 200 * MAX_STEP_TICKS);
        run(&mut [&mut a, &mut b], &shared, 1_000);
    }
    assert_eq!((a.lost(), stakes(&shared)), ((0, 0), 1));
}

#[test]
fn nothing_is_left_behind_by_one_that_ends() {
    let shared = Shared::default();
    let mut a = Root::named(1, &shared);
    let mut ends = Root::new(2).counted(300).away();
    run(&mut [&mut ends], &shared, 1_000);
    assert_eq!(stakes(&shared), 1);
    ends.sidecar.end();
    ends.keep(&shared);
    assert_eq!(stakes(&shared), 0, "it is in the log");
    run(&mut [&mut a], &shared, 60_000);
    assert_eq!(a.lost(), (0, 0));
}

#[test]
fn more_of_them_than_are_looked_at_at_once_are_all_found() {
    let shared = Shared::default();
    let dead = LOOKS * 3 + 1;
    for number in 1..=dead {
        Root::new(number).counted(10).away().tick(&shared);
    }
    let mut a = Root::named(dead + 1, &shared);
    run(&mut [&mut a], &shared, 2 * ABANDONED_MS);
    assert_eq!(a.lost(), (u64::from(dead) * 10, u64::from(dead) * 10));
}

#[test]
fn beyond_the_last_record_there_is_a_warning_and_nothing_else() {
    let shared = Shared::default();
    let stake = Stake { bytes: 1, lost_bytes: 0 };
    for number in 1..=MAX_SLOTS - 1 {
        assert_eq!(Register::new(number).keep(stake, &shared), Ok(()));
    }
    let mut last = Register::new(MAX_SLOTS);
    assert_eq!(last.keep(stake, &shared), Ok(()));
    assert_eq!(Register::new(MAX_SLOTS + 1).keep(stake, &shared), Err(Full));
    let mut beyond = Root::new(MAX_SLOTS + 2).counted(300).away();
    run(&mut [&mut beyond], &shared, 2_000);
    let notices = beyond.sidecar.filter.take_notices();
    assert_eq!(notices.iter().filter(|notice| **notice == Notice::RegisterFull).count(), 1);
    assert_eq!(stakes(&shared), MAX_SLOTS as usize);
    assert_eq!(last.keep(Stake::default(), &shared), Ok(()));
    beyond.tick(&shared);
    assert_eq!(stakes(&shared), MAX_SLOTS as usize, "a record that is free again is used");
}

#[test]
fn a_record_that_another_undid_by_making_its_slot_is_made_again() {
    let shared = Shared::default();
    let mut a = Root::named(1, &shared);
    let mut b = Root::new(2).counted(300).away();
    b.tick(&shared);
    // Two have found the slot missing; the second's first write comes after the first's second.
    assert!(shared.write(0, b"-", 0));
    assert_eq!(stakes(&shared), 0);
    b.tick(&shared);
    assert_eq!(stakes(&shared), 1);
    run(&mut [&mut a, &mut b], &shared, 60_000);
    assert_eq!(a.lost(), (0, 0));
}

#[test]
fn without_a_number_of_its_own_an_instance_keeps_out() {
    let shared = Shared::default();
    assert_eq!(Register::new(0).keep(Stake { bytes: 1, lost_bytes: 0 }, &shared), Ok(()));
    assert!(shared.read(0).is_none());
}
