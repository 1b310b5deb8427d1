//! What callbacks cost, for `host-sim bench`: processor time, fuel, memory, and the allocations
//! that the host asks the guest for. The only place that reads a real clock, and only if asked.

use std::collections::BTreeMap;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::Store;

use super::state::VmState;

/// What the calls of one callback cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// How often it ran.
    pub calls: u64,
    /// Processor time of the thread, host functions included, in nanoseconds.
    pub cpu_ns: u64,
    /// The longest call, in nanoseconds.
    pub max_cpu_ns: u64,
    /// Fuel; about a unit per instruction of the guest.
    pub fuel: u64,
    /// By how much the guest's memory grew, in bytes.
    pub memory_bytes: u64,
    /// How often the host asked the guest's allocator for memory.
    pub allocations: u64,
    /// How much memory that was, in bytes.
    pub allocated_bytes: u64,
}

impl Cost {
    /// Adds another cost of the same callback.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.cpu_ns += other.cpu_ns;
        self.max_cpu_ns = self.max_cpu_ns.max(other.max_cpu_ns);
        self.fuel += other.fuel;
        self.memory_bytes += other.memory_bytes;
        self.allocations += other.allocations;
        self.allocated_bytes += other.allocated_bytes;
    }
}

/// Costs by callback.
pub type Costs = BTreeMap<String, Cost>;

/// What the counters showed before a call; nothing if nobody measures.
pub(super) struct Before(Option<Counters>);

struct Counters {
    cpu_ns: u64,
    memory_bytes: u64,
    allocations: (u64, u64),
}

fn counters(store: &Store<VmState>) -> Counters {
    let state = store.data();
    let memory_bytes = state.memory.map_or(0, |memory| memory.data_size(store) as u64);
    Counters { cpu_ns: thread_cpu_ns(), memory_bytes, allocations: state.host_allocations }
}

pub(crate) fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let part = |number: i64| u64::try_from(number).unwrap_or(0);
    part(time.tv_sec) * 1_000_000_000 + part(time.tv_nsec)
}

/// Reads the counters before a call.
pub(super) fn before(store: &Store<VmState>) -> Before {
    let is_measured = store.data().process.costs.borrow().is_some();
    Before(is_measured.then(|| counters(store)))
}

/// Notes what a call has cost.
pub(super) fn after(store: &Store<VmState>, callback: &str, before: Before) {
    let Before(Some(before)) = before else { return };
    let now = counters(store);
    let cpu_ns = now.cpu_ns.saturating_sub(before.cpu_ns);
    let state = store.data();
    let fuel = state.callback_fuel.saturating_sub(store.get_fuel().unwrap_or(0));
    let cost = Cost {
        calls: 1,
        cpu_ns,
        max_cpu_ns: cpu_ns,
        fuel,
        memory_bytes: now.memory_bytes.saturating_sub(before.memory_bytes),
        allocations: now.allocations.0 - before.allocations.0,
        allocated_bytes: now.allocations.1 - before.allocations.1,
    };
    if let Some(costs) = state.process.costs.borrow_mut().as_mut() {
        costs.entry(callback.to_owned()).or_default().add(&cost);
    }
}
