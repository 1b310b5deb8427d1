//! Where things are: the workspace, its target directories, and cargo.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Doing, Failure, Result};

/// The checkout that this xtask belongs to. All paths are absolute.
pub struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// The workspace of the running xtask.
    pub fn find() -> Result<Self> {
        // Cargo sets this variable for `cargo run`; an xtask started by hand knows where it was
        // built.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest)
            .parent()
            .ok_or_else(|| Failure::new("the xtask lies in no workspace"))?
            .to_owned();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(set) => std::path::absolute(set).doing("CARGO_TARGET_DIR")?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The workspace's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo builds.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// A program that cargo has built in the dev profile.
    pub fn program(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(name)
    }

    /// A program that cargo has built in the release profile.
    pub fn release_program(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    /// Where the filter is put for everyone who wants to load it.
    pub fn filter(&self) -> PathBuf {
        self.root.join("target/plugin/flow_filter.wasm")
    }

    /// Where the guests in other languages are put.
    pub fn guests(&self) -> PathBuf {
        self.root.join("target/guests")
    }

    /// Where the filter is built. It is apart from the rest because another cargo, of another
    /// version, may build it.
    pub fn wasm_target(&self) -> PathBuf {
        self.root.join("target/wasm")
    }

    /// Flags with which what rustc makes does not tell where it, and what it is made of, were built.
    pub fn flags_without_paths(&self) -> Result<String> {
        let (root, cargo_home) = (self.root.display(), cargo_home()?);
        let cargo_home = cargo_home.display();
        Ok(format!("--remap-path-prefix={root}=fas --remap-path-prefix={cargo_home}=cargo"))
    }

    /// The cargo that runs this xtask, about to run `verb`.
    pub fn cargo(&self, verb: &str) -> Command {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target).arg(verb);
        // It would move what is built to where nobody looks.
        command.env_remove("CARGO_BUILD_TARGET");
        command
    }
}

/// Where cargo keeps what it fetches.
pub fn cargo_home() -> Result<PathBuf> {
    let given = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = || std::env::home_dir().map(|home| home.join(".cargo"));
    given.or_else(home).ok_or_else(|| Failure::new("neither CARGO_HOME nor HOME is set"))
}
