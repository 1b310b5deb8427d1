//! The aggregator under measurement: a program with a port and a directory of its own.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::encode::get_request;
use crate::failure::{Doing, Failure, Result};
use crate::http::Connection;
use crate::process::Process;
use crate::scratch::Scratch;
use crate::tally::Tally;
use crate::usage;

/// A running `fas serve`.
pub struct Fas {
    program: PathBuf,
    directory: Scratch,
    address: SocketAddr,
    process: Process,
}

impl Fas {
    /// Starts it on a free port with an empty directory, and waits until it is ready.
    pub fn start(program: &Path) -> Result<Self> {
        let directory = Scratch::new("fas")?;
        let address = free_address()?;
        let process = launch(program, directory.path(), address)?;
        Ok(Self { program: program.to_owned(), directory, address, process })
    }

    /// Ends it by a signal and starts it again on the same data. Gives the time from the start
    /// of the program until it is ready.
    pub fn restart(&mut self, signal: &str) -> Result<Duration> {
        self.process.end(signal)?;
        let begin = Instant::now();
        self.process = launch(&self.program, self.directory.path(), self.address)?;
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

fn launch(program: &Path, directory: &Path, address: SocketAddr) -> Result<Process> {
    let mut command = Command::new(program);
    command.args(["serve", "--listen", &address.to_string(), "--data"]);
    // An empty environment: nothing of the person's own service counts here.
    command.arg(directory.join("data")).env_clear();
    let mut process = Process::start("fas", &mut command, directory, "KILL")?;
    process.wait_until_ready(|| is_ready(address))?;
    Ok(process)
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || Connection::open(address)?.send(&get_request("/readyz", "*/*"));
    ask().is_ok_and(|head| head.status == 200)
}

/// An address on the loopback interface that nobody listens on.
pub fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").doing("looking for a free port")?;
    listener.local_addr().doing("looking for a free port")
}
