//! What the tests and the demo run: Envoy, the filter and our programs, and the environment
//! variables that say where these are.

use std::path::PathBuf;
use std::process::Command;

use crate::envoy;
use crate::failure::Result;
use crate::plugin;
use crate::workspace::Workspace;

/// Everything but our own programs, which cargo finds fresh or builds.
pub struct Artifacts {
    envoy: PathBuf,
    filter: PathBuf,
}

impl Artifacts {
    /// Fetches and builds what is missing.
    pub fn set_up(workspace: &Workspace) -> Result<Self> {
        let envoy = envoy::set_up()?;
        let filter = plugin::build(workspace)?;
        Ok(Self { envoy, filter })
    }

    /// Tells `command` where everything is, by absolute paths.
    pub fn announce(&self, workspace: &Workspace, command: &mut Command) {
        command
            .env("FLOW_ENVOY", &self.envoy)
            .env("FLOW_FILTER_WASM", &self.filter)
            .env("FAS_BIN", workspace.program("fas"))
            .env("HOST_SIM_BIN", workspace.program("host-sim"))
            .env("FLOW_CLOCK_SHIM", workspace.program("libclock_shim.so"));
    }
}
