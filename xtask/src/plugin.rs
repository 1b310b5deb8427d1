//! `cargo xtask plugin`: builds the filter that Envoy loads, and for the tests the plugin that is an
//! example of how others test theirs.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::command;
use crate::failure::{Doing, Failure, Result};
use crate::say;
use crate::toolchain::{TARGET, Toolchain};
use crate::workspace::Workspace;

/// The package of the filter.
pub const FILTER: &str = "flow-filter";
/// The package of the example of host-sim.
pub const EXAMPLE: &str = "key-check";

/// Builds the filter and returns where it is.
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    let toolchain = set_up_toolchain()?;
    say::step("flow_filter.wasm", || compile(workspace, &toolchain, FILTER, &workspace.filter()))
}

/// Builds the example of host-sim and returns where it is.
pub fn build_example(workspace: &Workspace) -> Result<PathBuf> {
    let toolchain = set_up_toolchain()?;
    let example = workspace.filter().with_file_name("key_check.wasm");
    say::step("key_check.wasm", || compile(workspace, &toolchain, EXAMPLE, &example))
}

/// Finds or installs what builds for Envoy's Wasm runtime.
pub fn set_up_toolchain() -> Result<Toolchain> {
    say::step("wasm32 standard library", || {
        let toolchain = Toolchain::set_up()?;
        say::detail(toolchain.describe());
        Ok(toolchain)
    })
}

/// Builds the plugin of a package, whose file has the name that `plugin` ends with.
fn compile(
    workspace: &Workspace,
    toolchain: &Toolchain,
    package: &str,
    plugin: &Path,
) -> Result<PathBuf> {
    // A plugin of an earlier build must not be mistaken for this one's if this one fails.
    remove(plugin)?;
    command::run(&mut toolchain.build(workspace, package)?)?;

    let no_place = || Failure::new("the plugin has no place");
    let name = plugin.file_name().ok_or_else(no_place)?;
    let directory = plugin.parent().ok_or_else(no_place)?;
    let built = workspace.wasm_target().join(TARGET).join("plugin").join(name);
    fs::create_dir_all(directory).doing(directory.display())?;
    // By way of a rename, so that nobody loads half a file.
    let partial = plugin.with_extension("wasm.partial");
    let size_bytes = fs::copy(&built, &partial).doing(built.display())?;
    fs::rename(&partial, plugin).doing(plugin.display())?;
    say::detail(format_args!("{} ({size_bytes} bytes)", plugin.display()));
    Ok(plugin.to_owned())
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).doing(path.display()),
        _ => Ok(()),
    }
}
