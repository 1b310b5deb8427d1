//! What is done after this process has gone, however it went.
//!
//! A test or the demo may be ended by Ctrl-C or worse, and then drops nothing. So a shell waits
//! for the end of a pipe that only this process holds open, and cleans up when it comes.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A cleaning-up that happens if this process goes before the value is dropped.
pub struct Aftermath(Child);

impl Aftermath {
    /// Kills the process `pid`.
    pub fn kill(pid: u32) -> Self {
        Self::run("kill -KILL \"$1\"", pid.to_string().as_ref())
    }

    /// Removes the directory `path`.
    pub fn remove(path: &OsStr) -> Self {
        // Programs that are being killed at the same time may still write files into it.
        Self::run("for try in 1 2 3 4 5; do rm -rf \"$1\" && break; sleep 0.2; done", path)
    }

    fn run(script: &str, argument: &OsStr) -> Self {
        let child = Command::new("sh")
            .args(["-c", &format!("read -r _; {script} 2>/dev/null"), "sh"])
            .arg(argument)
            // A group of its own, so that Ctrl-C does not reach it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("a shell can be started"))
    }
}

impl Drop for Aftermath {
    fn drop(&mut self) {
        // Both fail only if the shell has gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
