//! A Redis Cluster under measurement: primaries with a replica each, on this machine, with the
//! settings that docs/operations.md recommends.

mod node;

use std::time::{Duration, Instant};

pub use self::node::Node;
use crate::failure::{Doing, Failure, Result};
use crate::scratch::Scratch;

/// The slots of a Redis Cluster.
const SLOTS: usize = 16_384;

/// Longer than a cluster takes to come together on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(20);

/// How often it is looked whether memory still shrinks, and how many looks in a row it must not.
const MEMORY_POLL: Duration = Duration::from_secs(1);
const MEMORY_LOOKS: u32 = 4;

/// A running cluster.
pub struct RedisCluster {
    primaries: Vec<Node>,
    replicas: Vec<Node>,
    _directory: Scratch,
}

impl RedisCluster {
    /// Whether there is a server to make a cluster of.
    pub fn is_installed() -> bool {
        node::program().arg("--version").output().is_ok()
    }

    /// Starts primaries with a replica each, and waits until they serve.
    pub fn start(primaries: usize) -> Result<Self> {
        let directory = Scratch::new("cluster")?;
        let start = |count: usize| -> Result<Vec<Node>> {
            (0..count).map(|_| Node::start(directory.path())).collect()
        };
        let (primaries, replicas) = (start(primaries)?, start(primaries)?);
        let cluster = Self { primaries, replicas, _directory: directory };
        cluster.join()?;
        Ok(cluster)
    }

    /// What `--store` takes for a store of this name.
    pub fn url(&self, name: &str) -> String {
        let hosts: Vec<String> =
            self.nodes().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis://{}/{name}", hosts.join(","))
    }

    /// Those that take writes.
    pub fn primaries(&self) -> &[Node] {
        &self.primaries
    }

    /// Those that copy them.
    pub fn replicas(&self) -> &[Node] {
        &self.replicas
    }

    /// All nodes, the primaries first.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.primaries.iter().chain(&self.replicas)
    }

    /// The primary that serves a key.
    pub fn primary_of(&self, key: &str) -> Result<&Node> {
        let first = self.primaries.first().ok_or_else(|| Failure::new("there is no node"))?;
        let slot: usize = first.ask(&["CLUSTER", "KEYSLOT", key])?;
        let count = self.primaries.len();
        let mut owners = self.primaries.iter().zip(0..);
        let owner = owners
            .find(|(_, at)| (first_slot(*at, count)..first_slot(at + 1, count)).contains(&slot));
        owner
            .map(|(node, _)| node)
            .ok_or_else(|| Failure::new(format!("nobody serves slot {slot}")))
    }

    /// Memory that the primaries use for data and themselves (`used_memory`), once it no longer
    /// shrinks: buffers of connections that rest are given back after some seconds.
    pub fn memory_bytes(&self) -> Result<u64> {
        let sum = || -> Result<u64> {
            self.primaries.iter().map(|node| node.info::<u64>("memory", "used_memory")).sum()
        };
        let (mut least, mut looks) = (sum()?, 0);
        while looks < MEMORY_LOOKS {
            std::thread::sleep(MEMORY_POLL);
            let now = sum()?;
            looks = if now + now / 1_000 < least { 0 } else { looks + 1 };
            least = least.min(now);
        }
        Ok(least)
    }

    /// Forgets what commands have taken so far.
    pub fn reset_statistics(&self) -> Result<()> {
        self.nodes().try_for_each(|node| {
            node.ask::<()>(&["CONFIG", "RESETSTAT"])?;
            node.ask::<()>(&["SLOWLOG", "RESET"])
        })
    }

    /// Calls of scripts since then.
    pub fn script_calls(&self) -> Result<u64> {
        self.primaries.iter().map(|node| node.calls("evalsha")).sum()
    }

    /// Bytes that the primaries have since then had from front ends, sent to them, and sent to
    /// replicas.
    pub fn traffic(&self) -> Result<[u64; 3]> {
        let sum = |figure| -> Result<u64> {
            self.primaries.iter().map(|node| node.info::<u64>("stats", figure)).sum()
        };
        Ok([
            sum("total_net_input_bytes")?,
            sum("total_net_output_bytes")?,
            sum("total_net_repl_output_bytes")?,
        ])
    }

    /// How long the longest commands since then took, the longest first.
    pub fn slowest(&self) -> Result<Vec<Duration>> {
        let mut all = Vec::new();
        for node in &self.primaries {
            all.extend(node.slow_commands()?);
        }
        all.sort_unstable_by(|a, b| b.cmp(a));
        Ok(all)
    }

    /// Makes the nodes one cluster.
    fn join(&self) -> Result<()> {
        let count = self.primaries.len();
        for (node, at) in self.primaries.iter().zip(0..) {
            let (first, last) = (first_slot(at, count), first_slot(at + 1, count) - 1);
            node.ask::<()>(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()])?;
        }
        let mut nodes = self.nodes();
        let Some(first) = nodes.next() else { return Ok(()) };
        for node in nodes {
            let (port, bus_port) = (node.port().to_string(), node.bus_port().to_string());
            first.ask::<()>(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus_port])?;
        }
        for (replica, primary) in self.replicas.iter().zip(&self.primaries) {
            let id: String = primary.ask(&["CLUSTER", "MYID"])?;
            // It must have heard of its primary first.
            wait(|| replica.ask::<()>(&["CLUSTER", "REPLICATE", &id]))?;
        }
        wait(|| self.check_whole())
    }

    fn check_whole(&self) -> Result<()> {
        for node in self.nodes() {
            let info: String = node.ask(&["CLUSTER", "INFO"])?;
            let known = format!("cluster_known_nodes:{}\r", 2 * self.primaries.len());
            if !info.contains("cluster_state:ok") || !info.contains(&known) {
                return Err(Failure::new(format!("the cluster does not come together: {info}")));
            }
        }
        for node in &self.primaries {
            let replica: String = node.info("replication", "slave0")?;
            if !replica.contains("state=online") {
                return Err(Failure::new(format!("a replica does not follow: {replica}")));
            }
        }
        Ok(())
    }
}

fn first_slot(at: usize, primaries: usize) -> usize {
    at * SLOTS / primaries.max(1)
}

fn wait(mut look: impl FnMut() -> Result<()>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look() {
            Err(_) if Instant::now() < deadline => std::thread::sleep(POLL),
            outcome => return outcome.doing("starting a Redis Cluster"),
        }
    }
}
