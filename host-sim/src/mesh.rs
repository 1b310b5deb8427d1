//! A mesh of thousands of sidecars, each with a VM of the same plugin, in virtual time and as fast as
//! it will go. It makes traffic up by a seed, carries the plugins' pushes to a real server, and
//! compares what it has sent with what that server says. What the pushes and the server's answers
//! mean is left to an [`Oracle`].

mod accounts;
mod agenda;
mod chance;
pub mod comparison;
mod courier;
pub mod latency;
pub mod ledger;
pub mod oracle;
mod partition;
mod population;
pub mod progress;
mod running;
pub mod settings;
mod sidecar;
mod world;

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::{Plugin, PluginError, limits::MESH_SPARE_VMS};
use accounts::Accounts;
pub use accounts::Counts;
use comparison::{Books, Difference};
use courier::Courier;
use latency::Latencies;
use ledger::Bytes;
use oracle::Oracle;
use partition::Partition;
use population::Population;
use progress::Progress;
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
    let before = oracle.totals(&settings.receiver).map_err(MeshError::Receiver)?;
    if !before.is_empty() {
        return Err(MeshError::NotFresh(before.len()));
    }
    let vms = settings.sidecars.saturating_add(MESH_SPARE_VMS);
    let plugin = Plugin::load_pooled(plugin, vms, settings.memory_bytes)?;
    let population = Population::new(settings);
    let began = Instant::now();
    let (accounts, latencies) = simulate(&plugin, settings, &population, oracle, on_progress)?;
    let took = began.elapsed();
    let received = oracle.totals(&settings.receiver).map_err(MeshError::Receiver)?;
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
        latencies,
        running_cpu: Duration::from_nanos(cpu_ns),
        took,
    })
}

fn simulate(
    plugin: &Plugin,
    settings: &MeshSettings,
    population: &Population,
    oracle: &dyn Oracle,
    mut on_progress: impl FnMut(Progress),
) -> Result<(Accounts, Latencies), MeshError> {
    let courier = &Courier::new(settings.pushes_per_second);
    let (progress, news) = mpsc::channel();
    let (answers, inboxes): (Vec<_>, Vec<_>) =
        (0..settings.threads).map(|_| mpsc::channel()).unzip();
    thread::scope(|scope| {
        let carry = || {
            let answers = answers.clone();
            scope.spawn(move || courier.carry(&settings.receiver, &answers))
        };
        let carriers: Vec<_> = (0..settings.connections).map(|_| carry()).collect();
        let runners = inboxes.into_iter().enumerate().map(|(thread, answers)| {
            let progress = progress.clone();
            scope.spawn(move || {
                let world = World::new(settings, population, oracle, plugin);
                let numbers = (0..settings.sidecars).skip(thread).step_by(settings.threads);
                Partition { thread, world, courier, answers, progress }.run(numbers)
            })
        });
        let runners: Vec<_> = runners.collect();
        drop(progress);
        news.iter().for_each(&mut on_progress);
        let mut accounts = Accounts::default();
        let finished: Vec<_> = runners.into_iter().map(thread::ScopedJoinHandle::join).collect();
        courier.close();
        for share in finished {
            accounts.merge(share.map_err(|_| MeshError::Thread)?);
        }
        let mut latencies = Latencies::default();
        for carrier in carriers {
            latencies.merge(&carrier.join().map_err(|_| MeshError::Thread)?);
        }
        Ok((accounts, latencies))
    })
}
