//! What came of the VMs, added up: bytes by row, and how often what happened.

use std::collections::BTreeMap;

use super::{
    ledger::{Bytes, Ledger, Remains, Row, Sums, Totals},
    population::{Member, Population},
};

/// Hour, source, destination, network, by their numbers.
type Key = (u32, u32, u32, u32);

/// Bytes by row.
#[derive(Default)]
pub(super) struct Rows(BTreeMap<Key, Bytes>);

impl Rows {
    fn add(&mut self, member: &Member, sums: &Sums) {
        for ((hour, destination), bytes) in sums {
            let key = (*hour, member.app, *destination, member.network);
            *self.0.entry(key).or_default() += *bytes;
        }
    }

    fn merge(&mut self, other: Self) {
        for (key, bytes) in other.0 {
            *self.0.entry(key).or_default() += bytes;
        }
    }

    pub(super) fn named(&self, population: &Population) -> Totals {
        let name = |((hour, source, destination, network), bytes): (&Key, &Bytes)| {
            let row = Row {
                hour: *hour,
                source: population.name(*source).to_owned(),
                destination: population.name(*destination).to_owned(),
                network: population.network(*network).to_owned(),
            };
            (row, *bytes)
        };
        self.0.iter().map(name).collect()
    }
}

/// How a VM ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Killed,
    Terminated,
    Drained,
}

/// How often what happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[allow(missing_docs, reason = "the fields are named after what they count")]
pub struct Counts {
    pub callbacks: u64,
    pub requests: u64,
    pub connections: u64,
    pub vms_started: u64,
    pub vms_killed: u64,
    pub vms_terminated: u64,
    pub vms_drained: u64,
    /// VMs that were killed before they had pushed all.
    pub kills_with_loss: u64,
    pub partitions: u64,
    /// Calls that reached the receiver.
    pub pushes: u64,
    /// Rows in pushes that the receiver has accepted, each time it did.
    pub records: u64,
    /// Calls that met a fault of the network, on the way there or back.
    pub faults: u64,
    /// Calls whose own answer did not say that they were accepted.
    pub pushes_without_receipt: u64,
    /// Pushes that VMs left behind at their end, and that were made for them.
    pub left_behind: u64,
    pub left_behind_refused: u64,
    /// Bytes that plugins said they gave up.
    pub given_up_bytes: u64,
    /// Pushes that could not be read, and plugins that failed.
    pub failures: u64,
}

impl Counts {
    pub(super) fn merge(&mut self, other: &Self) {
        let pairs = [
            (&mut self.callbacks, other.callbacks),
            (&mut self.requests, other.requests),
            (&mut self.connections, other.connections),
            (&mut self.vms_started, other.vms_started),
            (&mut self.vms_killed, other.vms_killed),
            (&mut self.vms_terminated, other.vms_terminated),
            (&mut self.vms_drained, other.vms_drained),
            (&mut self.kills_with_loss, other.kills_with_loss),
            (&mut self.partitions, other.partitions),
            (&mut self.pushes, other.pushes),
            (&mut self.records, other.records),
            (&mut self.faults, other.faults),
            (&mut self.pushes_without_receipt, other.pushes_without_receipt),
            (&mut self.left_behind, other.left_behind),
            (&mut self.left_behind_refused, other.left_behind_refused),
            (&mut self.given_up_bytes, other.given_up_bytes),
            (&mut self.failures, other.failures),
        ];
        for (count, more) in pairs {
            *count = count.saturating_add(more);
        }
    }
}

/// The accounts of a thread, or of the mesh.
#[derive(Default)]
pub(super) struct Accounts {
    pub(super) sent: Rows,
    pub(super) accepted: Rows,
    /// What went with VMs that were killed.
    pub(super) killed: Rows,
    /// What the receiver may have, or not: a VM was killed while that was not known.
    pub(super) doubtful: Rows,
    /// What VMs should have pushed, and have not.
    pub(super) missing: Rows,
    /// What VMs pushed that never moved.
    pub(super) excess: Rows,
    /// What was pushed under names that the pushing sidecar does not have.
    pub(super) strange: Totals,
    pub(super) counts: Counts,
    /// Processor time of the threads that run sidecars, in nanoseconds.
    pub(super) cpu_ns: u64,
    /// The first failures, in words.
    pub(super) failures: Vec<String>,
}

/// So many failures are told in words.
const TOLD_FAILURES: usize = 5;

impl Accounts {
    /// A VM is gone.
    pub(super) fn close(&mut self, member: &Member, ledger: Ledger, end: End) {
        let Remains { recent, missing, excess, doubtful } = ledger.remains();
        self.sent.add(member, &ledger.sent);
        self.accepted.add(member, &ledger.accepted);
        self.missing.add(member, &missing);
        self.excess.add(member, &excess);
        match end {
            End::Killed => {
                self.counts.vms_killed += 1;
                self.counts.kills_with_loss += u64::from(!recent.is_empty());
                self.killed.add(member, &recent);
                self.doubtful.add(member, &doubtful);
            }
            End::Terminated => {
                self.counts.vms_terminated += 1;
                self.missing.add(member, &recent);
            }
            End::Drained => {
                self.counts.vms_drained += 1;
                self.missing.add(member, &recent);
            }
        }
        for (row, bytes) in ledger.strange {
            *self.strange.entry(row).or_default() += bytes;
        }
        let given_up = ledger.given_up_bytes;
        self.counts.given_up_bytes = self.counts.given_up_bytes.saturating_add(given_up);
    }

    pub(super) fn fail(&mut self, what: String) {
        self.counts.failures += 1;
        if self.failures.len() < TOLD_FAILURES {
            self.failures.push(what);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.sent.merge(other.sent);
        self.accepted.merge(other.accepted);
        self.killed.merge(other.killed);
        self.doubtful.merge(other.doubtful);
        self.missing.merge(other.missing);
        self.excess.merge(other.excess);
        for (row, bytes) in other.strange {
            *self.strange.entry(row).or_default() += bytes;
        }
        self.counts.merge(&other.counts);
        self.cpu_ns = self.cpu_ns.saturating_add(other.cpu_ns);
        self.failures.extend(other.failures);
        self.failures.truncate(TOLD_FAILURES);
    }
}
