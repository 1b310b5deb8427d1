//! The browser in which the dashboard is tested: Debian has it.

use std::path::PathBuf;
use std::process::Command;

use crate::command;
use crate::debian;
use crate::failure::{Failure, Result};
use crate::say;

/// What it is called, in Debian and elsewhere.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Finds a Chromium, or installs it.
pub fn set_up() -> Result<PathBuf> {
    say::step("Chromium", || {
        if let Some(found) = find() {
            return Ok(found);
        }
        debian::install(&["chromium"]).map_err(|failure| explain(&failure))?;
        find().ok_or_else(|| explain(&Failure::new("it does not run")))
    })
}

/// The one that is named, or the first on the path that runs.
fn find() -> Option<PathBuf> {
    let named = std::env::var_os("FLOW_CHROMIUM").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = || {
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let all = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        all.into_iter().find(|program| program.exists())
    };
    let program = named.or_else(on_path)?;
    command::succeeds(Command::new(&program).arg("--version")).then_some(program)
}

fn explain(failure: &Failure) -> Failure {
    Failure::new(format!(
        "the tests of the dashboard need a Chromium: {failure}\n\
         Install it, or set FLOW_CHROMIUM to one."
    ))
}
