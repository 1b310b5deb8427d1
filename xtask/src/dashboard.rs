//! `cargo xtask dashboard`: builds `dashboard/dist`, which `cargo build` puts into `fas`, and tests it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::chromium;
use crate::command;
use crate::failure::{Doing, Failure, Result};
use crate::node::Node;
use crate::say;
use crate::tally::Tally;
use crate::test;
use crate::workspace::Workspace;

/// What the dashboard is made of, in its folder.
const SOURCES: [&str; 6] =
    ["index.html", "package.json", "package-lock.json", "src", "tsconfig.json", "vite.config.ts"];

/// A dashboard that has been built.
pub struct Dashboard {
    folder: PathBuf,
    node: Node,
}

impl Dashboard {
    /// Builds it, unless it is newer than all that it is made of.
    pub fn build(workspace: &Workspace) -> Result<Self> {
        let node = Node::set_up()?;
        let dashboard = Self { folder: workspace.root().join("dashboard"), node };
        say::step("the dashboard", || {
            dashboard.install()?;
            if dashboard.is_current() {
                return Ok(());
            }
            let mut build = dashboard.node.npm();
            command::run(build.current_dir(&dashboard.folder).args(["run", "--silent", "build"]))
        })?;
        Ok(dashboard)
    }

    /// Puts what the lock file names into `node_modules`, unless it is there.
    fn install(&self) -> Result<()> {
        let lock = self.folder.join("package-lock.json");
        let marker = self.folder.join("node_modules/.locked");
        let wanted = fs::read(&lock).doing(lock.display())?;
        if fs::read(&marker).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        say::detail("fetching its packages from npm, 110 MB on disk");
        let mut install = self.node.npm();
        // Nothing that comes along is run.
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
        command::run(install.current_dir(&self.folder)).map_err(|failure| {
            Failure::new(format!("the dashboard's packages cannot be fetched from npm: {failure}"))
        })?;
        fs::write(&marker, wanted).doing(marker.display())
    }

    /// What npm says is in it: a document in CycloneDX.
    pub fn sbom(&self) -> Result<String> {
        let mut npm = self.node.npm();
        npm.args(["sbom", "--sbom-format=cyclonedx", "--omit=dev"]);
        command::read(npm.current_dir(&self.folder))
    }

    fn is_current(&self) -> bool {
        let built = fs::metadata(self.folder.join("dist/index.html"));
        let Ok(built) = built.and_then(|found| found.modified()) else { return false };
        let newest = SOURCES.iter().filter_map(|name| newest(&self.folder.join(name))).max();
        newest.is_some_and(|newest| newest < built)
    }

    /// Tests it in a real browser, in a `fas` that it is in.
    pub fn test(&self, workspace: &Workspace, chromium: &Path, tally: &mut Tally) -> Result<()> {
        say::step("the dashboard in Chromium", || {
            let screenshots = workspace.root().join("target/dashboard/screenshots");
            // Those of an earlier run would be taken for this one's.
            let _ = fs::remove_dir_all(&screenshots);
            let mut run = self.node.node();
            run.current_dir(&self.folder)
                .env("FAS_BIN", workspace.program("fas"))
                .env("FLOW_CHROMIUM", chromium)
                .env("FLOW_SCREENSHOTS", &screenshots)
                // Whatever is set there is not for browsers on this machine.
                .env("NO_PROXY", "*")
                // The counts are read from what it prints.
                .env("NO_COLOR", "1")
                .env_remove("FORCE_COLOR")
                // What hangs is a finding too.
                .args(["--test", "--test-reporter=spec", "--test-concurrency=1"])
                .arg("--test-timeout=600000");
            for file in tests(&self.folder.join("tests"))? {
                run.arg(file);
            }
            let outcome = test::stream(&mut run, tally);
            say::detail(format_args!("what it looks like is in {}", screenshots.display()));
            outcome
        })
    }
}

/// `cargo xtask dashboard --test`: builds all that is needed, and runs these tests alone.
pub fn run_tests(workspace: &Workspace) -> Result<()> {
    let dashboard = Dashboard::build(workspace)?;
    let chromium = chromium::set_up()?;
    say::step("fas", || {
        let mut build = workspace.cargo("build");
        command::run(build.args(["--locked", "--package", "aggregator", "--bin", "fas"]))
    })?;
    dashboard.test(workspace, &chromium, &mut Tally::default())
}

/// The files of tests, in order.
fn tests(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).doing(folder.display())?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    Ok(files)
}

/// When something in a folder was changed last, or a file.
fn newest(path: &Path) -> Option<SystemTime> {
    let own = fs::metadata(path).and_then(|found| found.modified()).ok();
    let Ok(entries) = fs::read_dir(path) else { return own };
    let within = entries.filter_map(|entry| newest(&entry.ok()?.path()));
    within.chain(own).max()
}
