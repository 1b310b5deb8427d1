//! A server of a cluster.

use std::path::Path;
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

use redis::{Connection, FromRedisValue, Value};

use crate::failure::{Doing, Failure, Result};
use crate::ports::free_port;
use crate::process::Process;

/// How long a node may take for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Commands that take longer are noted, in microseconds.
const SLOW_MICROS: &str = "500";

/// How many of these are kept.
const SLOW_COMMANDS: &str = "100000";

/// The settings that docs/operations.md recommends, and no snapshots.
const SETTINGS: [&str; 10] = [
    "--appendonly",
    "yes",
    "--appendfsync",
    "everysec",
    "--maxmemory-policy",
    "noeviction",
    "--save",
    "",
    "--cluster-enabled",
    "yes",
];

/// A running server.
pub struct Node {
    port: u16,
    bus_port: u16,
    process: Process,
}

impl Node {
    /// Starts it, alone.
    pub fn start(directory: &Path) -> Result<Self> {
        let (port, bus_port) = (free_port()?, free_port()?);
        let home = directory.join(format!("node-{port}"));
        std::fs::create_dir(&home).doing(home.display())?;
        let mut command = program();
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--cluster-port", &bus_port.to_string()]).args(SETTINGS);
        command.args(["--slowlog-log-slower-than", SLOW_MICROS]);
        command.args(["--slowlog-max-len", SLOW_COMMANDS]);
        command.args(["--repl-diskless-sync-delay", "0", "--dir"]).arg(&home);
        let name = format!("redis-{port}");
        let mut process = Process::start(&name, &mut command, directory, "KILL")?;
        process.wait_until_ready(|| {
            connect(port)
                .is_ok_and(|mut connection| redis::cmd("PING").query::<()>(&mut connection).is_ok())
        })?;
        Ok(Self { port, bus_port, process })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the other nodes talk to it.
    pub fn bus_port(&self) -> u16 {
        self.bus_port
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// A connection to it.
    pub fn connect(&self) -> Result<Connection> {
        connect(self.port)
    }

    /// The answer to a command.
    pub fn ask<T: FromRedisValue>(&self, words: &[&str]) -> Result<T> {
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        command.query(&mut self.connect()?).doing(format_args!("asking Redis {}", words.join(" ")))
    }

    /// A figure of `INFO`.
    pub fn info<T: FromStr>(&self, section: &str, figure: &str) -> Result<T> {
        let info: String = self.ask(&["INFO", section])?;
        let prefix = format!("{figure}:");
        let value = info.lines().find_map(|line| line.strip_prefix(&prefix)?.trim().parse().ok());
        value.ok_or_else(|| Failure::new(format!("Redis does not tell its {figure}")))
    }

    /// How often a command has been called.
    pub fn calls(&self, command: &str) -> Result<u64> {
        let figure = format!("cmdstat_{command}");
        let Ok(told) = self.info::<String>("commandstats", &figure) else { return Ok(0) };
        let calls = told.split(',').find_map(|part| part.strip_prefix("calls=")?.parse().ok());
        calls.ok_or_else(|| Failure::new(format!("Redis tells {told:?} of its commands")))
    }

    /// How long the commands took that took long.
    pub fn slow_commands(&self) -> Result<Vec<Duration>> {
        let log: Vec<Vec<Value>> = self.ask(&["SLOWLOG", "GET", "-1"])?;
        // An entry is its number, when it was, microseconds, and more.
        let times = log.iter().filter_map(|entry| match entry.get(2) {
            Some(Value::Int(micros)) => Some(Duration::from_micros(u64::try_from(*micros).ok()?)),
            _ => None,
        });
        Ok(times.collect())
    }
}

/// The program of a server: `FLOW_REDIS_SERVER`, or the one on the path.
pub fn program() -> Command {
    let server = std::env::var_os("FLOW_REDIS_SERVER");
    Command::new(server.unwrap_or_else(|| "redis-server".into()))
}

fn connect(port: u16) -> Result<Connection> {
    let client = redis::Client::open(("127.0.0.1", port)).doing("connecting to Redis")?;
    let connection = client.get_connection_with_timeout(PATIENCE).doing("connecting to Redis")?;
    connection.set_read_timeout(Some(PATIENCE)).doing("connecting to Redis")?;
    Ok(connection)
}
