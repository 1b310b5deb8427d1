//! The command line: `host-sim run SCENARIO.yaml`. Exits with 0 when all was as expected, with 1
//! when an expectation did not hold, and with 2 when the scenario could not be run.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use host_sim::{
    Event, Scenario,
    report::write_timeline,
    runner::{self, Options, RunError},
    scenario::ScenarioError,
};

/// Runs a proxy-wasm plugin without a proxy, under a virtual clock.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a scenario, prints what happened, and fails when an expectation does not hold.
    Run(Run),
}

#[derive(clap::Args)]
struct Run {
    /// The scenario, a YAML file.
    scenario: PathBuf,
    /// The plugin, in place of the scenario's.
    #[arg(long, value_name = "X.wasm")]
    plugin: Option<PathBuf>,
    /// A real server for a cluster; may be given several times.
    #[arg(long = "upstream", value_name = "CLUSTER=URL", value_parser = parse_upstream)]
    upstreams: Vec<(String, String)>,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

fn parse_upstream(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((cluster, url)) if !cluster.is_empty() && url.starts_with("http://") => {
            Ok((cluster.to_owned(), url.to_owned()))
        }
        _ => Err("not of the form CLUSTER=http://host:port".to_owned()),
    }
}

fn main() -> ExitCode {
    let Command::Run(arguments) = Arguments::parse().command;
    match run(arguments, &mut io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let mut stderr = io::stderr().lock();
            // Nothing more can be done when even this cannot be written.
            let _unwritable = write_timeline(timeline(&error), &mut stderr);
            let _unwritable = writeln!(stderr, "host-sim: {error}");
            ExitCode::from(2)
        }
    }
}

/// What happened before a run came to an error.
fn timeline(error: &CliError) -> &[Event] {
    match error {
        CliError::Run(RunError::Start(failure)) => &failure.timeline,
        CliError::Run(RunError::Step { timeline, .. }) => timeline,
        _ => &[],
    }
}

fn run(arguments: Run, out: &mut impl Write) -> Result<bool, CliError> {
    let scenario = Scenario::load(&arguments.scenario)?;
    let upstreams = arguments.upstreams.into_iter().collect();
    let report = runner::run(&scenario, &Options { plugin: arguments.plugin, upstreams })?;
    if arguments.json {
        report.write_json(out)?;
    } else {
        report.write_text(out)?;
    }
    Ok(report.passed())
}
