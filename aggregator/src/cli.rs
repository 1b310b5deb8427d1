//! The command line as a client of a running aggregator: what the commands are, and how they end.
//! It talks HTTP only, and leaves the server's side to `serve`.

mod audit;
mod client;
mod connection;
mod doctor;
mod error;
mod flows;
mod generate;
mod hours;
mod import;
mod instances;
mod listing;
mod output;
mod pages;
mod query;
mod refusal;
mod retry;
mod rows;
mod selection;
mod sse;
mod table;
mod tail;
mod time;
mod token;
mod top;
mod units;
mod url;

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;
use clap_complete::Shell;

use self::error::CliError;

/// What every command's help ends with.
const EXIT_CODES: &str = "\
The token is taken from FAS_TOKEN or --token-file.

Exit codes:
  0  done
  1  the server, the network or the input said no
  2  the command line is wrong
  3  the token is missing, unknown, or does not allow this";

/// What the help of `fas doctor` ends with.
const DOCTOR_EXIT_CODES: &str = "\
The token is taken from FAS_TOKEN or --token-file. With the scopes read and write it sees everything.

Exit codes:
  0  all is well
  1  a warning: something is to be looked after
  2  a problem: something does not work; or the command line is wrong";

/// A command that asks a server, or needs none.
#[derive(Subcommand)]
pub enum Command {
    /// Lists flows, in order of hour and names
    #[command(after_help = EXIT_CODES)]
    Flows(flows::Flows),
    /// Shows the groups of flows that moved the most
    #[command(after_help = EXIT_CODES)]
    Top(top::Top),
    /// Lists the hours that have flows, with their totals, and which are complete
    #[command(after_help = EXIT_CODES)]
    Hours(hours::Hours),
    /// Lists flows whose two sides did not report the same
    #[command(after_help = EXIT_CODES)]
    Audit(audit::Audit),
    /// Follows the flows as they change
    #[command(after_help = EXIT_CODES)]
    Tail(tail::Tail),
    /// Lists the instances that report
    #[command(after_help = EXIT_CODES)]
    Instances(instances::Instances),
    /// Checks a running installation, and says what to do about what it finds
    ///
    /// Is the server reachable, ready, and of this version? What is the token good for? Do the
    /// clocks agree, who reports, which hours are complete, was anything lost, what is kept, how
    /// is the store, and which bounds are near? It changes nothing.
    #[command(after_help = DOCTOR_EXIT_CODES)]
    Doctor(doctor::Doctor),
    /// Writes the flows of a file; doing so again changes nothing
    ///
    /// The flows are sent in chunks of 1000. Each chunk has a key made of the label, its number
    /// and its flows, and a server applies a key once. So, to go on after an interruption, run the
    /// same import again. To add the same flows a second time, on purpose, give another label.
    #[command(after_help = EXIT_CODES)]
    Import(import::Import),
    /// Prints a shell's completion script
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Writes the manual's pages and all completions into a directory, for packages
    #[command(hide = true)]
    Generate(generate::Generate),
}

/// Runs a command to its end. `program` is the whole command line, for the completions.
pub fn run(command: &Command, program: clap::Command) -> ExitCode {
    let outcome = match command {
        Command::Flows(flows) => flows.run(),
        Command::Top(top) => top.run(),
        Command::Hours(hours) => hours.run(),
        Command::Audit(audit) => audit.run(),
        Command::Tail(tail) => tail.run(),
        Command::Instances(instances) => instances.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Import(import) => import.run(),
        Command::Completions { shell } => completions(*shell, program),
        Command::Generate(generate) => generate.run(program),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match &error {
                CliError::Closed | CliError::Unwell(_) => {}
                CliError::Shortfall(shortfall) => shortfall.lines().for_each(|line| say(&line)),
                _ => say(&error.to_string()),
            }
            error.exit_code().into()
        }
    }
}

fn completions(shell: Shell, mut program: clap::Command) -> Result<(), CliError> {
    let mut script = Vec::new();
    let name = program.get_name().to_owned();
    clap_complete::generate(shell, &mut program, name, &mut script);
    std::io::stdout().lock().write_all(&script).map_err(CliError::writing)
}

/// A line on standard error. When nobody reads that, there is nobody to tell.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "fas: {}", output::printable(text));
}
