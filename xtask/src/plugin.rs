//! `cargo xtask plugin`: builds the filter that Envoy loads.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use crate::command;
use crate::failure::{Doing, Failure, Result};
use crate::say;
use crate::toolchain::{TARGET, Toolchain};
use crate::workspace::Workspace;

/// Builds the filter and returns where it is.
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    let toolchain = set_up_toolchain()?;
    say::step("flow_filter.wasm", || compile(workspace, &toolchain))
}

/// Finds or installs what builds for Envoy's Wasm runtime.
pub fn set_up_toolchain() -> Result<Toolchain> {
    say::step("wasm32 standard library", || {
        let toolchain = Toolchain::set_up()?;
        say::detail(toolchain.describe());
        Ok(toolchain)
    })
}

fn compile(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    let filter = workspace.filter();
    // A filter of an earlier build must not be mistaken for this one's if this one fails.
    remove(&filter)?;
    command::run(&mut toolchain.build(workspace))?;

    let built = workspace.wasm_target().join(TARGET).join("plugin/flow_filter.wasm");
    let directory = filter.parent().ok_or_else(|| Failure::new("the filter has no directory"))?;
    fs::create_dir_all(directory).doing(directory.display())?;
    // By way of a rename, so that nobody loads half a file.
    let partial = filter.with_extension("wasm.partial");
    let size_bytes = fs::copy(&built, &partial).doing(built.display())?;
    fs::rename(&partial, &filter).doing(filter.display())?;
    say::detail(format_args!("{} ({size_bytes} bytes)", filter.display()));
    Ok(filter)
}

fn remove(path: &PathBuf) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).doing(path.display()),
        _ => Ok(()),
    }
}
