//! `Net`: the nodes of a cluster as they are now, and reads from them. A read goes on until it
//! succeeds or has taken too long, whatever moves or fails meanwhile.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, Value};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::connect::Connector;
use super::fault::Fault;
use super::layout::{Keys, Shard};
use super::lock;
use super::topology::{Address, Topology};
use crate::limits::{
    MAX_STORE_PIPELINE, STORE_READ_PATIENCE, STORE_RETRY_PAUSE, TOPOLOGY_INTERVAL,
    TOPOLOGY_PATIENCE,
};
use crate::store::ReadError;

/// A command for the node that has a shard.
pub(super) type Ask = (Shard, Cmd);

/// A command that is under way: its place among the answers, its slot, and itself.
type Asked = (usize, u16, Cmd);

/// The nodes of a cluster.
pub(super) struct Net {
    pub connector: Connector,
    pub keys: Keys,
    seeds: Vec<Address>,
    topology: watch::Sender<Arc<Topology>>,
    /// Asks for a look at the topology before its time.
    stale: Notify,
    connections: Mutex<HashMap<Address, MultiplexedConnection>>,
    reads_replicas: bool,
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
        for address in known.addresses().chain(&self.seeds) {
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

    /// Whether writes can be expected to succeed.
    ///
    /// # Errors
    /// When they cannot, with the reason.
    pub fn check(&self) -> Result<(), &'static str> {
        let topology = self.topology();
        match () {
            () if !self.answers.load(Ordering::Relaxed) => Err("no node of the cluster answers"),
            () if topology.is_down => Err("the cluster is down"),
            () => Ok(()),
        }
    }

