//! The program `host-sim`. Each command exits with 0 when all was as expected, with 1 when it was
//! not, and with 2 when it could not be carried out.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    cli::run(cli::Arguments::parse())
}
