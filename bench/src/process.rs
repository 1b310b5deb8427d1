//! A server that runs beside the bench: started, watched, ended, and never left behind.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::aftermath::Aftermath;
use crate::failure::{Doing, Failure, Result};

/// Longer than any start or end that is worth waiting for.
const PATIENCE: Duration = Duration::from_secs(120);

/// Short beside what is measured with it.
const POLL: Duration = Duration::from_millis(1);

/// A running server, whose output goes to a file.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    last_signal: &'static str,
    _aftermath: Aftermath,
}

impl Process {
    /// Starts `command`; its output goes to `<directory>/<name>.log`. `last_signal` is what ends
    /// it at once, when the value is dropped or this process goes.
    pub fn start(
        name: &str,
        command: &mut Command,
        directory: &Path,
        last_signal: &'static str,
    ) -> Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let out = File::create(&log).doing(log.display())?;
        let err = out.try_clone().doing(log.display())?;
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        let mut child = child.doing(format_args!("starting {name}"))?;
        match Aftermath::signal(last_signal, child.id()) {
            Ok(aftermath) => {
                Ok(Self { name: name.to_owned(), child, log, last_signal, _aftermath: aftermath })
            }
            Err(failure) => {
                let _ = child.kill();
                Err(failure)
            }
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `is_ready`, or fails with what the server said when it ends before.
    pub fn wait_until_ready(&mut self, mut is_ready: impl FnMut() -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !is_ready() {
            if let Some(status) = self.child.try_wait().doing(&self.name)? {
                let said = std::fs::read_to_string(&self.log).unwrap_or_default();
                return Err(Failure::new(format!("{} ended with {status}: {said}", self.name)));
            }
            if Instant::now() >= deadline {
                return Err(Failure::new(format!("{} does not get ready", self.name)));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Asks the server to end and waits until it has.
    pub fn end(&mut self, signal: &str) -> Result<ExitStatus> {
        send(signal, self.child.id());
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().doing(&self.name)? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return Err(Failure::new(format!("{} does not end", self.name)));
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) && self.end(self.last_signal).is_err() {
            // Nothing more can be done if this fails too.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn send(signal: &str, pid: u32) {
    // It fails only if the server has just ended by itself, which is then noticed.
    let _ = Command::new("kill").args(["-s", signal, &pid.to_string()]).status();
}
