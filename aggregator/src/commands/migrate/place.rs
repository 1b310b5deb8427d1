//! `Place`: where a store is, as `--from` and `--to` say it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use crate::metrics::Metrics;
use crate::store::cluster::{self, ClusterStore, Target};
use crate::store::embedded::{self, EmbeddedStore};
use crate::store::{Movable, ReadError};

/// How to get into clusters.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Access {
    /// File with the password of the cluster's user
    #[arg(long, env = "FAS_STORE_PASSWORD_FILE", value_name = "FILE")]
    pub store_password_file: Option<PathBuf>,

    /// Certificate authorities of the cluster's nodes, PEM [default: Mozilla's]
    #[arg(long, env = "FAS_STORE_CA", value_name = "FILE")]
    pub store_ca: Option<PathBuf>,
}

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Directory(PathBuf),
    Cluster(Box<Target>),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Cluster(target) => write!(f, "{target}"),
        }
    }
}

impl Place {
    /// Reads a place: what has a scheme is a cluster, and all else a directory.
    pub fn parse(text: &str, access: &Access) -> Result<Self, String> {
        if !text.contains("://") {
            return Ok(Self::Directory(text.into()));
        }
        let mut target = Target::parse(text).map_err(|error| error.to_string())?;
        if let Some(path) = &access.store_password_file {
            let password = Target::read_password(path);
            let unreadable = |error| {
                format!(
                    "{target}, and the password file {} cannot be read: {error}",
                    path.display()
                )
            };
            target.password = Some(password.map_err(unreadable)?);
        }
        Ok(Self::Cluster(Box::new(target)))
    }

    /// The place, if something is there. What cannot be told yet is told when it is opened.
    pub fn existing(self) -> Result<Self, String> {
        let Self::Directory(path) = self else { return Ok(self) };
        let whole = path.canonicalize();
        let whole = whole.map_err(|error| format!("{}: {error}", path.display()))?;
        match holds_something(&whole) {
            Ok(true) => Ok(Self::Directory(whole)),
            Ok(false) => Err(format!("there is nothing in {}", whole.display())),
            Err(error) => Err(format!("{}: {error}", whole.display())),
        }
    }

    /// Opens the store there. It forgets nothing, however it was served.
    pub async fn open(&self, access: &Access) -> Result<Arc<dyn Movable>, String> {
        let cannot = |error: &dyn std::fmt::Display| format!("cannot open {self}: {error}");
        let metrics = Arc::new(Metrics::new().map_err(|error| cannot(&error))?);
        match self {
            Self::Directory(path) => {
                let options =
                    embedded::Options { dedupe_hours: u32::MAX, ..embedded::Options::default() };
                let path = path.clone();
                let store = tokio::task::spawn_blocking(move || {
                    EmbeddedStore::open(&path, &options, metrics)
                });
                let store = store.await.map_err(|error| cannot(&error))?;
                Ok(Arc::new(store.map_err(|error| cannot(&error))?))
            }
            Self::Cluster(target) => {
                let options = cluster::Options {
                    target: (**target).clone(),
                    authorities: access.store_ca.clone(),
                    replica_acks: None,
                    reads_replicas: false,
                    retain_hours: None,
                    dedupe_hours: u32::MAX,
                };
                let store = ClusterStore::open(&options, metrics).await;
                Ok(Arc::new(store.map_err(|error| cannot(&error))?))
            }
        }
    }
}

fn holds_something(directory: &Path) -> std::io::Result<bool> {
    Ok(std::fs::read_dir(directory)?.next().transpose()?.is_some())
}

/// Why a store is not to be used.
#[derive(Debug, thiserror::Error)]
pub enum HalfMoved {
    /// Not all is there.
    #[error("a move into it has not ended: run `fas migrate` again, as before")]
    Unfinished,
    /// It is not known.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
}

/// Refuses a store into which another one is being moved: it does not hold all yet.
///
/// # Errors
/// When there is such a move.
pub async fn refuse_half_moved(store: &dyn Movable) -> Result<(), HalfMoved> {
    match store.moving().await? {
        Some(_) => Err(HalfMoved::Unfinished),
        None => Ok(()),
    }
}
