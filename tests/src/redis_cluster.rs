//! A Redis Cluster on this machine: real servers on free ports, whose nodes can be killed, paused
//! and started again, and whose slots can be moved while it is used.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use redis::{Connection, Value, cmd};
use tempfile::TempDir;

use crate::aftermath::Aftermath;
use crate::deadline::wait_for;
use crate::ports::free_port;
use crate::process::Process;
use crate::programs;

const SLOTS: usize = 16_384;

/// How long a node is not heard before the others take it for failed, in milliseconds.
const NODE_TIMEOUT_MS: u32 = 2_000;

/// A cluster of primaries, each with some replicas.
pub struct RedisCluster {
    nodes: Vec<Node>,
    primaries: usize,
    directory: TempDir,
    settings: Vec<String>,
    /// A cluster that all tests of a process share is dropped by nobody.
    _aftermath: Aftermath,
}

/// A server, which may be running or not.
pub struct Node {
    port: u16,
    /// Where the nodes talk to each other.
    bus_port: u16,
    process: Option<Process>,
}

impl RedisCluster {
    /// Starts primaries with replicas, and waits until they serve.
    pub fn start(primaries: usize, replicas_each: usize) -> Self {
        Self::start_with(primaries, replicas_each, &[])
    }

    /// The same, with more settings for `redis-server`, such as `--appendfsync always`.
    pub fn start_with(primaries: usize, replicas_each: usize, settings: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let aftermath = Aftermath::remove(directory.path().as_os_str());
        let mut cluster = Self {
            _aftermath: aftermath,
            nodes: Vec::new(),
            primaries,
            directory,
            settings: settings.iter().map(|&text| text.to_owned()).collect(),
        };
        for at in 0..primaries * (1 + replicas_each) {
            cluster.nodes.push(Node { port: free_port(), bus_port: free_port(), process: None });
            cluster.restart(at);
        }
        cluster.join();
        cluster
    }

    /// How many nodes there are: the first ones began as primaries.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// What `--store` takes for a store of this name.
    pub fn url(&self, name: &str) -> String {
        let hosts: Vec<String> =
            self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis://{}/{name}", hosts.join(","))
    }

    /// The port of a node.
    pub fn port(&self, at: usize) -> u16 {
        self.nodes[at].port
    }

    /// Whether a node runs.
    pub fn runs(&self, at: usize) -> bool {
        self.nodes[at].process.is_some()
    }

    /// Kills a node where it stands.
    pub fn kill(&mut self, at: usize) {
        if let Some(mut process) = self.nodes[at].process.take() {
            process.kill();
        }
    }

    /// Starts a node again, with what it has on disk.
    pub fn restart(&mut self, at: usize) {
        assert!(!self.runs(at), "node {at} is running already");
        let port = self.nodes[at].port;
        let home = self.home(at);
        std::fs::create_dir_all(&home).expect("a directory can be made");
        let mut command = Command::new(programs::redis_server());
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
        command.args(["--cluster-port", &self.nodes[at].bus_port.to_string()]);
        command.args(["--cluster-enabled", "yes", "--appendonly", "yes", "--save", ""]);
        command.args(["--cluster-node-timeout", &NODE_TIMEOUT_MS.to_string()]);
        command.args(["--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes"]);
        command.args(&self.settings).arg("--dir").arg(&home);
        let mut process =
            Process::start(&format!("redis-{port}"), &mut command, self.directory.path());
        process.wait_until_ready(|| self.try_ask(at, cmd("PING")).is_ok());
        self.nodes[at].process = Some(process);
    }

    /// Stops a node where it stands, without ending it (SIGSTOP).
    pub fn pause(&self, at: usize) {
        self.signal(at, "-STOP");
    }

    /// Lets a paused node go on (SIGCONT).
    pub fn resume(&self, at: usize) {
        self.signal(at, "-CONT");
    }

    fn signal(&self, at: usize, signal: &str) {
        if let Some(process) = &self.nodes[at].process {
            process.signal(signal);
        }
    }

    /// Waits until every slot is served, and every primary has as many replicas as at the start.
    pub fn wait_until_whole(&self) {
        let replicas = self.nodes.len() / self.primaries - 1;
        wait_for("the cluster to be whole", || {
            let running = (0..self.len()).filter(|at| self.runs(*at));
            for at in running {
                let info = text(&self.try_ask(at, cmd("CLUSTER").arg("INFO").clone())?);
                if !info.contains("cluster_state:ok") {
                    return Err(format!("node {at}: {info}"));
                }
                let role = self.try_ask(at, cmd("ROLE"))?;
                let Value::Array(parts) = &role else { return Err(format!("{role:?}")) };
                let is_primary = parts.first().map(text).as_deref() == Some("master");
                match parts.get(2) {
                    Some(Value::Array(copies)) if is_primary && copies.len() < replicas => {
                        return Err(format!("node {at} has {} replicas", copies.len()));
                    }
                    _ if !is_primary && parts.get(3).map(text).as_deref() != Some("connected") => {
                        return Err(format!("node {at} copies nobody"));
                    }
                    _ => {}
                }
            }
            Ok(())
        });
    }

    /// The nodes that take writes at the moment, as far as they know.
    pub fn current_primaries(&self) -> Vec<usize> {
        let is_primary = |at: &usize| {
            let role = self.try_ask(*at, cmd("ROLE")).ok();
            matches!(role, Some(Value::Array(parts)) if parts.first().map(text).as_deref() == Some("master"))
        };
        (0..self.len()).filter(|at| self.runs(*at)).filter(is_primary).collect()
    }

