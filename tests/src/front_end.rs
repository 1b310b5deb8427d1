//! A front end: `fas` on a Redis Cluster, or on a directory for comparison. It may be running or
//! not.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ureq::Agent;

use crate::client::agent;
use crate::ports::free_port;
use crate::process::Process;
use crate::programs;

/// A `fas serve` with its own port and log.
pub struct FrontEnd {
    name: String,
    port: u16,
    arguments: Vec<String>,
    directory: PathBuf,
    process: Option<Process>,
    agent: Agent,
}

impl FrontEnd {
    /// Starts one with these arguments, which say where the data are, and waits until it is ready.
    pub fn start(name: &str, arguments: &[&str], directory: &Path) -> Self {
        let mut front_end = Self {
            name: name.to_owned(),
            port: free_port(),
            arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
            directory: directory.to_owned(),
            process: None,
            agent: agent(Duration::from_secs(60)),
        };
        front_end.restart();
        front_end.wait_until_ready();
        front_end
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again. It may take a while until it is ready.
    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "{} is running already", self.name);
        let mut command = Command::new(programs::fas());
        command.arg("serve").args(["--listen", &format!("127.0.0.1:{}", self.port)]);
        command.args(&self.arguments);
        for variable in ["FAS_CONFIG", "FAS_LOG", "FAS_STORE", "FAS_DATA"] {
            command.env_remove(variable);
        }
        self.process = Some(Process::start(&self.name, &mut command, &self.directory));
    }

    /// Waits until it is ready.
    pub fn wait_until_ready(&mut self) {
        let url = format!("http://127.0.0.1:{}/readyz", self.port);
        let agent = self.agent.clone();
        let is_ready = || agent.get(&url).call().is_ok_and(|answer| answer.status() == 200);
        self.process.as_mut().expect("it is running").wait_until_ready(is_ready);
    }

    /// Whether it runs.
    pub fn runs(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.exit().is_none())
    }

    /// Kills it where it stands (SIGKILL).
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Stops it where it stands, without ending it, or lets it go on: a signal as `kill` takes it.
    pub fn signal(&self, signal: &str) {
        self.process.as_ref().expect("it is running").signal(signal);
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }

    /// Status and body of an answer.
    pub fn get(&self, path: &str) -> Result<(u16, Vec<u8>), String> {
        self.get_as(path, "application/json")
    }

    /// The same, of a kind of answer.
    pub fn get_as(&self, path: &str, accept: &str) -> Result<(u16, Vec<u8>), String> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let request = self.agent.get(&url).header("accept", accept);
        let mut answer = request.call().map_err(|error| error.to_string())?;
        let body = answer.body_mut().with_config().limit(1 << 30).read_to_vec();
        Ok((answer.status().as_u16(), body.map_err(|error| error.to_string())?))
    }
}
