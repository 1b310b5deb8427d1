//! What is done after this process has gone, however it went.
//!
//! A bench may be ended by Ctrl-C or worse, and then drops nothing. So a shell waits for the end
//! of a pipe that only this process holds open, and cleans up when it comes.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::failure::{Doing, Result};

/// A cleaning-up that happens if this process goes before the value is dropped.
pub struct Aftermath(Child);

impl Aftermath {
    /// Sends a signal, by its name, to the process `pid`.
    pub fn signal(name: &str, pid: u32) -> Result<Self> {
        Self::run(&format!("kill -{name} \"$1\""), pid.to_string().as_ref())
    }

    /// Removes the directory `path`.
    pub fn remove(path: &Path) -> Result<Self> {
        // Programs that are being ended at the same time may still write files into it.
        let script = "for try in 1 2 3 4 5; do rm -rf \"$1\" && break; sleep 0.2; done";
        Self::run(script, path.as_os_str())
    }

    fn run(script: &str, argument: &OsStr) -> Result<Self> {
        let child = Command::new("sh")
            .args(["-c", &format!("read -r _; {script} 2>/dev/null"), "sh"])
            .arg(argument)
            // A group of its own, so that Ctrl-C does not reach it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        child.map(Self).doing("starting a shell")
    }
}

impl Drop for Aftermath {
    fn drop(&mut self) {
        // Both fail only if the shell has gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
