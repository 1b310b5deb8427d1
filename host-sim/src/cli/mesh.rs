//! `host-sim mesh`: thousands of sidecars with the same plugin against a real aggregator, and the
//! comparison of what moved with what that says. What the plugin pushes and the aggregator answers
//! is known to `flows` alone.

mod aggregator;
mod bar;
mod flows;
mod summary;
mod usage;

use std::{io::Write, path::PathBuf};

use super::{CliError, read, write_json};
use aggregator::AggregatorArguments;
use bar::Bar;
use clap::ValueEnum;
use flows::Flows;
use host_sim::{
    Timestamp,
    limits::MESH_VM_MEMORY_BYTES,
    mesh::{
        self, MeshError,
        oracle::Oracle,
        settings::{Churn, Faults, MeshSettings, Traffic},
        tls::Tls,
    },
    parse_duration_ns,
};
use summary::Usage;

/// Run thousands of sidecars against a real aggregator, and compare what moved with what it says
#[derive(clap::Args)]
pub(super) struct Mesh {
    /// The plugin
    #[arg(long, value_name = "X.wasm", default_value = "target/plugin/flow_filter.wasm")]
    plugin: PathBuf,
    /// Who knows what the plugin pushes, and what the aggregator says
    #[arg(long, value_enum, default_value_t = OracleName::Flows)]
    oracle: OracleName,
    #[command(flatten)]
    aggregator: AggregatorArguments,
    /// How many sidecars, each with a VM of its own
    #[arg(long, value_name = "NUMBER", default_value_t = 200)]
    sidecars: u32,
    /// How many apps they serve
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    apps: u32,
    /// Over how many networks they are spread
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    networks: u32,
    /// How long traffic goes on, in virtual time
    #[arg(long, default_value = "3h", value_parser = parse_duration_ns)]
    duration: u64,
    /// The virtual time at the start
    #[arg(long, default_value = "2026-03-01T10:30:00Z", value_parser = Timestamp::parse)]
    start: Timestamp,
    /// What all chance goes by
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    traffic: TrafficArguments,
    #[command(flatten)]
    faults: FaultArguments,
    /// How long the plugin waits between pushes
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration_ns)]
    push_interval: u64,
    /// Threads that run sidecars
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    parallel: usize,
    /// Print one JSON document in place of text
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum OracleName {
    /// The flow filter and its aggregator
    Flows,
}

#[derive(clap::Args)]
struct TrafficArguments {
    /// Requests and connections that a sidecar begins in an hour, in the mean
    #[arg(long, value_name = "NUMBER", default_value_t = 120.0)]
    exchanges_per_hour: f64,
    /// The share of them that stay open and go on moving bytes
    #[arg(long, value_name = "SHARE", default_value_t = 0.02)]
    long: f64,
    /// How long these live, in the mean
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = parse_duration_ns)]
    long_life: u64,
}

#[derive(clap::Args)]
struct FaultArguments {
    /// How often a sidecar is killed, per hour
    #[arg(long, value_name = "RATE", default_value_t = 0.02)]
    killed: f64,
    /// How often a sidecar gets SIGTERM, per hour
    #[arg(long, value_name = "RATE", default_value_t = 0.04)]
    terminated: f64,
    /// How often a sidecar is drained and replaced, per hour
    #[arg(long, value_name = "RATE", default_value_t = 0.04)]
    drained: f64,
    /// The share of pushes that is lost, or whose answer is
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    loss: f64,
    /// The share of pushes that arrives twice
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    duplication: f64,
    /// The share of pushes that is reset
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    reset: f64,
    /// How often a sidecar cannot reach the aggregator for a while, per hour
    #[arg(long, value_name = "RATE", default_value_t = 0.1)]
    partitions: f64,
    /// When no sidecar can, such as 1h+10m; may be given several times
    #[arg(long = "outage", value_name = "AFTER+LENGTH", value_parser = parse_outage)]
    outages: Vec<(u64, u64)>,
    /// The share of sidecars whose clock is off
    #[arg(long, value_name = "SHARE", default_value_t = 0.02)]
    skewed: f64,
    /// By how much at most
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = parse_duration_ns)]
    skew: u64,
}

impl From<MeshError> for CliError {
    fn from(error: MeshError) -> Self {
        Self::Other(error.to_string())
    }
}

impl Mesh {
    pub(super) fn run(self, out: &mut impl Write) -> Result<bool, CliError> {
        let plugin = read(&self.plugin)?;
        let (token, tls) = (self.aggregator.token()?, self.aggregator.tls()?);
        let push_interval_ms = self.push_interval / 1_000_000;
        let oracle: Box<dyn Oracle> = match self.oracle {
            OracleName::Flows => Box::new(Flows { push_interval_ms, token }),
        };
        let receiver_cpu_s = self.aggregator.stopwatch();
        let before = (usage::cpu_s("self").unwrap_or_default(), receiver_cpu_s());
        let (json, threads, duration_ns) = (self.json, self.parallel, self.duration);
        let mut bar = Bar::new(threads, duration_ns);
        let settings = self.settings(tls);
        let outcome = mesh::run(&plugin, &settings, oracle.as_ref(), |news| bar.show(news))?;
        bar.clear();
        let usage = Usage {
            cpu_s: usage::cpu_s("self").unwrap_or_default() - before.0,
            peak_kib: usage::peak_kib().unwrap_or_default(),
            receiver_cpu_s: receiver_cpu_s().zip(before.1).map(|(now_s, then_s)| now_s - then_s),
        };
        match json {
            true => write_json(&summary::document(&outcome, &usage), out)?,
            false => summary::write(&outcome, &usage, out)?,
        }
        Ok(outcome.is_equal())
    }

    fn settings(self, tls: Option<Tls>) -> MeshSettings {
        let FaultArguments { loss, duplication, reset, partitions, outages, skewed, .. } =
            self.faults;
        MeshSettings {
            sidecars: self.sidecars,
            apps: self.apps,
            networks: self.networks,
            start: self.start,
            duration_ns: self.duration,
            seed: self.seed,
            traffic: Traffic {
                exchanges_per_hour: self.traffic.exchanges_per_hour,
                long_share: self.traffic.long,
                long_life_ns: self.traffic.long_life,
            },
            churn: Churn {
                killed: self.faults.killed,
                terminated: self.faults.terminated,
                drained: self.faults.drained,
            },
            faults: Faults {
                loss,
                duplication,
                reset,
                partitions,
                outages,
                skewed,
                skew_ns: self.faults.skew,
            },
            receivers: self.aggregator.urls,
            tls,
            push_timeout: self.aggregator.push_timeout,
            patience: self.aggregator.patience,
            connections: self.aggregator.connections,
            threads: self.parallel,
            pushes_per_second: self.aggregator.rate,
            memory_bytes: MESH_VM_MEMORY_BYTES,
        }
    }
}

fn parse_outage(text: &str) -> Result<(u64, u64), String> {
    let parts = text.split_once('+');
    let (after, length) = parts.ok_or("not of the form AFTER+LENGTH, such as 1h+10m")?;
    let parse = |text| parse_duration_ns(text).map_err(|error| error.to_string());
    let (after_ns, length_ns) = (parse(after)?, parse(length)?);
    Ok((after_ns, after_ns.saturating_add(length_ns)))
}
