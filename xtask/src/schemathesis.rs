//! Schemathesis: the running service against its own description, `/openapi.json`.
//!
//! PyPI has it. It is kept, with all that it needs, in a virtual environment in the user's cache
//! directory, where every checkout finds it. What it sends is settled in `xtask/schemathesis`.

mod service;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::service::Service;
use crate::cache;
use crate::command;
use crate::debian;
use crate::failure::{Doing, Failure, Result};
use crate::say;
use crate::workspace::Workspace;

/// The pinned packages. A change makes another environment.
const REQUIREMENTS: &str = include_str!("../schemathesis/requirements.txt");

/// Starts schemathesis by its own entry point, because the script that pip makes names a
/// directory that is moved later.
const START: &str = "from schemathesis.cli import schemathesis; schemathesis()";

/// A schemathesis that can be run.
pub struct Schemathesis {
    python: PathBuf,
}

impl Schemathesis {
    /// Finds it, or sets it up.
    pub fn set_up() -> Result<Self> {
        let version = version()?;
        say::step(&format!("schemathesis {version}"), || {
            let directory = cache::directory()?.join(format!("schemathesis-{version}"));
            let found = Self { python: directory.join("bin/python") };
            if !found.runs() {
                fetch(&directory).map_err(|failure| explain(&failure))?;
            }
            match found.runs() {
                true => Ok(found),
                false => Err(explain(&Failure::new("it does not run"))),
            }
        })
    }

    fn runs(&self) -> bool {
        self.command().arg("--version").output().is_ok_and(|output| {
            output.status.success() && fs::read_to_string(self.marker()).is_ok_and(is_current)
        })
    }

    /// Says which packages the environment was made of.
    fn marker(&self) -> PathBuf {
        self.python.with_file_name("requirements.txt")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        // Nothing may be written into the checkout, nor sent by way of a proxy.
        command.args(["-B", "-c", START]).env("NO_PROXY", "*");
        command
    }

    /// Tests the built `fas` on a scratch directory.
    pub fn test(&self, workspace: &Workspace) -> Result<()> {
        say::step("the interface against its description", || {
            let service = Service::start(&workspace.program("fas"))?;
            let settings = workspace.root().join("xtask/schemathesis");
            let mut test = self.command();
            test.current_dir(service.scratch())
                .env("PYTHONPATH", &settings)
                .env("SCHEMATHESIS_HOOKS", "hooks")
                .arg("--no-color")
                .arg("--config-file")
                .arg(settings.join("schemathesis.toml"))
                .arg("run")
                .arg(service.url("/openapi.json"))
                .args(["--checks", "all"])
                .args(["--header", &format!("Authorization: Bearer {}", service.token())]);
            // The token dies with the service, but need not be in a failure's words.
            let outcome = command::run(&mut test);
            outcome.map_err(|_| Failure::new("the service is not as it is described; see above"))
        })
    }
}

fn is_current(marker: String) -> bool {
    marker == REQUIREMENTS
}

/// The version among the pinned packages.
fn version() -> Result<&'static str> {
    let pinned = REQUIREMENTS.lines().find_map(|line| line.strip_prefix("schemathesis=="));
    pinned.ok_or_else(|| Failure::new("requirements.txt does not pin schemathesis"))
}

/// Puts the environment into `directory`, whole or not at all.
fn fetch(directory: &Path) -> Result<()> {
    let work = directory.with_file_name(format!("fetching-{}", std::process::id()));
    let outcome = fetch_by_way_of(&work, directory);
    // After a success there is nothing left; after a failure nothing of use.
    let _ = fs::remove_dir_all(&work);
    outcome
}

fn fetch_by_way_of(work: &Path, directory: &Path) -> Result<()> {
    make_environment(work)?;
    let requirements = work.join("bin/requirements.txt");
    fs::write(&requirements, REQUIREMENTS).doing(requirements.display())?;
    let mut pip = Command::new(work.join("bin/python"));
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

fn make_environment(work: &Path) -> Result<()> {
    let make = || {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv"]).arg(work);
        venv
    };
    if command::succeeds(&mut make()) {
        return Ok(());
    }
    debian::install(&["python3", "python3-venv"])?;
    let _ = fs::remove_dir_all(work);
    command::run(&mut make())
}

fn explain(failure: &Failure) -> Failure {
    Failure::new(format!(
        "schemathesis cannot be set up: {failure}\n\
         It comes from PyPI, and needs python3 with venv and pip."
    ))
}
