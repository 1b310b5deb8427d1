//! The aggregator under measurement: a program with a port and, unless its store is a
//! cluster, a directory of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::encode::get_request;
use crate::failure::{Failure, Result};
use crate::http::Connection;
use crate::ports::free_address;
use crate::process::Process;
use crate::scratch::Scratch;
use crate::tally::Tally;
use crate::usage;

/// A running `fas serve`.
pub struct Fas {
    program: PathBuf,
    /// The cluster that is its store, if it has one.
    store: Option<String>,
    directory: Scratch,
    address: SocketAddr,
    process: Process,
}

impl Fas {
    /// Starts it on a free port with an empty directory, and waits until it is ready.
    pub fn start(program: &Path) -> Result<Self> {
        Self::start_on(program, None)
    }

    /// The same as a front end of a cluster, by its URL.
    pub fn start_front_end(program: &Path, store: &str) -> Result<Self> {
        Self::start_on(program, Some(store.to_owned()))
    }

    fn start_on(program: &Path, store: Option<String>) -> Result<Self> {
        let directory = Scratch::new("fas")?;
        let address = free_address()?;
        let process = launch(program, directory.path(), store.as_deref(), address)?;
        Ok(Self { program: program.to_owned(), store, directory, address, process })
    }

    /// Ends it by a signal and starts it again on the same data. Gives the time from the start
    /// of the program until it is ready.
    pub fn restart(&mut self, signal: &str) -> Result<Duration> {
        self.process.end(signal)?;
        let begin = Instant::now();
        let store = self.store.as_deref();
        self.process = launch(&self.program, self.directory.path(), store, self.address)?;
        Ok(begin.elapsed())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The CPU time that `work` takes, until the program is idle again.
    pub fn cpu_of<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
        let before = usage::settled_cpu(self.pid())?;
        let result = work()?;
        let after = usage::settled_cpu(self.pid())?;
        Ok((result, after.saturating_sub(before)))
    }

    /// What an hour holds, read from `GET /flows`.
    pub fn tally(&self, hour: u32) -> Result<Tally> {
        let request = get_request(&format!("/flows?hour={hour}"), "application/json");
        let mut tally = Tally::default();
        let head = Connection::open(self.address)?.stream(&request, |piece| tally.take(piece))?;
        match head.status {
            200 => Ok(tally),
            status => Err(Failure::new(format!("reading the hour was answered with {status}"))),
        }
    }

    /// Fails unless an hour holds `expected`.
    pub fn expect(&self, hour: u32, expected: &Tally) -> Result<()> {
        let found = self.tally(hour)?;
        if found == *expected {
            return Ok(());
        }
        Err(Failure::new(format!(
            "hour {hour} holds {found}, not the {expected} that were written"
        )))
    }
}

fn launch(
    program: &Path,
    directory: &Path,
    store: Option<&str>,
    address: SocketAddr,
) -> Result<Process> {
    let mut command = Command::new(program);
    command.args(["serve", "--listen", &address.to_string()]);
    match store {
        Some(store) => command.args(["--store", store]),
        None => command.arg("--data").arg(directory.join("data")),
    };
    // An empty environment: nothing of the person's own service counts here.
    command.env_clear();
    let mut process = Process::start("fas", &mut command, directory, "KILL")?;
    process.wait_until_ready(|| is_ready(address))?;
    Ok(process)
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || Connection::open(address)?.send(&get_request("/readyz", "*/*"));
    ask().is_ok_and(|head| head.status == 200)
}
