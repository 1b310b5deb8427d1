//! A cluster with its front ends, and what work costs each of them.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::crowd::{Phase, Pushes};
use crate::failure::{Failure, Result};
use crate::fas::Fas;
use crate::fleet::{Pushed, push};
use crate::redis_cluster::{Node, RedisCluster};
use crate::report::micros_each;
use crate::usage;

/// The store's name in the cluster.
const NAME: &str = "fas";

/// Front ends on a cluster.
pub struct Deployment {
    pub cluster: RedisCluster,
    pub front_ends: Vec<Fas>,
}

/// CPU time: user and system, of whole processes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub primaries: Duration,
    /// The most that one primary took.
    pub busiest: Duration,
    pub replicas: Duration,
    pub fas: Duration,
}

/// What pushing took.
pub struct Outcome {
    pub pushed: Pushed,
    pub cost: Cost,
    /// Calls of scripts, on all primaries.
    pub calls: u64,
    /// Bytes that the primaries had, answered, and sent to replicas.
    pub traffic: [u64; 3],
    /// The longest commands.
    pub slowest: Vec<Duration>,
}

impl Deployment {
    /// Starts both, with an empty store.
    pub fn start(fas: &Path, primaries: usize, front_ends: usize) -> Result<Self> {
        let cluster = RedisCluster::start(primaries)?;
        let url = cluster.url(NAME);
        let front_ends = (0..front_ends).map(|_| Fas::start_front_end(fas, &url));
        let front_ends = front_ends.collect::<Result<_>>()?;
        Ok(Self { cluster, front_ends })
    }

    /// In words, for the table.
    pub fn describe(&self) -> String {
        let (primaries, front_ends) = (self.cluster.primaries().len(), self.front_ends.len());
        let primaries = match primaries {
            1 => "1 primary".to_owned(),
            more => format!("{more} primaries"),
        };
        let s = if front_ends == 1 { "" } else { "s" };
        format!("{primaries} with a replica each, {front_ends} front end{s}")
    }

    /// Has these pushed, and checks that the store then holds what was acknowledged.
    pub fn take(&self, phase: Phase, pushes: &Pushes, interval: Duration) -> Result<Outcome> {
        self.cluster.reset_statistics()?;
        let addresses: Vec<SocketAddr> = self.front_ends.iter().map(Fas::address).collect();
        let (pushed, cost) = self.cost_of(|| push(&addresses, &pushes.requests, interval))?;
        let slowest = self.cluster.slowest()?;
        let (calls, traffic) = (self.cluster.script_calls()?, self.cluster.traffic()?);
        for front_end in &self.front_ends {
            front_end.expect(phase.hour(), &pushes.expected)?;
        }
        Ok(Outcome { pushed, cost, calls, traffic, slowest })
    }

    /// What `work` costs, until all are idle again.
    pub fn cost_of<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(T, Cost)> {
        let before = self.used()?;
        let result = work()?;
        let after = self.used()?;
        let less = |a: &[Duration], b: &[Duration]| -> Vec<Duration> {
            a.iter().zip(b).map(|(a, b)| a.saturating_sub(*b)).collect()
        };
        let primaries = less(&after.primaries, &before.primaries);
        let cost = Cost {
            primaries: primaries.iter().sum(),
            busiest: primaries.iter().max().copied().unwrap_or_default(),
            replicas: less(&after.replicas, &before.replicas).iter().sum(),
            fas: less(&after.fas, &before.fas).iter().sum(),
        };
        Ok((result, cost))
    }

    fn used(&self) -> Result<Used> {
        // Front ends first: what they still do, the nodes do for them.
        let fas = self.front_ends.iter().map(|fas| usage::settled_cpu(fas.pid()));
        let fas = fas.collect::<Result<_>>()?;
        let of = |nodes: &[Node]| -> Result<Vec<Duration>> {
            nodes.iter().map(|node| usage::settled_cpu(node.pid())).collect()
        };
        let (primaries, replicas) = (self.cluster.primaries(), self.cluster.replicas());
        Ok(Used { primaries: of(primaries)?, replicas: of(replicas)?, fas })
    }

    /// The first front end.
    pub fn front_end(&self) -> Result<&Fas> {
        self.front_ends.first().ok_or_else(|| Failure::new("there is no front end"))
    }
}

/// CPU time so far.
struct Used {
    primaries: Vec<Duration>,
    replicas: Vec<Duration>,
    fas: Vec<Duration>,
}

impl Cost {
    /// In words, by record or by whatever there are `count` of.
    pub fn each(&self, count: u64) -> String {
        format!(
            "primaries {:.2}, replicas {:.2}, fas {:.2} us",
            micros_each(self.primaries, count),
            micros_each(self.replicas, count),
            micros_each(self.fas, count)
        )
    }
}
