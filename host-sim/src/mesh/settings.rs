//! What a mesh is told: how large it is, how much moves in it, what goes wrong, and how it is run.

use std::time::Duration;

use super::tls::Tls;
use crate::{
    limits::{MAX_MESH_APPS, MAX_MESH_SIDECARS, MAX_MESH_THREADS},
    timestamp::Timestamp,
};

/// A mesh to be.
#[derive(Clone, Debug)]
pub struct MeshSettings {
    /// How many sidecars, each with a VM of its own.
    pub sidecars: u32,
    /// How many apps they serve; every app has one sidecar at least.
    pub apps: u32,
    /// Over how many networks they are spread.
    pub networks: u32,
    /// The virtual time at the start.
    pub start: Timestamp,
    /// How long traffic goes on, in nanoseconds of virtual time.
    pub duration_ns: u64,
    /// What all chance goes by.
    pub seed: u64,
    /// How much moves.
    pub traffic: Traffic,
    /// How sidecars come and go.
    pub churn: Churn,
    /// What goes wrong.
    pub faults: Faults,
    /// The base URLs of the servers to which the plugins push; each push goes to the next of them.
    pub receivers: Vec<String>,
    /// What servers of https are trusted by.
    pub tls: Option<Tls>,
    /// How long, in real time, to wait for the answer to a push.
    pub push_timeout: Duration,
    /// How long, in real time, to try again what must get through in the end: what sidecars have left
    /// behind, and the receivers' answers to what they have.
    pub patience: Duration,
    /// How many connections carry the pushes.
    pub connections: usize,
    /// How many threads run sidecars.
    pub threads: usize,
    /// At most so many pushes a second of real time; as fast as it will go, if none.
    pub pushes_per_second: Option<f64>,
    /// The cap on a VM's memory, in bytes.
    pub memory_bytes: usize,
}

/// How much moves.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// Requests and connections that a sidecar begins in an hour, in the mean over all.
    pub exchanges_per_hour: f64,
    /// How many of them are long: they stay open and go on moving bytes.
    pub long_share: f64,
    /// How long these live, in nanoseconds, in the mean.
    pub long_life_ns: u64,
}

/// How often sidecars end, per sidecar and hour. Another takes the place of each.
#[derive(Clone, Debug)]
pub struct Churn {
    /// Without notice, as by SIGKILL.
    pub killed: f64,
    /// As by SIGTERM.
    pub terminated: f64,
    /// Drained first.
    pub drained: f64,
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub struct Faults {
    /// The share of pushes that is lost, or whose answer is.
    pub loss: f64,
    /// The share that arrives twice.
    pub duplication: f64,
    /// The share that is reset, before or after it has arrived.
    pub reset: f64,
    /// How often a sidecar cannot reach the receiver for a while, per hour.
    pub partitions: f64,
    /// When nobody can: from and to, in nanoseconds since the mesh's start.
    pub outages: Vec<(u64, u64)>,
    /// The share of sidecars whose clock is off.
    pub skewed: f64,
    /// By how much at most, in nanoseconds.
    pub skew_ns: u64,
}

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Too few or too many sidecars.
    #[error("sidecars: {0} is not between 1 and {MAX_MESH_SIDECARS}")]
    Sidecars(u32),
    /// Too few or too many apps.
    #[error("apps: {0} is not between 2 and {MAX_MESH_APPS}")]
    Apps(u32),
    /// Apps without a sidecar.
    #[error("apps: {apps} are more than the {sidecars} sidecars")]
    AppsWithoutSidecar {
        /// So many apps.
        apps: u32,
        /// So many sidecars.
        sidecars: u32,
    },
    /// Too few or too many networks.
    #[error("networks: {0} is not between 1 and {MAX_MESH_APPS}")]
    Networks(u32),
    /// Too few or too many threads.
    #[error("{0}: {1} is not between 1 and {MAX_MESH_THREADS}")]
    Threads(&'static str, usize),
    /// A share that is none.
    #[error("{0} is not between 0 and 1")]
    Share(&'static str),
    /// A rate that is none.
    #[error("{0} is not a finite number of 0 or more")]
    Rate(&'static str),
    /// A pace that never sends.
    #[error("rate: pushes per second must be more than 0")]
    Pace,
}

impl MeshSettings {
    /// Whether there can be such a mesh.
    pub fn check(&self) -> Result<(), SettingsError> {
        let (sidecars, apps) = (self.sidecars, self.apps);
        if !(1..=MAX_MESH_SIDECARS).contains(&sidecars) {
            return Err(SettingsError::Sidecars(sidecars));
        }
        if !(2..=MAX_MESH_APPS).contains(&apps) {
            return Err(SettingsError::Apps(apps));
        }
        if apps > sidecars {
            return Err(SettingsError::AppsWithoutSidecar { apps, sidecars });
        }
        if !(1..=MAX_MESH_APPS).contains(&self.networks) {
            return Err(SettingsError::Networks(self.networks));
        }
        for (name, count) in [("connections", self.connections), ("threads", self.threads)] {
            if !(1..=MAX_MESH_THREADS).contains(&count) {
                return Err(SettingsError::Threads(name, count));
            }
        }
        if self.pushes_per_second.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
            return Err(SettingsError::Pace);
        }
        self.check_chances()
    }

    fn check_chances(&self) -> Result<(), SettingsError> {
        let Faults { loss, duplication, reset, skewed, partitions, .. } = self.faults;
        let long = self.traffic.long_share;
        let shares = [
            ("loss", loss),
            ("duplication", duplication),
            ("reset", reset),
            ("loss, duplication and reset together", loss + duplication + reset),
            ("skewed", skewed),
            ("long", long),
        ];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(SettingsError::Share(name));
            }
        }
        let Churn { killed, terminated, drained } = self.churn;
        let rates = [
            ("exchanges per hour", self.traffic.exchanges_per_hour),
            ("killed", killed),
            ("terminated", terminated),
            ("drained", drained),
            ("partitions", partitions),
        ];
        match rates.into_iter().find(|(_, rate)| !rate.is_finite() || *rate < 0.0) {
            Some((name, _)) => Err(SettingsError::Rate(name)),
            None => Ok(()),
        }
    }
}
