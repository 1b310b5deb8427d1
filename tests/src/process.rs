//! A program that runs beside the test: started, watched, stopped, and never left behind.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::aftermath::Aftermath;
use crate::deadline::wait_for;

/// How much of a program's output is shown when a test fails.
const SHOWN_LINES: usize = 60;

/// A running program, whose output goes to a file.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    _aftermath: Aftermath,
}

impl Process {
    /// Starts `command`, and appends its output to `<directory>/<name>.log`.
    pub fn start(name: &str, command: &mut Command, directory: &Path) -> Self {
        let log = directory.join(format!("{name}.log"));
        let out = open(&log);
        let err = out.try_clone().expect("a log file can be shared");
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("{} cannot be started: {error}", command.get_program().display())
        });
        let aftermath = Aftermath::kill(child.id());
        Self { name: name.to_owned(), child, log, _aftermath: aftermath }
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the program has printed so far.
    pub fn output(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How the program ended, or nothing while it runs.
    pub fn exit(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked for its state")
    }

    /// Waits until `is_ready`; panics at once if the program ends before.
    pub fn wait_until_ready(&mut self, is_ready: impl Fn() -> bool) {
        let name = self.name.clone();
        wait_for(&format!("{name} to be ready"), || {
            if let Some(status) = self.exit() {
                panic!("{name} ended with {status} instead of getting ready");
            }
            if is_ready() { Ok(()) } else { Err("not ready".to_owned()) }
        });
    }

    /// Waits for the program to end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let what = format!("{} to end", self.name);
        wait_for(&what, || self.exit().ok_or_else(|| "it runs on".to_owned()))
    }

    /// Asks the program to end (SIGTERM) and waits until it has.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("-TERM");
        self.wait()
    }

    /// Sends the program a signal, named as `kill` takes it.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{} takes no {signal}", self.name);
    }

    /// Kills the program where it stands (SIGKILL).
    pub fn kill(&mut self) {
        // It fails only if the program has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let output = self.output();
            let lines: Vec<&str> = output.lines().collect();
            let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            eprintln!("---- {}, last lines ----\n{}", self.name, shown.join("\n"));
        }
    }
}

fn open(log: &Path) -> File {
    let file = OpenOptions::new().create(true).append(true).open(log);
    file.unwrap_or_else(|error| panic!("{} cannot be written: {error}", log.display()))
}
