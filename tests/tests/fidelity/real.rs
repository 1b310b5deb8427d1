//! Cases on real Envoy: one Envoy for all of them, one after the other, each with listeners and a
//! VM of its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use flow_tests::client::agent;
use flow_tests::deadline::poll;
use flow_tests::ports::free_port;
use flow_tests::process::Process;
use flow_tests::programs;
use tempfile::TempDir;
use ureq::Agent;

use super::bootstrap::{Placed, Ports, bootstrap, listeners};
use super::conversation::Conversation;
use super::guest;
use super::script::Case;
use super::servers::{Manner, Upstream, start};
use super::simulated::Simulated;
use super::transcript::Transcript;
use super::wire::Wire;

/// How long Envoy has for what is expected of it. What comes later is missed, what does not come
/// costs this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running Envoy with cases.
pub struct Envoy<'a> {
    process: Process,
    agent: Agent,
    admin: u16,
    placed: Vec<Placed<'a>>,
    pub(super) upstream: Upstream,
    directory: TempDir,
    /// How many of the listeners of a case have been taken away.
    removed: RefCell<BTreeMap<usize, usize>>,
    log: RefCell<Log>,
}

/// The lines of each guest, on main and on the worker, by its key.
type Lines = BTreeMap<String, (Vec<String>, Vec<String>)>;

/// Envoy's log, as far as it has been read.
struct Log {
    path: PathBuf,
    offset: u64,
    main_thread: Option<String>,
    lines: Lines,
}

/// Runs the cases; gives what came of each.
pub fn run(topic: &str, cases: &[Case], simulated: &[Simulated]) -> Vec<Transcript> {
    let mut envoy = Envoy::start(cases);
    let mut transcripts: Vec<Transcript> = (0..cases.len())
        .map(|at| {
            let (client, server) = Conversation::new(&envoy, at, &simulated[at]).run();
            Transcript { client, server, ..Transcript::default() }
        })
        .collect();
    let ended = envoy.process.terminate();
    assert!(ended.success(), "Envoy ended with {ended}");
    let mut log = envoy.log.into_inner();
    log.read();
    if let Some(directory) = std::env::var_os("FIDELITY_LOGS") {
        let kept = Path::new(&directory).join(format!("{topic}.log"));
        fs::copy(&log.path, kept).expect("the log can be kept");
    }
    for (transcript, placed) in transcripts.iter_mut().zip(&envoy.placed) {
        (transcript.main, transcript.worker) = log.lines.remove(&placed.key).unwrap_or_default();
    }
    transcripts
}

