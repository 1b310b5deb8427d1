//! `host-sim mesh`: thousands of sidecars with the same plugin against a real aggregator, and the
//! comparison of what moved with what that says. What the plugin pushes and the aggregator answers
//! is known to `flows` alone.

mod flows;
mod summary;
mod usage;

use std::{io::Write, path::PathBuf};

use clap::ValueEnum;
use host_sim::{
    Timestamp,
    limits::MESH_VM_MEMORY_BYTES,
    mesh::{
        self, MeshError,
        oracle::Oracle,
        progress::Progress,
        settings::{Churn, Faults, MeshSettings, Traffic},
    },
    parse_duration_ns,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{CliError, read, write_json};
use flows::Flows;
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
    /// The aggregator, which must be a fresh one
    #[arg(long, value_name = "URL", value_parser = parse_url)]
    aggregator: String,
    /// A file with the token for pushes and reads
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
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
    /// Connections that carry pushes
    #[arg(long, value_name = "NUMBER", default_value_t = 32)]
    connections: usize,
    /// At most so many pushes a second of real time; without it, as fast as it will go
    #[arg(long, value_name = "PUSHES")]
    rate: Option<f64>,
    /// The aggregator's process, to tell the processor time that it uses
    #[arg(long, value_name = "PID")]
    aggregator_pid: Option<u32>,
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
        let token = match &self.token_file {
            Some(path) => Some(String::from_utf8_lossy(&read(path)?).trim().to_owned()),
            None => None,
        };
        let push_interval_ms = self.push_interval / 1_000_000;
        let oracle: Box<dyn Oracle> = match self.oracle {
            OracleName::Flows => Box::new(Flows { push_interval_ms, token }),
        };
        let receiver = self.aggregator_pid.map(|pid| pid.to_string());
        let receiver_cpu_s = || receiver.as_deref().and_then(usage::cpu_s);
        let before = (usage::cpu_s("self").unwrap_or_default(), receiver_cpu_s());
        let (json, threads, duration_ns) = (self.json, self.parallel, self.duration);
        let mut bar = Bar::new(threads, duration_ns);
        let settings = self.settings();
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

    fn settings(self) -> MeshSettings {
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
            receiver: self.aggregator,
            connections: self.connections,
            threads: self.parallel,
            pushes_per_second: self.rate,
            memory_bytes: MESH_VM_MEMORY_BYTES,
        }
    }
}

/// The progress bar, on a terminal only.
struct Bar {
    bar: ProgressBar,
    threads: Vec<Progress>,
}

impl Bar {
    fn new(threads: usize, duration_ns: u64) -> Self {
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(Some(duration_ns / 1_000_000_000), target);
        let style = ProgressStyle::with_template("{bar:40} {percent}%  {elapsed}  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, threads: vec![Progress::default(); threads] }
    }

    fn show(&mut self, news: Progress) {
        if let Some(thread) = self.threads.get_mut(news.thread) {
            *thread = news;
        }
        let callbacks: u64 = self.threads.iter().map(|thread| thread.callbacks).sum();
        let pushes: u64 = self.threads.iter().map(|thread| thread.pushes).sum();
        let slowest_ns = self.threads.iter().map(|thread| thread.virtual_ns).min();
        self.bar.set_position(slowest_ns.unwrap_or_default() / 1_000_000_000);
        self.bar.set_message(format!("{callbacks} callbacks, {pushes} pushes"));
    }

    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn parse_url(text: &str) -> Result<String, String> {
    match text.strip_prefix("http://") {
        Some(host) if !host.is_empty() => Ok(text.to_owned()),
        _ => Err("not of the form http://host:port".to_owned()),
    }
}

fn parse_outage(text: &str) -> Result<(u64, u64), String> {
    let parts = text.split_once('+');
    let (after, length) = parts.ok_or("not of the form AFTER+LENGTH, such as 1h+10m")?;
    let parse = |text| parse_duration_ns(text).map_err(|error| error.to_string());
    let (after_ns, length_ns) = (parse(after)?, parse(length)?);
    Ok((after_ns, after_ns.saturating_add(length_ns)))
}
