//! What the figures were measured on.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::scratch;

/// A machine, in words.
pub struct Machine {
    processor: String,
    cores: usize,
    memory: String,
    kernel: String,
    file_system: String,
    date: String,
}

impl Machine {
    /// The one that this runs on.
    pub fn this() -> Self {
        let unknown = || "unknown".to_owned();
        let kilobytes = field("/proc/meminfo", "MemTotal")
            .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: kilobytes.map_or_else(unknown, |kb| format!("{} GB", kb / 1_000_000)),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .map_or_else(|_| unknown(), |text| text.trim().to_owned()),
            file_system: file_system(&scratch::base()).unwrap_or_else(unknown),
            date: date().unwrap_or_else(unknown),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, memory, kernel, file_system, date } = self;
        write!(
            formatter,
            "{date}, {processor}, {cores} cores, {memory} of memory, Linux {kernel}, {file_system};\n\
             the clients run on the same cores."
        )
    }
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn file_system(path: &Path) -> Option<String> {
    output(Command::new("stat").args(["--file-system", "--format=%T"]).arg(path))
}

fn date() -> Option<String> {
    output(Command::new("date").args(["--utc", "+%Y-%m-%d"]))
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
