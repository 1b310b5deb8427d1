//! `host-sim generate`, for who packages it: the manual's pages, and the completions of shells, as files.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Arguments, CliError};

/// What `host-sim generate` takes.
#[derive(Args, Debug)]
pub(super) struct Generate {
    /// The directory into which they are put: man/man1 and completions
    directory: PathBuf,
}

impl Generate {
    pub(super) fn run(&self) -> Result<bool, CliError> {
        let mut program = Arguments::command();
        let manual = folder(&self.directory.join("man/man1"))?;
        clap_mangen::generate_to(program.clone(), &manual)?;
        let completions = folder(&self.directory.join("completions"))?;
        let name = program.get_name().to_owned();
        for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
            clap_complete::generate_to(shell, &mut program, &name, &completions)?;
        }
        Ok(true)
    }
}

fn folder(path: &Path) -> Result<PathBuf, CliError> {
    std::fs::create_dir_all(path)?;
    Ok(path.to_owned())
}