    async fn look(&self, address: &Address) -> Result<Topology, String> {
        let mut connection = self.connection(address).await?;
        let mut all = Pipeline::new();
        for what in ["SLOTS", "NODES", "INFO"] {
            all.cmd("CLUSTER").arg(what);
        }
        let answers = connection.send_packed_commands(&all, 0, 3).await;
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
    async fn connection(&self, address: &Address) -> Result<MultiplexedConnection, String> {
        if let Some(known) = lock(&self.connections).get(address) {
            return Ok(known.clone());
        }
        let opened = self.connector.connect(address).await;
        let mut connection = opened.map_err(|error| error.to_string())?;
        if self.reads_replicas {
            let allowed = connection.send_packed_command(&redis::cmd("READONLY")).await;
            allowed.map_err(|error| error.to_string())?;
        }
        lock(&self.connections).insert(Arc::clone(address), connection.clone());
        Ok(connection)
    }

    fn forget(&self, address: &Address) {
        lock(&self.connections).remove(address);
    }

    /// The answers to commands, in their order.
    ///
    /// # Errors
    /// When one of them cannot be carried out, also after some time.
    pub async fn ask(self: &Arc<Self>, asks: Vec<Ask>) -> Result<Vec<Value>, ReadError> {
        let numbered = asks.into_iter().enumerate();
        let asks = numbered.map(|(place, (shard, cmd))| (place, self.keys.slot(shard), cmd));
        self.ask_all(asks.collect()).await
    }

    /// The answer to a command for the node that has a slot.
    ///
    /// # Errors
    /// When it cannot be carried out, also after some time.
    pub async fn ask_slot(self: &Arc<Self>, slot: u16, command: Cmd) -> Result<Value, ReadError> {
        let answers = self.ask_all(vec![(0, slot, command)]).await?;
        Ok(answers.into_iter().next().unwrap_or_default())
    }

    async fn ask_all(self: &Arc<Self>, mut open: Vec<Asked>) -> Result<Vec<Value>, ReadError> {
        let deadline = Instant::now() + STORE_READ_PATIENCE;
        let mut answers: Vec<Value> = vec![Value::Nil; open.len()];
        let mut may_copy = self.reads_replicas;
        loop {
            let mut reason = String::new();
            let mut failed = Vec::new();
            for ((place, slot, command), outcome) in self.round(open, may_copy, deadline).await {
                match outcome {
                    Ok(value) => {
                        if let Some(answer) = answers.get_mut(place) {
                            *answer = value;
                        }
                    }
                    Err(Fault::Refused(reason)) => return Err(ReadError(reason)),
                    Err(fault) => {
                        reason = fault.to_string();
                        failed.push((place, slot, command));
                    }
                }
            }
            if failed.is_empty() {
                return Ok(answers);
            }
            if Instant::now() >= deadline {
                return Err(ReadError(reason));
            }
            self.suspect();
            sleep(STORE_RETRY_PAUSE).await;
            open = failed;
            may_copy = false;
        }
    }

    /// Asks every node once for what it has.
    async fn round(
        self: &Arc<Self>,
        asks: Vec<Asked>,
        may_copy: bool,
        deadline: Instant,
    ) -> Vec<(Asked, Result<Value, Fault>)> {
        let topology = self.topology();
        let mut outcomes = Vec::with_capacity(asks.len());
        let mut by_node: HashMap<Address, Vec<Asked>> = HashMap::new();
        for ask in asks {
            match reader(&topology, ask.1, may_copy) {
                Some(address) => by_node.entry(address).or_default().push(ask),
                None => {
                    let nobody = Fault::Busy("no node serves its slot".to_owned());
                    outcomes.push((ask, Err(nobody)));
                }
            }
        }
        let mut nodes = JoinSet::new();
        for (address, asks) in by_node {
            let net = Arc::clone(self);
            nodes.spawn(async move { net.ask_node(&address, asks, deadline).await });
        }
        for of_node in nodes.join_all().await {
            outcomes.extend(of_node);
        }
        outcomes
    }

    async fn ask_node(
        &self,
        address: &Address,
        asks: Vec<Asked>,
        deadline: Instant,
    ) -> Vec<(Asked, Result<Value, Fault>)> {
        let mut outcomes = Vec::with_capacity(asks.len());
        let mut asks = asks.into_iter().peekable();
        while asks.peek().is_some() {
            let some: Vec<Asked> = asks.by_ref().take(MAX_STORE_PIPELINE).collect();
            let commands: Vec<&Cmd> = some.iter().map(|(_, _, command)| command).collect();
            let answers = timeout_at(deadline, self.send(address, &commands, false)).await;
            let answers = answers.unwrap_or_else(|_| Err("it does not answer".to_owned()));
            let mut answers = match answers {
                Ok(answers) => answers.into_iter(),
                Err(reason) => {
                    self.forget(address);
                    let fault = Fault::Busy(format!("{address}: {reason}"));
                    let failed = some.into_iter().chain(asks);
                    outcomes.extend(failed.map(|ask| (ask, Err(fault.clone()))));
                    return outcomes;
                }
            };
            for ask in some {
                let answer = answers.next().unwrap_or_default();
                let outcome = match Fault::in_answer(&answer) {
                    None => Ok(answer),
                    Some(Fault::Ask(other)) => self.ask_other(&other, &ask.2, deadline).await,
                    Some(fault) => Err(fault),
                };
                outcomes.push((ask, outcome));
            }
        }
        outcomes
    }

    /// Asks the node to which a slot is moving.
    async fn ask_other(
        &self,
        address: &Address,
        command: &Cmd,
        deadline: Instant,
    ) -> Result<Value, Fault> {
        let asked = timeout_at(deadline, self.send(address, &[command], true)).await;
        let answers = match asked {
            Ok(Ok(answers)) => answers,
            Ok(Err(reason)) => {
                self.forget(address);
                return Err(Fault::Busy(format!("{address}: {reason}")));
            }
            Err(_) => return Err(Fault::Busy(format!("{address} does not answer"))),
        };
        let answer = answers.into_iter().next_back().unwrap_or_default();
        Fault::in_answer(&answer).map_or(Ok(answer), Err)
    }

    async fn send(
        &self,
        address: &Address,
        commands: &[&Cmd],
        asking: bool,
    ) -> Result<Vec<Value>, String> {
        let mut connection = self.connection(address).await?;
        let mut pipeline = Pipeline::with_capacity(commands.len() + 1);
        if asking {
            pipeline.cmd("ASKING");
        }
        for command in commands {
            pipeline.add_command((*command).clone());
        }
        let answers = connection.send_packed_commands(&pipeline, 0, pipeline.len()).await;
        answers.map_err(|error| error.to_string())
    }
}

/// Which node to read a slot from.
fn reader(topology: &Topology, slot: u16, may_copy: bool) -> Option<Address> {
    let primary = topology.primary(slot)?;
    let copies = primary.replicas.len();
    let copy = primary.replicas.get(usize::from(slot).checked_rem(copies).unwrap_or(0));
    Some(Arc::clone(copy.filter(|_| may_copy).unwrap_or(&primary.address)))
}
