//! A directory for a server's data, removed in the end, however this process ends.
//!
//! Not below `/tmp`, which is often in memory: there a sync costs nothing.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::aftermath::Aftermath;
use crate::failure::{Doing, Result};

/// The directory.
pub struct Scratch {
    directory: TempDir,
    _aftermath: Aftermath,
}

impl Scratch {
    /// A new directory, into which other users can look: PostgreSQL does not run as root.
    pub fn new(name: &str) -> Result<Self> {
        let base = base();
        let prefix = format!("flow-bench-{name}-");
        let directory = tempfile::Builder::new().prefix(&prefix).tempdir_in(&base);
        let directory = directory.doing(base.display())?;
        let aftermath = Aftermath::remove(directory.path())?;
        let open = Permissions::from_mode(0o755);
        fs::set_permissions(directory.path(), open).doing(directory.path().display())?;
        Ok(Self { directory, _aftermath: aftermath })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Where directories are made: `FLOW_BENCH_DIR`, or the place for temporary files that outlive a
/// reboot, which is on a disk.
pub fn base() -> PathBuf {
    std::env::var_os("FLOW_BENCH_DIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from)
}
