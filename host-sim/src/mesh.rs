//! A mesh of thousands of sidecars, each with a VM of the same plugin, in virtual time and as fast as
//! it will go. It makes traffic up by a seed, carries the plugins' pushes to a real server, and
//! compares what it has sent with what that server says. What the pushes and the server's answers
//! mean is left to an [`Oracle`].

mod accounts;
mod agenda;
mod chance;
pub mod comparison;
mod connection;
mod courier;
pub mod latency;
pub mod ledger;
pub mod oracle;
mod partition;
mod population;
pub mod progress;
mod receivers;
mod running;
pub mod settings;
mod sidecar;
pub mod tls;
mod world;

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::Runtime;

use crate::{Plugin, PluginError, limits::MESH_SPARE_VMS};
use accounts::Accounts;
pub use accounts::Counts;
use comparison::{Books, Difference};
use courier::Carried;
use latency::Latencies;
use ledger::Bytes;
use oracle::Oracle;
use partition::Partition;
use population::Population;
use progress::Progress;
pub use receivers::ReceiverError;
use receivers::Receivers;
use settings::{MeshSettings, SettingsError};
use world::World;

/// Why a mesh could not be run.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// There can be no such mesh.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The module is no plugin, or there is no room for so many of its VMs.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The receivers cannot be used.
    #[error(transparent)]
    Receivers(#[from] ReceiverError),
    /// The operating system does not let the simulator wait for sockets.
    #[error("sockets cannot be polled: {0}")]
    Poll(std::io::Error),
    /// The receiver could not be read.
    #[error("the receiver cannot be read: {0}")]
    Receiver(String),
    /// The receiver has something already, so that nothing could be compared.
    #[error("the receiver has {0} rows already: it must be a fresh one")]
    NotFresh(usize),
    /// A thread of the simulator failed.
    #[error("a thread of the simulator failed")]
    Thread,
}

/// What came of a mesh.
#[derive(Debug)]
pub struct MeshOutcome {
    /// How often what happened.
    pub counts: Counts,
    /// The first failures, in words.
    pub failures: Vec<String>,
    /// What moved, in rows and bytes.
    pub sent: (usize, Bytes),
    /// What the receiver has accepted, by its own receipts.
    pub accepted: (usize, Bytes),
    /// What it says it has.
    pub received: (usize, Bytes),
    /// What sidecars that were killed had not pushed.
    pub killed: (usize, Bytes),
    /// What of this may have arrived all the same.
    pub doubtful: (usize, Bytes),
    /// What is not as it should be.
    pub differences: Vec<Difference>,
    /// How long pushes took, in real time.
    pub latencies: Latencies,
    /// Processor time of the threads that ran sidecars.
    pub running_cpu: Duration,
    /// Processor time of the thread that carried pushes.
    pub carrying_cpu: Duration,
    /// How long the run took, in real time.
    pub took: Duration,
}

impl MeshOutcome {
    /// Whether the receiver has, to the byte, what moved, less what went with killed sidecars.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty() && self.counts.failures == 0
    }
}

/// Runs a mesh of this plugin.
pub fn run(
    plugin: &[u8],
    settings: &MeshSettings,
    oracle: &dyn Oracle,
    on_progress: impl FnMut(Progress),
) -> Result<MeshOutcome, MeshError> {
    settings.check()?;
    let (receivers, runtime) = (Receivers::new(settings)?, runtime()?);
    let totals = |patience| {
        let read = |path: &str, headers: &[(&str, &str)]| {
            receivers.get(&runtime, (path, headers), patience)
        };
        oracle.totals(&read).map_err(MeshError::Receiver)
    };
    let before = totals(Duration::ZERO)?;
    if !before.is_empty() {
        return Err(MeshError::NotFresh(before.len()));
    }
    let vms = settings.sidecars.saturating_add(MESH_SPARE_VMS);
    let plugin = Plugin::load_pooled(plugin, vms, settings.memory_bytes)?;
    let population = Population::new(settings);
    let began = Instant::now();
    let (accounts, carried) = simulate(&plugin, settings, &population, oracle, on_progress)?;
    let took = began.elapsed();
    let received = totals(settings.patience)?;
    let books = Books::of(&accounts, &population, received);
    let Accounts { counts, failures, cpu_ns, .. } = accounts;
    Ok(MeshOutcome {
        counts,
        failures,
        sent: comparison::sum(&books.sent),
        accepted: comparison::sum(&books.accepted),
        received: comparison::sum(&books.received),
        killed: comparison::sum(&books.killed),
        doubtful: comparison::sum(&books.doubtful),
        differences: books.differences(),
        latencies: carried.latencies,
        running_cpu: Duration::from_nanos(cpu_ns),
        carrying_cpu: Duration::from_nanos(carried.cpu_ns),
        took,
    })
}

fn runtime() -> Result<Runtime, MeshError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(MeshError::Poll)
}

fn simulate(
    plugin: &Plugin,
    settings: &MeshSettings,
    population: &Population,
    oracle: &dyn Oracle,
    mut on_progress: impl FnMut(Progress),
) -> Result<(Accounts, Carried), MeshError> {
    let (progress, news) = mpsc::channel();
    let (errands, inbox) = tokio::sync::mpsc::unbounded_channel();
    let (answers, inboxes): (Vec<_>, Vec<_>) =
        (0..settings.threads).map(|_| mpsc::channel()).unzip();
    thread::scope(|scope| {
        let carrier = scope.spawn(move || -> Result<Carried, MeshError> {
            let (receivers, runtime) = (Receivers::new(settings)?, runtime()?);
            let how = (settings.connections, settings.pushes_per_second);
            Ok(courier::carry(&runtime, receivers, (inbox, answers), how))
        });
        let runners = inboxes.into_iter().enumerate().map(|(thread, answers)| {
            let (progress, errands) = (progress.clone(), errands.clone());
            scope.spawn(move || {
                let world = World::new(settings, population, oracle, plugin);
                let numbers = (0..settings.sidecars).skip(thread).step_by(settings.threads);
                Partition { thread, world, errands, answers, progress }.run(numbers)
            })
        });
        let runners: Vec<_> = runners.collect();
        drop((progress, errands));
        news.iter().for_each(&mut on_progress);
        let mut accounts = Accounts::default();
        for runner in runners {
            accounts.merge(runner.join().map_err(|_| MeshError::Thread)?);
        }
        let carried = carrier.join().map_err(|_| MeshError::Thread)??;
        Ok((accounts, carried))
    })
}
