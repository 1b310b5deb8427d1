//! How a sidecar's VM starts, and when what is to happen to it: by chance.

use super::{Sidecar, kind, member};
use crate::{
    Backend, Cluster, FailurePolicy, Host, StartFailure, Timestamp,
    callouts::network::Network,
    mesh::{accounts::Accounts, agenda::What, population::Member, running::Running, world::World},
    timestamp::SECOND_NS,
};

/// The mean times without and with a burst, and how much more moves in one.
const CALM_NS: f64 = 600.0 * SECOND_NS as f64;
const BURST_NS: f64 = 20.0 * SECOND_NS as f64;
const BURST_FACTOR: f64 = 15.0;

/// The mean length of a partition.
const PARTITION_NS: f64 = 60.0 * SECOND_NS as f64;

/// The latency of the network, in nanoseconds.
const LATENCY_NS: (u64, u64) = (500_000, 20_000_000);

impl Sidecar {
    pub(super) fn start(&mut self, now_ns: u64, world: &World<'_>, accounts: &mut Accounts) {
        let Some(member) = member(world, self.number) else { return };
        self.vms += 1;
        accounts.counts.vms_started += 1;
        match self.host(now_ns, member, world) {
            Ok(host) => {
                let kind = kind(world, member);
                self.running = Some(Running::new(host, kind));
                self.callbacks = 0;
                self.is_bursting = false;
                self.draw_arrival(now_ns, world);
                let burst_ns = now_ns.saturating_add(self.chance.wait_ns(CALM_NS));
                self.agenda.add(burst_ns, What::Burst);
                self.draw_partition(now_ns, world);
                self.draw_end(now_ns, world);
            }
            Err(error) => {
                accounts.fail(format!("sidecar {}: {error}", self.number));
                self.is_finishing = true;
            }
        }
    }

    pub(super) fn host(
        &mut self,
        now_ns: u64,
        member: &Member,
        world: &World<'_>,
    ) -> Result<Host, StartFailure> {
        let (app, network) =
            (world.population.name(member.app), world.population.network(member.network));
        let faults = &world.settings.faults;
        let mut cluster = Cluster::new(Backend::Deferred);
        cluster.away_until(self.outage_until_ns);
        let mut link = Network::new(self.chance.seed());
        (link.loss, link.reset) = (faults.loss, faults.reset);
        link.duplication = faults.duplication;
        link.latency_ns = LATENCY_NS;
        *cluster.network() = link;
        let node = format!("{app}-{}.{}", self.number, self.vms);
        Host::builder(world.plugin.clone())
            .lean()
            .start_time(Timestamp(now_ns))
            .wall_clock_ahead_ns(member.ahead_ns)
            .failure_policy(FailurePolicy::FailOpen)
            .configuration(world.configuration(kind(world, member)))
            .vm_id("mesh")
            .node(&node, app, world.oracle.metadata(app, network))
            .seed(self.chance.seed())
            .memory_bytes(world.settings.memory_bytes)
            .cluster(world.oracle.cluster(), cluster)
            .start()
    }

    /// A burst begins or ends.
    pub(super) fn turn_burst(&mut self, now_ns: u64, world: &World<'_>) {
        self.is_bursting = !self.is_bursting;
        let mean_ns = if self.is_bursting { BURST_NS } else { CALM_NS };
        self.agenda.add(now_ns.saturating_add(self.chance.wait_ns(mean_ns)), What::Burst);
        self.draw_arrival(now_ns, world);
    }

    pub(super) fn draw_arrival(&mut self, now_ns: u64, world: &World<'_>) {
        let Some(member) = member(world, self.number) else { return };
        self.arrivals = self.arrivals.wrapping_add(1);
        // Bursts included, the mean over all time is what the settings say.
        let mean_factor = (CALM_NS + BURST_NS * BURST_FACTOR) / (CALM_NS + BURST_NS);
        let factor = if self.is_bursting { BURST_FACTOR } else { 1.0 } / mean_factor;
        if let Some(wait_ns) = self.chance.next_ns(member.exchanges_per_hour * factor) {
            self.agenda.add(now_ns.saturating_add(wait_ns), What::Arrive(self.arrivals));
        }
    }

    pub(super) fn draw_partition(&mut self, now_ns: u64, world: &World<'_>) {
        if let Some(wait_ns) = self.chance.next_ns(world.settings.faults.partitions) {
            let length_ns = self.chance.wait_ns(PARTITION_NS);
            self.agenda.add(now_ns.saturating_add(wait_ns), What::Partition(length_ns));
        }
    }

    pub(super) fn draw_end(&mut self, now_ns: u64, world: &World<'_>) {
        let churn = &world.settings.churn;
        let rates = [churn.killed, churn.terminated, churn.drained];
        let sum: f64 = rates.iter().sum();
        let Some(wait_ns) = self.chance.next_ns(sum) else { return };
        let what = match self.chance.pick(&[churn.killed, churn.killed + churn.terminated, sum]) {
            0 => What::Kill,
            1 => What::Terminate,
            _ => What::Drain,
        };
        self.agenda.add(now_ns.saturating_add(wait_ns), what);
    }
}
