//! `cargo xtask lint`: formatting, clippy with warnings denied, what is deployed, the book with its
//! links, and what is used of others.

use crate::book;
use crate::command;
use crate::deny::CargoDeny;
use crate::deployment;
use crate::failure::Result;
use crate::plugin;
use crate::say;
use crate::workspace::Workspace;

/// Fails at the first check that finds something.
pub fn run(workspace: &Workspace) -> Result<()> {
    say::step("formatting", || command::run(workspace.cargo("fmt").args(["--all", "--check"])))?;
    say::step("clippy", || {
        let mut clippy = workspace.cargo("clippy");
        clippy.args(["--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]);
        command::run(&mut clippy)
    })?;
    book::build(workspace)?;
    CargoDeny::set_up()?.check(workspace)?;
    // Who tests a plugin with the simulator compiles it without its command line.
    say::step("the simulator as a library alone", || {
        let mut clippy = workspace.cargo("clippy");
        clippy.args(["--package", "host-sim", "--lib", "--no-default-features", "--locked"]);
        command::run(clippy.args(["--", "-D", "warnings"]))
    })?;
    // What plugins say to their host is compiled for Wasm only.
    let toolchain = plugin::set_up_toolchain()?;
    say::step("clippy of the plugins for wasm32", || {
        [plugin::FILTER, plugin::EXAMPLE].into_iter().try_for_each(|package| {
            command::run(toolchain.clippy(workspace, package)?.args(["--", "-D", "warnings"]))
        })
    })?;
    deployment::check(workspace)
}
