//! Running other programs: never interactive, and a failure tells which command it was.

use std::ffi::OsStr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{Doing, Failure, Result};

/// How often a program with a limited time is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Runs `command` to its end, its output shown as it comes.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().doing(describe(command))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("{} ended with {status}", describe(command))))
}

/// Like [`run`], but ends the program when it takes longer than `limit`.
pub fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    let mut child = command.stdin(Stdio::null()).spawn().doing(describe(command))?;
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().doing(describe(command))? {
            return match status.success() {
                true => Ok(()),
                false => Err(Failure::new(format!("{} ended with {status}", describe(command)))),
            };
        }
        if Instant::now() >= deadline {
            end(&mut child);
            let seconds = limit.as_secs();
            return Err(Failure::new(format!("{} took over {seconds} s", describe(command))));
        }
        std::thread::sleep(POLL);
    }
}

fn end(child: &mut Child) {
    // Both fail only when the program has ended by itself, which is what is wanted.
    let _ = child.kill();
    let _ = child.wait();
}

/// Runs `command` and returns what it printed; its errors are not shown.
pub fn read(command: &mut Command) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).stderr(Stdio::null()).output().doing(describe(command))?;
    if !output.status.success() {
        return Err(Failure::new(format!("{} ended with {}", describe(command), output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether `command` can be run and ends well; it shows nothing.
pub fn succeeds(command: &mut Command) -> bool {
    read(command).is_ok()
}

/// The command as a person would type it.
pub fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    format!("`{}`", words.join(" "))
}
