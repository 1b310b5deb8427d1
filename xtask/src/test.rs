//! `cargo xtask test`: all set-up, all tests, and a closing count.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

use crate::artifacts::Artifacts;
use crate::chromium;
use crate::command;
use crate::dashboard::Dashboard;
use crate::debian;
use crate::failure::{Doing, Failure, Result};
use crate::fuzz;
use crate::guests;
use crate::plugin;
use crate::redis;
use crate::say;
use crate::schemathesis::Schemathesis;
use crate::tally::Tally;
use crate::workspace::Workspace;

/// Runs everything. The last line printed is the count, also when something failed before the
/// first test.
pub fn run(workspace: &Workspace) -> Result<ExitCode> {
    let mut tally = Tally::default();
    let outcome = set_up_and_test(workspace, &mut tally);
    tally.settle(outcome.is_ok());
    if let Err(failure) = &outcome {
        say::failure(failure);
    }
    say::plain(&tally);
    match tally.is_success() {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(ExitCode::FAILURE),
    }
}

fn set_up_and_test(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let artifacts = Artifacts::set_up(workspace)?;
    let example = plugin::build_example(workspace)?;
    let guests = guests::build(workspace)?;
    let schemathesis = Schemathesis::set_up()?;
    let redis_server = redis::set_up()?;
    set_up_curl()?;
    let chromium = chromium::set_up()?;
    let dashboard = Dashboard::build(workspace)?;
    say::step("programs and tests", || {
        // With `--tests`, the programs are built with the features that `cargo test` uses too,
        // so that nothing is built twice.
        let mut build = workspace.cargo("build");
        command::run(build.args(["--workspace", "--locked", "--lib", "--bins", "--tests"]))
    })?;
    let tests = say::step("tests", || {
        let mut test = workspace.cargo("test");
        artifacts.announce(workspace, &mut test);
        test.env("FLOW_REDIS_SERVER", &redis_server);
        test.env("KEY_CHECK_WASM", &example);
        test.env("FLOW_GUESTS", &guests);
        stream(test.args(["--workspace", "--locked", "--no-fail-fast"]), tally)
    });
    // What one of them finds does not keep the other from looking.
    let interface = schemathesis.test(workspace);
    tally.count(interface.is_ok());
    let browser = dashboard.test(workspace, &chromium, tally);
    if browser.is_err() {
        tally.settle(false);
    }
    let fuzzed = fuzz::run(workspace, &[], fuzz_seconds(), |is_ok| tally.count(is_ok));
    if fuzzed.is_err() {
        tally.settle(false);
    }
    tests.and(interface).and(browser).and(fuzzed)
}

/// The documentation's examples are commands of curl, and are run.
fn set_up_curl() -> Result<()> {
    match command::succeeds(Command::new("curl").arg("--version")) {
        true => Ok(()),
        false => debian::install(&["curl"]),
    }
}

/// How long each fuzz target runs: long where a machine looks on, short where a person waits.
fn fuzz_seconds() -> u64 {
    if std::env::var_os("CI").is_some() { fuzz::DEFAULT_SECONDS } else { 10 }
}

/// Runs `test`, showing what it prints as it comes, and adds up its results.
pub fn stream(test: &mut Command, tally: &mut Tally) -> Result<()> {
    let child = test.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.doing(command::describe(test))?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line.doing("reading the tests' output")?;
            let line = String::from_utf8_lossy(&line);
            tally.take(&line);
            say::plain(line);
        }
    }
    let status = child.wait().doing(command::describe(test))?;
    match status.success() {
        true => Ok(()),
        false => Err(Failure::new(format!("{} ended with {status}", command::describe(test)))),
    }
}