/// Whether Envoy dies of a case when a request comes.
pub fn dies_of(case: &Case) -> bool {
    let mut envoy = Envoy::start(std::slice::from_ref(case));
    let mut client = Wire::connect(envoy.placed[0].ports[0]);
    client.write(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    let ended = poll(PATIENCE, || envoy.process.exit().ok_or_else(String::new));
    ended.is_ok_and(|status| status.code().is_none())
}

impl<'a> Envoy<'a> {
    fn start(cases: &'a [Case]) -> Self {
        let directory = TempDir::new().expect("a directory can be made");
        let placed: Vec<Placed<'_>> = cases
            .iter()
            .enumerate()
            .map(|(at, case)| {
                let ports = case.kinds.iter().map(|_| free_port()).collect();
                Placed { case, key: super::key(at), ports }
            })
            .collect();
        for placed in &placed {
            let path = directory.path().join(format!("{}.wasm", placed.key));
            fs::write(path, guest::module(placed.case)).expect("a guest can be written");
        }
        let upstream = Upstream::start();
        let called =
            [start(Manner::Answers), start(Manner::Hangs), start(Manner::Resets), free_port()];
        let ports = Ports { admin: free_port(), upstream: upstream.port, called };
        let configuration = directory.path().join("envoy.json");
        let listeners = directory.path().join("listeners.json");
        let text = bootstrap(&ports, &listeners).to_string();
        fs::write(&configuration, text).expect("the configuration can be written");
        let mut command = Command::new(programs::envoy());
        command.arg("--config-path").arg(&configuration);
        command.args(["--concurrency", "1", "--use-dynamic-base-id", "--drain-time-s", "1"]);
        command.args(["--log-level", "warning", "--component-log-level", "wasm:trace"]);
        command.args(["--log-format", "[%t][%l] %v"]);
        put_listeners(placed.iter().map(|placed| (placed, 0)), directory.path());
        let process = Process::start("envoy", &mut command, directory.path());
        let log = directory.path().join("envoy.log");
        let log = Log { path: log, offset: 0, main_thread: None, lines: Lines::new() };
        let log = RefCell::new(log);
        let agent = agent(Duration::from_secs(10));
        let mut envoy = Self {
            process,
            agent,
            admin: ports.admin,
            placed,
            upstream,
            directory,
            removed: RefCell::default(),
            log,
        };
        let (agent, url) = (envoy.agent.clone(), envoy.url("/ready"));
        envoy
            .process
            .wait_until_ready(|| agent.get(&url).call().is_ok_and(|it| it.status() == 200));
        envoy
    }

    /// Takes the first listeners of this case away.
    pub(super) fn remove_listeners(&self, at: usize, count: usize) {
        let mut removed = self.removed.borrow_mut();
        removed.insert(at, count);
        let kept = self.placed.iter().enumerate();
        let kept = kept.map(|(at, placed)| (placed, removed.get(&at).copied().unwrap_or(0)));
        put_listeners(kept, self.directory.path());
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.admin)
    }

    pub(super) fn placed(&self, at: usize) -> &Placed<'a> {
        &self.placed[at]
    }

    /// How many bytes Envoy has read from clients of this case, or from servers.
    pub(super) fn bytes_read(&self, at: usize, from_client: bool) -> u64 {
        let prefix = match from_client {
            true => format!("\\.{}\\.downstream", self.placed[at].key),
            false => "cluster\\.upstream\\.upstream".to_owned(),
        };
        let path = format!("/stats?filter={prefix}_cx_rx_bytes_total$");
        let answer = self.agent.get(self.url(&path)).call();
        let text = answer.and_then(|mut answer| answer.body_mut().read_to_string());
        let text = text.unwrap_or_else(|error| panic!("{path} is not answered: {error}"));
        let values = text.lines().filter_map(|line| line.split_once(": "));
        values.map(|(_, value)| value.parse::<u64>().expect("a counter is a number")).sum()
    }

    /// Waits until `condition`, for a while; gives whether it has come.
    pub(super) fn wait(&self, condition: impl Fn() -> bool) -> bool {
        poll(PATIENCE, || if condition() { Ok(()) } else { Err(String::new()) }).is_ok()
    }

    /// How many lines the guest of a case has logged, on main and on the worker.
    pub(super) fn line_counts(&self, at: usize) -> (usize, usize) {
        let mut log = self.log.borrow_mut();
        log.read();
        log.lines
            .get(&self.placed[at].key)
            .map_or((0, 0), |(main, worker)| (main.len(), worker.len()))
    }
}

impl Log {
    /// Reads what has been added.
    fn read(&mut self) {
        let mut file = File::open(&self.path).expect("Envoy has a log");
        file.seek(SeekFrom::Start(self.offset)).expect("a file has places");
        let mut added = Vec::new();
        file.read_to_end(&mut added).expect("a log can be read");
        // The last line may not be there as a whole yet.
        let end = added.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.offset += end as u64;
        for line in String::from_utf8_lossy(&added[..end]).lines() {
            let Some((thread, key, level, message)) = parse(line) else { continue };
            // The canary is the first to log, on main.
            let is_main = self.main_thread.get_or_insert_with(|| thread.to_owned()) == thread;
            let (on_main, on_worker) = self.lines.entry(key.to_owned()).or_default();
            let line = super::line(level, message);
            if is_main { on_main.push(line) } else { on_worker.push(line) }
        }
    }
}

/// Has Envoy listen for these cases, but not on the first listeners, as many as are said.
fn put_listeners<'a>(cases: impl Iterator<Item = (&'a Placed<'a>, usize)>, directory: &Path) {
    let text = listeners(cases, directory).to_string();
    let path = directory.join("listeners.json");
    // By way of a rename, which is what Envoy looks for.
    let partial = path.with_extension("partial");
    fs::write(&partial, text).expect("the listeners can be written");
    fs::rename(&partial, &path).expect("the listeners can be put in place");
}

/// Thread, key, level and message of a guest's line: `[17][info] wasm log c01 root c01: text`.
fn parse(line: &str) -> Option<(&str, &str, &str, &str)> {
    let (thread, rest) = line.strip_prefix('[')?.split_once("][")?;
    let (level, rest) = rest.split_once("] wasm log")?;
    let (names, message) = rest.split_once(": ")?;
    let is_key = |word: &&str| word.len() == 4 && word.starts_with('c');
    let key = names.split(' ').find(is_key)?;
    Some((thread, key, level, message))
}
