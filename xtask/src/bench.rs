//! `cargo xtask bench`: builds what is measured and what measures, and hands the terminal over.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::artifacts::Artifacts;
use crate::command;
use crate::debian;
use crate::failure::{Doing, Result};
use crate::say;
use crate::workspace::Workspace;

/// What fas is compared with, and what it may have as its store: a Debian package, what shows that
/// it is there, and the benches that need it.
const OTHERS: [(&str, &str, &[&str]); 2] = [
    ("redis-server", "/usr/bin/redis-server", &["rivals", "cluster"]),
    ("postgresql", "/usr/lib/postgresql", &["rivals"]),
];

/// Thousands of connections need as many files as this user may open.
const WITH_MANY_FILES: &str = "ulimit -n \"$(ulimit -Hn)\"; exec \"$0\" \"$@\"";

/// Runs the benches of these names, or all; returns only if that fails.
pub fn run(workspace: &Workspace, chosen: &[&str]) -> Result<()> {
    say::step("fas and the bench, in the release profile", || {
        let mut build = workspace.cargo("build");
        build.args(["--locked", "--release", "--package", "aggregator", "--package", "flow-bench"]);
        command::run(build.arg("--bins"))
    })?;
    let are_named = chosen.iter().any(|word| !word.starts_with("--"));
    let needed = OTHERS
        .iter()
        .filter(|(_, _, benches)| !are_named || benches.iter().any(|bench| chosen.contains(bench)));
    let needed: Vec<(&str, &str)> =
        needed.map(|(package, shown_by, _)| (*package, *shown_by)).collect();
    if !needed.is_empty() {
        say::step("Redis and PostgreSQL", || {
            set_up_others(&needed);
            Ok(())
        })?;
    }
    let artifacts = if !are_named || chosen.contains(&"plugin") {
        Some(Artifacts::set_up(workspace)?)
    } else {
        None
    };
    let mut bench = Command::new("sh");
    bench.args(["-c", WITH_MANY_FILES]).arg(workspace.release_program("flow-bench")).args(chosen);
    if let Some(artifacts) = artifacts {
        artifacts.announce(workspace, &mut bench);
    }
    bench.env("FAS_BIN", workspace.release_program("fas"));
    // Taking this process's place, the bench receives signals itself and can clean up.
    Err(bench.exec()).doing(command::describe(&bench))
}

/// Installs who is missing. Without them the rest can be measured all the same.
fn set_up_others(needed: &[(&str, &str)]) {
    let missing = needed.iter().filter(|(_, shown_by)| !Path::new(shown_by).exists());
    let packages: Vec<&str> = missing.map(|(package, _)| *package).collect();
    if packages.is_empty() {
        return say::detail("installed");
    }
    if let Err(failure) = debian::install(&packages) {
        say::detail(format_args!("going on without {}: {failure}", packages.join(", ")));
    }
}
