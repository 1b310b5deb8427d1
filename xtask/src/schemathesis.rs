//! Schemathesis: the running service against its own description, `/openapi.json`.
//!
//! PyPI has it. What it sends is settled in `xtask/schemathesis`.

mod service;

use std::path::{Path, PathBuf};
use std::process::Command;

use self::service::Service;
use crate::command;
use crate::environment::Environment;
use crate::failure::{Failure, Result};
use crate::say;
use crate::workspace::Workspace;

/// Its packages.
const ENVIRONMENT: Environment = Environment {
    package: "schemathesis",
    requirements: include_str!("../schemathesis/requirements.txt"),
};

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
        say::step(&format!("schemathesis {}", ENVIRONMENT.version()?), || {
            let runs = |python: &Path| command::succeeds(start(python).arg("--version"));
            Ok(Self { python: ENVIRONMENT.set_up(runs)? })
        })
    }

    /// Tests the built `fas` on a scratch directory.
    pub fn test(&self, workspace: &Workspace) -> Result<()> {
        say::step("the interface against its description", || {
            let service = Service::start(&workspace.program("fas"))?;
            let settings = workspace.root().join("xtask/schemathesis");
            let mut test = start(&self.python);
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

fn start(python: &Path) -> Command {
    let mut command = Command::new(python);
    // Nothing may be written into the checkout, nor sent by way of a proxy.
    command.args(["-B", "-c", START]).env("NO_PROXY", "*");
    command
}
