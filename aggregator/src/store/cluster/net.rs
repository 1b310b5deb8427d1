//! `Net`: the nodes of a cluster as they are now, and the connections to them for all but groups
//! of writes.

mod ask;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use redis::Pipeline;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::connect::{Connection, Connector};
use super::fault::Fault;
use super::layout::Keys;
use super::lock;
use super::topology::{Address, Topology};
use crate::limits::{COPY_REST, STORE_RETRY_PAUSE, TOPOLOGY_INTERVAL, TOPOLOGY_PATIENCE};

/// The nodes of a cluster.
pub(super) struct Net {
    pub connector: Connector,
    pub keys: Keys,
    seeds: Vec<Address>,
    topology: watch::Sender<Arc<Topology>>,
    /// Asks for a look at the topology before its time.
    stale: Notify,
    connections: Mutex<HashMap<Address, Connection>>,
    reads_replicas: bool,
    /// Until when nothing is read from a copy, because it could not answer.
    resting: Mutex<HashMap<Address, Instant>>,
    /// Whether a node has answered lately.
    answers: AtomicBool,
}

impl Net {
    /// The nodes that `seeds` know of.
    ///
    /// # Errors
    /// When none of them answers.
    pub async fn open(
        connector: Connector,
        keys: Keys,
        seeds: &[String],
        reads_replicas: bool,
    ) -> Result<Arc<Self>, String> {
        let net = Arc::new(Self {
            connector,
            keys,
            seeds: seeds.iter().map(|seed| seed.as_str().into()).collect(),
            topology: watch::Sender::new(Arc::new(Topology::default())),
            stale: Notify::new(),
            connections: Mutex::default(),
            reads_replicas,
            resting: Mutex::default(),
            answers: AtomicBool::new(false),
        });
        net.refresh().await?;
        let watched = Arc::downgrade(&net);
        tokio::spawn(async move {
            // It ends with the store.
            while let Some(net) = watched.upgrade() {
                if let Err(reason) = net.refresh().await {
                    log::warn!("the cluster cannot be looked at: {reason}");
                }
                sleep(STORE_RETRY_PAUSE).await;
                let _ = timeout(TOPOLOGY_INTERVAL, net.stale.notified()).await;
            }
        });
        Ok(net)
    }

    /// Who serves what, as far as it is known.
    pub fn topology(&self) -> Arc<Topology> {
        self.topology.borrow().clone()
    }

    /// Asks for a look at who serves what.
    pub fn suspect(&self) {
        self.stale.notify_one();
    }

    /// Looks at who serves what.
    async fn refresh(&self) -> Result<(), String> {
        let known = self.topology();
        let mut reason = "no node is known".to_owned();
        // A node that is cut off from the others knows less than they do.
        let mut of_one_cut_off = None;
        let seeds = self.seeds.iter().filter(|seed| known.addresses().all(|one| one != *seed));
        for address in known.addresses().chain(seeds) {
            match timeout(TOPOLOGY_PATIENCE, self.look(address)).await {
                Ok(Ok(topology)) if topology.is_down => {
                    of_one_cut_off.get_or_insert(topology);
                    continue;
                }
                Ok(Ok(topology)) => {
                    self.learn(&known, topology);
                    return Ok(());
                }
                Ok(Err(error)) => reason = format!("{address}: {error}"),
                Err(_) => reason = format!("{address} does not answer"),
            }
            self.forget(address);
        }
        match of_one_cut_off {
            Some(topology) => {
                self.learn(&known, topology);
                Ok(())
            }
            None => {
                self.answers.store(false, Ordering::Relaxed);
                Err(reason)
            }
        }
    }

    fn learn(&self, known: &Topology, topology: Topology) {
        if *known != topology {
            self.topology.send_replace(Arc::new(topology));
        }
        self.answers.store(true, Ordering::Relaxed);
    }

    /// Whether writes that need so many copies can be expected to succeed.
    ///
    /// # Errors
    /// When none can, with the reason.
    pub fn check(&self, least_copies: usize) -> Result<(), &'static str> {
        let topology = self.topology();
        match () {
            () if !self.answers.load(Ordering::Relaxed) => Err("no node of the cluster answers"),
            () if topology.is_down => Err("the cluster is down"),
            () if topology.most_replicas < least_copies => {
                Err("no primary of the cluster has the replicas that a write needs")
            }
            () => Ok(()),
        }
    }

    async fn look(&self, address: &Address) -> Result<Topology, String> {
        let mut connection = self.connection(address).await?;
        let mut all = Pipeline::new();
        for what in ["SLOTS", "NODES", "INFO"] {
            all.cmd("CLUSTER").arg(what);
        }
        let answers = connection.send(&all).await;
        let answers = answers.map_err(|error| error.to_string())?;
        if let Some(fault) = answers.iter().find_map(Fault::in_answer) {
            return Err(fault.to_string());
        }
        let [slots, nodes, info] = answers.as_slice() else {
            return Err("a strange answer".to_owned());
        };
        let topology = Topology::parse(slots, nodes, info, address);
        topology.ok_or_else(|| "it does not say who serves which slots".to_owned())
    }

    /// The connection for reads to a node.
    async fn connection(&self, address: &Address) -> Result<Connection, String> {
        if let Some(known) = lock(&self.connections).get(address) {
            return Ok(known.clone());
        }
        let opened = self.connector.connect(address).await;
        let mut connection = opened.map_err(|error| error.to_string())?;
        if self.reads_replicas {
            let mut allow = Pipeline::new();
            allow.cmd("READONLY");
            connection.send(&allow).await.map_err(|error| error.to_string())?;
        }
        lock(&self.connections).insert(Arc::clone(address), connection.clone());
        Ok(connection)
    }

    fn forget(&self, address: &Address) {
        lock(&self.connections).remove(address);
    }

    /// Reads nothing from a copy for a while.
    fn rest(&self, copy: &Address) {
        lock(&self.resting).insert(Arc::clone(copy), Instant::now() + COPY_REST);
    }

    fn rests(&self, copy: &Address) -> bool {
        let mut resting = lock(&self.resting);
        let rests = resting.get(copy).is_some_and(|until| Instant::now() < *until);
        if !rests {
            resting.remove(copy);
        }
        rests
    }
}
