//! `cargo xtask demo`: sets up the demonstration and hands the terminal over to it.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::artifacts::Artifacts;
use crate::command;
use crate::dashboard::Dashboard;
use crate::failure::{Doing, Result};
use crate::say;
use crate::workspace::Workspace;

/// How long the demonstration stays up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stay {
    /// Until somebody presses Ctrl-C.
    UntilInterrupted,
    /// Only until its table has been printed.
    Once,
}

/// Builds the demonstration and becomes it; returns only if that fails.
pub fn run(workspace: &Workspace, stay: Stay) -> Result<()> {
    let artifacts = Artifacts::set_up(workspace)?;
    // The demonstration is worth seeing without it, too; `/` then says what is missing.
    if let Err(failure) = Dashboard::build(workspace) {
        say::detail(format_args!("without the dashboard: {failure}"));
    }
    say::step("fas and the demo", || {
        let mut build = workspace.cargo("build");
        build.args(["--locked", "--package", "aggregator", "--package", "flow-tests", "--bins"]);
        command::run(&mut build)
    })?;

    let mut demo = Command::new(workspace.program("demo"));
    artifacts.announce(workspace, &mut demo);
    if stay == Stay::Once {
        demo.arg("--once");
    }
    // Taking this process's place, the demo receives signals itself and can clean up.
    Err(demo.exec()).doing(command::describe(&demo))
}
