//! The program `host-sim`. Each command exits with 0 when all was as expected, with 1 when it was
//! not, and with 2 when it could not be carried out.

mod cli;

use std::process::ExitCode;

use clap::Parser;

/// A callback takes a microsecond, and a fifth of it went into the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(cli::Arguments::parse())
}
