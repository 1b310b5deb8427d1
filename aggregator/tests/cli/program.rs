//! Running `fas`, and what it leaves behind.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// What a run of the program left behind.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// `fas` with nothing in its environment that could change what it does.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fas"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// Runs `fas` against a server.
pub fn fas(url: &str, arguments: &[&str]) -> Run {
    run(command(arguments).env("FAS_URL", url))
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Run {
    command.output().unwrap().into()
}

/// Runs a command with this on its standard input.
pub fn run_with_input(command: &mut Command, input: &str) -> Run {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    /// The run's standard output, if it went well.
    pub fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        assert_eq!(self.stderr, "");
        self.stdout
    }

    /// The one line that says what went wrong.
    pub fn error(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        self.stderr
    }
}
