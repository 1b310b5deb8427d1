//! `Fas`: a running `fas serve` with a directory of its own, and a client for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use ureq::Agent;

pub struct Fas {
    child: Child,
    log: BufReader<ChildStderr>,
    pub address: String,
    scheme: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A new directory; it goes when the value does.
pub fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// `fas` with nothing in its environment that could change what it does.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fas"));
    command.args(arguments).env_clear().stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

impl Fas {
    /// Starts on a free port.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &["--listen", "127.0.0.1:0"])
    }

    /// Starts with these arguments besides the directory, and waits until it listens.
    pub fn start_with(data: &Path, arguments: &[&str]) -> Self {
        let all = [&["serve", "--data", data.to_str().unwrap()], arguments].concat();
        Self::launch(&mut command(&all))
    }

    /// Starts a command and waits until it listens.
    pub fn launch(command: &mut Command) -> Self {
        Self::try_launch(command)
            .unwrap_or_else(|(_, said)| panic!("fas ended before it listened: {said}"))
    }

    /// Starts a command and waits until it listens, or gives how it ended and what it said.
    pub fn try_launch(command: &mut Command) -> Result<Self, (ExitStatus, String)> {
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut fas = Self { child, log, address: String::new(), scheme: String::new() };
        let mut said = String::new();
        while fas.address.is_empty() {
            let mut line = String::new();
            if fas.log.read_line(&mut line).unwrap() == 0 {
                return Err((fas.child.wait().unwrap(), said));
            }
            said.push_str(&line);
            let Some((_, rest)) = line.split_once("listening on ") else { continue };
            let (scheme, rest) = rest.split_once("://").unwrap();
            fas.scheme = scheme.to_owned();
            fas.address = rest.split(',').next().unwrap().to_owned();
        }
        Ok(fas)
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    pub fn get(&self, path: &str) -> Answer {
        let response = agent().get(self.url(path)).call().unwrap();
        answer(response)
    }

    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.post_as(path, Some("application/json"), body)
    }

    pub fn post_as(&self, path: &str, kind: Option<&str>, body: impl AsRef<[u8]>) -> Answer {
        let mut request = agent().post(self.url(path));
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        answer(request.send(body.as_ref()).unwrap())
    }

    /// Sends bytes over a connection of their own, and gives all that comes back until its end.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        // The service may have had enough before it has everything.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The value of a metric, by its line up to the space; 0 if there is none.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").body;
        let values = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        values.map(|value| value.parse::<f64>().unwrap()).next().unwrap_or_default()
    }

    /// The flows of an hour.
    pub fn flows(&self, hour: u32) -> Vec<Value> {
        let answer = self.get(&format!("/flows?hour={hour}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json().as_array().unwrap().clone()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: nothing is finished.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end; gives the status and the rest of the log.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.log, &mut rest).unwrap();
        (self.child.wait().unwrap(), rest)
    }
}

impl Drop for Fas {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client that takes every status as an answer. One per thread keeps its connection.
pub fn agent() -> Agent {
    thread_local! {
        static AGENT: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
    }
    AGENT.with(Agent::clone)
}

pub fn answer(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let header =
        |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    Answer {
        status: response.status().as_u16(),
        content_type: header("content-type").unwrap_or_default(),
        body: response.body_mut().with_config().limit(1 << 30).read_to_string().unwrap(),
    }
}

/// Polls until a condition holds.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