    /// Moves a slot to another node, with all keys in it, as `redis-cli --cluster reshard` does.
    pub fn move_slot(&self, slot: u16, to: usize) -> Result<(), String> {
        let owner = self.owner(slot)?;
        if owner == to {
            return Ok(());
        }
        self.move_keys(slot, to)?;
        let to_id = self.id(to)?;
        self.set_slot(to, slot, &["NODE", &to_id])?;
        self.set_slot(owner, slot, &["NODE", &to_id])
    }

    /// Moves the keys of a slot, and leaves it with the node that has it, as in the midst of a move.
    pub fn move_keys(&self, slot: u16, to: usize) -> Result<(), String> {
        let owner = self.owner(slot)?;
        self.set_slot(to, slot, &["IMPORTING", &self.id(owner)?])?;
        self.set_slot(owner, slot, &["MIGRATING", &self.id(to)?])?;
        loop {
            let mut list = cmd("CLUSTER");
            list.arg("GETKEYSINSLOT").arg(slot).arg(100);
            let Value::Array(keys) = self.try_ask(owner, list)? else { return Ok(()) };
            if keys.is_empty() {
                return Ok(());
            }
            let mut migrate = cmd("MIGRATE");
            migrate.arg("127.0.0.1").arg(self.port(to)).arg("").arg(0).arg(5_000).arg("KEYS");
            for key in &keys {
                if let Value::BulkString(key) = key {
                    migrate.arg(key);
                }
            }
            self.try_ask(owner, migrate)?;
        }
    }

    fn set_slot(&self, at: usize, slot: u16, words: &[&str]) -> Result<(), String> {
        let mut command = cmd("CLUSTER");
        command.arg("SETSLOT").arg(slot).arg(words);
        self.try_ask(at, command).map(|_| ())
    }

    /// Which node says of itself that it serves a slot. Others may not know yet.
    pub fn owner(&self, slot: u16) -> Result<usize, String> {
        let running = (0..self.len()).filter(|at| self.runs(*at));
        let mut found = running.filter(|at| self.serves(*at, slot).unwrap_or(false));
        found.next().ok_or_else(|| format!("nobody serves slot {slot}"))
    }

    fn serves(&self, at: usize, slot: u16) -> Result<bool, String> {
        let answer = self.try_ask(at, cmd("CLUSTER").arg("SLOTS").clone())?;
        let Value::Array(ranges) = answer else { return Err(format!("{answer:?}")) };
        Ok(ranges.iter().any(|range| {
            let Value::Array(parts) = range else { return false };
            let [Value::Int(first), Value::Int(last), Value::Array(node), ..] = parts.as_slice()
            else {
                return false;
            };
            let port = Value::Int(i64::from(self.port(at)));
            (*first..=*last).contains(&i64::from(slot)) && node.get(1) == Some(&port)
        }))
    }

    /// Asks a node something.
    ///
    /// # Errors
    /// When it does not answer, or answers with an error.
    pub fn try_ask(&self, at: usize, command: redis::Cmd) -> Result<Value, String> {
        let mut connection = connect(self.port(at))?;
        command.query(&mut connection).map_err(|error| error.to_string())
    }

    /// The sum of a figure of `INFO` over all nodes that run, such as `used_cpu_user`.
    pub fn sum_of(&self, section: &str, figure: &str) -> f64 {
        let of_node = |at: usize| {
            let value = self.figure(at, section, figure);
            value.and_then(|value| value.parse::<f64>().ok()).unwrap_or_default()
        };
        (0..self.len()).filter(|at| self.runs(*at)).map(of_node).sum()
    }

    /// A figure of a node's `INFO`, if it has it.
    pub fn figure(&self, at: usize, section: &str, figure: &str) -> Option<String> {
        let info = self.try_ask(at, cmd("INFO").arg(section).clone()).expect("a node answers");
        let info = text(&info);
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("{figure}:")));
        line.map(|value| value.trim().to_owned())
    }

    fn home(&self, at: usize) -> PathBuf {
        self.directory.path().join(format!("node-{at}"))
    }

    fn id(&self, at: usize) -> Result<String, String> {
        self.try_ask(at, cmd("CLUSTER").arg("MYID").clone()).map(|id| text(&id))
    }

    /// Makes the nodes one cluster.
    fn join(&self) {
        let ask = |at: usize, words: &[String]| {
            let mut command = cmd("CLUSTER");
            command.arg(words);
            self.try_ask(at, command)
                .unwrap_or_else(|error| panic!("node {at}, {words:?}: {error}"));
        };
        let word = |text: &str| text.to_owned();
        for at in 0..self.primaries {
            let (first, next) = (at * SLOTS / self.primaries, (at + 1) * SLOTS / self.primaries);
            ask(at, &[word("ADDSLOTSRANGE"), first.to_string(), (next - 1).to_string()]);
        }
        for at in 1..self.len() {
            let (port, bus) = (self.port(at), self.nodes[at].bus_port);
            ask(0, &[word("MEET"), word("127.0.0.1"), port.to_string(), bus.to_string()]);
        }
        for at in self.primaries..self.len() {
            let id = self.id(at % self.primaries).expect("a node has an id");
            wait_for("a replica to know its primary", || {
                self.try_ask(at, cmd("CLUSTER").arg("REPLICATE").arg(&id).clone())
            });
        }
        self.wait_until_whole();
    }
}

fn connect(port: u16) -> Result<Connection, String> {
    let patience = Duration::from_secs(2);
    let client = redis::Client::open(("127.0.0.1", port)).map_err(|error| error.to_string())?;
    let connection = client.get_connection_with_timeout(patience);
    let connection = connection.map_err(|error| error.to_string())?;
    connection.set_read_timeout(Some(patience)).map_err(|error| error.to_string())?;
    Ok(connection)
}

fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text.clone(),
        _ => String::new(),
    }
}
