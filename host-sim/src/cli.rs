//! The command line: which commands there are, what they share, and what they exit with. Each
//! command is a file of its own.

mod bench;
mod init;
mod inspect;
mod mesh;
mod run;
mod settings;
mod test;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use host_sim::{
    Event, PluginError, StartFailure, report::write_timeline, runner::RunError,
    scenario::ScenarioError,
};

/// How many events are shown before an error.
const EVENTS_BEFORE_ERROR: usize = 200;

/// Runs a proxy-wasm plugin without a proxy, under a virtual clock
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit code: 0 all was as expected, 1 it was not, 2 it could not be \
    carried out."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a scenario, print what happened, and fail when an expectation does not hold
    Run(run::Run),
    /// Run all scenarios of a folder, in parallel, and sum up
    Test(test::Test),
    /// Show what a module is: ABI, imports, exports, callbacks, size
    Inspect(inspect::Inspect),
    /// Write a first scenario for a module
    Init(init::Init),
    /// Measure what each callback costs in a scenario
    Bench(bench::Bench),
    /// Run thousands of sidecars against a real aggregator, and compare what moved with what it says
    Mesh(Box<mesh::Mesh>),
    /// Print the JSON Schema of scenarios, for editors
    Schema,
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Plugin(#[from] PluginError),
    #[error("the plugin does not start: {0}")]
    Start(#[from] StartFailure),
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{}: {reason}", path.display())]
    Module { path: PathBuf, reason: String },
    #[error("{0}")]
    Other(String),
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

impl CliError {
    /// What happened before it came to the error.
    fn timeline(&self) -> &[Event] {
        match self {
            Self::Run(RunError::Start(failure)) | Self::Start(failure) => &failure.timeline,
            Self::Run(RunError::Step { timeline, .. }) => timeline,
            _ => &[],
        }
    }
}

/// Carries out a command.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let out = &mut io::stdout().lock();
    let shows =
        matches!(arguments.command, Command::Inspect(_) | Command::Init(_) | Command::Schema);
    let result = match arguments.command {
        Command::Run(command) => command.run(out),
        Command::Test(command) => command.run(out),
        Command::Inspect(command) => command.run(out),
        Command::Init(command) => command.run(out),
        Command::Bench(command) => command.run(out),
        Command::Mesh(command) => command.run(out),
        Command::Schema => write_json(&host_sim::scenario::schema(), out).map(|()| true),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        // Who reads has seen enough, as with `| head`. What was to be tested has not been to its
        // end, and must not count as passed.
        Err(CliError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            if shows {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(2)
            }
        }
        Err(error) => {
            let mut stderr = io::stderr().lock();
            // Nothing more can be done when even this cannot be written.
            let _unwritable = write_end(error.timeline(), &mut stderr);
            let _unwritable = writeln!(stderr, "host-sim: {error}");
            ExitCode::from(2)
        }
    }
}

/// What happened last before an error; all of it may be very much.
fn write_end(timeline: &[Event], out: &mut impl Write) -> io::Result<()> {
    let hidden = timeline.len().saturating_sub(EVENTS_BEFORE_ERROR);
    if hidden > 0 {
        writeln!(out, "({hidden} earlier events are not shown)")?;
    }
    write_timeline(timeline.get(hidden..).unwrap_or_default(), out)
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(path).map_err(|error| CliError::File { path: path.to_owned(), error })
}

fn write_json(value: &impl serde::Serialize, out: &mut impl Write) -> Result<(), CliError> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}
