//! What is in the programs, the filter and the dashboard, for programs that look for known
//! vulnerabilities: a document in CycloneDX for each. npm makes the dashboard's, and cargo-cyclonedx the
//! others, which cargo builds once into the user's cache directory.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache;
use crate::command;
use crate::dashboard::Dashboard;
use crate::failure::{Doing, Failure, Result};
use crate::say;
use crate::toolchain;
use crate::workspace::Workspace;

const VERSION: &str = "0.5.9";

/// The packages, their folders, and what is made of them.
const PACKAGES: [(&str, &str); 3] =
    [("aggregator", "fas"), ("host-sim", "host-sim"), ("plugin", "flow_filter")];

/// What it calls its documents, each in the folder of a package of the workspace.
const DOCUMENT: &str = "fas-release.cdx";

/// Puts the documents into a folder.
pub fn put(
    workspace: &Workspace,
    dashboard: &Dashboard,
    target: &str,
    folder: &Path,
) -> Result<()> {
    let program = set_up(workspace)?;
    fs::create_dir_all(folder).doing(folder.display())?;
    let copy = folder.join("dashboard.cdx.json");
    fs::write(&copy, without_run(&dashboard.sbom()?)).doing(copy.display())?;
    for (package, made) in PACKAGES {
        let target = if package == "plugin" { toolchain::TARGET } else { target };
        let outcome = describe(workspace, &program, package, target);
        let document = workspace.root().join(package).join(format!("{DOCUMENT}.json"));
        let copy = folder.join(format!("{made}.cdx.json"));
        let text = outcome.and_then(|()| fs::read_to_string(&document).doing(document.display()));
        tidy_up(workspace);
        fs::write(&copy, without_root(&text?, workspace.root())).doing(copy.display())?;
    }
    Ok(())
}

/// Without what tells one run from another: its time, and the document's number.
fn without_run(text: &str) -> String {
    let is_of_run = |line: &&str| {
        let line = line.trim_start();
        ["\"serialNumber\":", "\"timestamp\":"].iter().any(|field| line.starts_with(field))
    };
    text.lines().filter(|line| !is_of_run(line)).flat_map(|line| [line, "\n"]).collect()
}

/// Without where it was made.
fn without_root(text: &str, root: &Path) -> String {
    text.replace(&format!("file://{}", root.display()), "file:///fas")
}

fn describe(workspace: &Workspace, program: &Path, package: &str, target: &str) -> Result<()> {
    let mut describe = std::process::Command::new(program);
    describe.current_dir(workspace.root());
    describe.arg("cyclonedx").arg("--manifest-path").arg(format!("{package}/Cargo.toml"));
    describe.args(["--format", "json", "--spec-version", "1.5", "--target", target, "--quiet"]);
    describe.args(["--override-filename", DOCUMENT]);
    // With a time that is given, it adds nothing of its own that differs from run to run.
    command::run(describe.env("SOURCE_DATE_EPOCH", super::time()))
}

/// Takes away the documents that lie among the sources, of all packages.
fn tidy_up(workspace: &Workspace) {
    let root = workspace.root();
    let folders = ["aggregator", "bench", "flow-model", "host-sim", "plugin", "tests", "xtask"];
    let deep = ["host-sim/examples/key-check", "tests/clock-shim"];
    for folder in folders.iter().chain(&deep) {
        // Most are not there.
        let _ = fs::remove_file(root.join(folder).join(format!("{DOCUMENT}.json")));
    }
}

/// Finds cargo-cyclonedx, or builds it.
fn set_up(workspace: &Workspace) -> Result<PathBuf> {
    let home = cache::directory()?.join(format!("cargo-cyclonedx-{VERSION}"));
    let program = home.join("bin/cargo-cyclonedx");
    if program.exists() {
        return Ok(program);
    }
    say::detail(format_args!("building cargo-cyclonedx {VERSION}, once"));
    let mut install = workspace.cargo("install");
    install.args(["--locked", "--quiet", "--root"]).arg(&home);
    install.args(["--version", VERSION, "cargo-cyclonedx"]);
    // It is not of this workspace, whose target directory it would fill.
    install.env_remove("CARGO_TARGET_DIR");
    command::run(&mut install)
        .map_err(|failure| Failure::new(format!("cargo-cyclonedx cannot be built: {failure}")))?;
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_says_nothing_of_the_run_that_made_it() {
        let text = "{\n  \"serialNumber\": \"urn:uuid:1\",\n  \"version\": 1,\n    \"timestamp\": \"2026\",\n}";
        assert_eq!(without_run(text), "{\n  \"version\": 1,\n}\n");
        let text = "\"path+file:///a/b/plugin#0.1.0\"";
        assert_eq!(without_root(text, Path::new("/a/b")), "\"path+file:///fas/plugin#0.1.0\"");
    }

    #[test]
    fn the_dashboard_has_the_version_of_the_rest() {
        let package = include_str!("../../../dashboard/package.json");
        assert!(package.contains(concat!("\"version\": \"", env!("CARGO_PKG_VERSION"), "\"")));
    }
}
