//! Cases on real Envoy: one Envoy for all of them, one after the other, each with listeners and a
//! VM of its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
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
use super::log::Log;
use super::peer::Peer;
use super::script::Case;
use super::servers::{Http2Upstream, Manner, Upstream, start};
use super::simulated::Simulated;
use super::transcript::Transcript;
use super::wire::Wire;
use super::{grpc, http2};

/// How long Envoy has for what is expected of it. What comes later is missed, what does not come
/// costs this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many connections may go to another worker than they are meant for.
const MAX_CONNECTIONS: usize = 100;

/// A running Envoy with cases.
pub struct Envoy<'a> {
    process: Process,
    agent: Agent,
    admin: u16,
    placed: Vec<Placed<'a>>,
    upstream: Upstream,
    http2_upstream: Http2Upstream,
    directory: TempDir,
    /// How many of the listeners of a case have been taken away.
    removed: RefCell<BTreeMap<usize, usize>>,
    log: RefCell<Log>,
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
    if let Some(directory) = std::env::var_os("FIDELITY_LOGS") {
        log.keep(&Path::new(&directory).join(format!("{topic}.log")));
    }
    for (transcript, placed) in transcripts.iter_mut().zip(&envoy.placed) {
        transcript.threads = log.lines(&placed.key);
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
        let http2_upstream = Http2Upstream::start();
        let ports = Ports {
            admin: free_port(),
            upstream: upstream.port,
            http2_upstream: http2_upstream.port,
            grpc: http2::start(grpc::listen),
            called,
        };
        let configuration = directory.path().join("envoy.json");
        let listeners = directory.path().join("listeners.json");
        let text = bootstrap(&ports, &listeners).to_string();
        fs::write(&configuration, text).expect("the configuration can be written");
        let mut command = Command::new(programs::envoy());
        command.arg("--config-path").arg(&configuration);
        let workers = cases.first().map_or(1, |case| case.workers);
        assert!(cases.iter().all(|case| case.workers == workers), "a topic is of one Envoy");
        command.args(["--concurrency", &workers.to_string()]);
        command.args(["--use-dynamic-base-id", "--drain-time-s", "1"]);
        command.args(["--log-level", "warning", "--component-log-level", "wasm:trace"]);
        command.args(["--log-format", "[%t][%l] %v"]);
        put_listeners(placed.iter().map(|placed| (placed, 0)), directory.path());
        let process = Process::start("envoy", &mut command, directory.path());
        let log = Log::new(directory.path().join("envoy.log"), process.id(), workers);
        let log = RefCell::new(log);
        let agent = agent(Duration::from_secs(10));
        let mut envoy = Self {
            process,
            agent,
            admin: ports.admin,
            placed,
            upstream,
            http2_upstream,
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
        self.stats(&format!("{prefix}_cx_rx_bytes_total"))
    }

    /// The sum of the counters whose names end so.
    fn stats(&self, name: &str) -> u64 {
        let path = format!("/stats?filter={name}$");
        let answer = self.agent.get(self.url(&path)).call();
        let text = answer.and_then(|mut answer| answer.body_mut().read_to_string());
        let text = text.unwrap_or_else(|error| panic!("{path} is not answered: {error}"));
        let values = text.lines().filter_map(|line| line.split_once(": "));
        values.map(|(_, value)| value.parse::<u64>().expect("a counter is a number")).sum()
    }

    /// Waits until `condition`, for a while; gives whether it has come. What has not is said, as it
    /// costs time.
    #[track_caller]
    pub(super) fn wait(&self, condition: impl Fn() -> bool) -> bool {
        let has_come = poll(PATIENCE, || if condition() { Ok(()) } else { Err(String::new()) });
        if has_come.is_err() {
            println!("waited in vain: {}", std::panic::Location::caller());
        }
        has_come.is_ok()
    }

    /// How many lines the guest of a case has logged on each thread, main first.
    pub(super) fn line_counts(&self, at: usize) -> Vec<usize> {
        let lines = self.log.borrow_mut().lines(&self.placed[at].key);
        lines.iter().map(Vec::len).collect()
    }

    /// The next stream that comes to the server, if one does in time.
    pub(super) fn accept(&self, case: &Case, is_http: bool) -> Option<Peer> {
        if case.http2.server {
            return self.http2_upstream.accept(PATIENCE).map(Peer::Http2);
        }
        self.upstream.accept(PATIENCE).map(|wire| server(wire, is_http))
    }

    /// The streams that have come to the server and were not taken.
    pub(super) fn waiting(&self, is_http: bool) -> Vec<Peer> {
        let over_http2 = std::iter::from_fn(|| self.http2_upstream.waiting().map(Peer::Http2));
        let wires = self.upstream.waiting().into_iter().map(|wire| server(wire, is_http));
        wires.chain(over_http2).collect()
    }

    /// A connection to a listener of a case, that this worker has taken. The kernel chooses the
    /// worker, so one that another has taken is closed before anything is sent on it.
    pub(super) fn connect(&self, at: usize, listener: usize, worker: usize) -> Wire {
        let Placed { case, ports, .. } = &self.placed[at];
        let port = ports[listener];
        if case.workers == 1 {
            return Wire::connect(port);
        }
        for _ in 0..MAX_CONNECTIONS {
            let before = self.connections_taken(port);
            let mut wire = Wire::connect(port);
            self.wait(|| self.connections_taken(port).iter().sum::<u64>() > before.iter().sum());
            if self.connections_taken(port)[worker] > before[worker] {
                return wire;
            }
            wire.close();
        }
        panic!("the kernel gives no connection to worker {worker}");
    }

    /// How many connections each worker has taken of a listener.
    fn connections_taken(&self, port: u16) -> Vec<u64> {
        let workers = 0..self.placed[0].case.workers;
        let name = |worker| format!("127.0.0.1_{port}.worker_{worker}.downstream_cx_total");
        workers.map(|worker| self.stats(&name(worker).replace('.', "\\."))).collect()
    }
}

fn server(wire: Wire, is_http: bool) -> Peer {
    if is_http { Peer::Http1(wire) } else { Peer::Tcp(wire) }
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
