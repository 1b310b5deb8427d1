//! A case on the simulator. Its steps are in `steps`, its streams in `stream`, the servers that its
//! guest calls in `clusters`.

use host_sim::{
    Event, EventKind, FailurePolicy, Host, Plugin, PluginError, PluginSettings, Properties,
    StartFailure, Thread, Timestamp,
};

use super::guest;
use super::script::Case;
use super::transcript::{Message, Transcript};
use clusters::clusters;
use steps::Run;
use stream::{Stream, client_line, message};

#[path = "simulated/clusters.rs"]
mod clusters;
#[path = "simulated/steps.rs"]
mod steps;
#[path = "simulated/stream.rs"]
mod stream;

/// What the simulator made of a case.
pub struct Simulated {
    /// What came of it in the end, after SIGTERM.
    pub transcript: Transcript,
    /// After the start and after each step: how many lines there were of each thread, main first.
    pub progress: Vec<Vec<usize>>,
    /// Whether it was said that Envoy would have died.
    pub warned: bool,
    /// Whether the host did not start, so that nobody listens.
    pub refused: bool,
    /// Of each stream, whether it reached the server.
    pub reached: Vec<bool>,
}

/// 2026-01-01.
const START_NS: u64 = 1_767_225_600_000_000_000;

/// Runs a case; `key` names its plugin and its VM.
pub fn run(case: &Case, key: &str) -> Simulated {
    let plugin = match Plugin::load(&guest::module(case)) {
        Ok(plugin) => plugin,
        Err(PluginError::Imports(_)) => return refused(case, &[]),
        Err(error) => panic!("{}: {error}", case.title),
    };
    let host = match start(plugin, case, key) {
        Ok(host) => host,
        Err(failure) => return refused(case, &failure.timeline),
    };
    let mut run = Run { host, case, streams: Vec::new(), current: 0, progress: Vec::new() };
    run.note_progress();
    for step in &case.steps {
        run.step(step);
        run.note_progress();
    }
    run.end_streams();
    run.note_progress();
    run.host.terminate();
    let threads = lines(&run.host.timeline(), case.workers);
    let streams = std::mem::take(&mut run.streams);
    let reached = |stream: &Stream| message(&stream.exchange.request, stream).has_content();
    let reached = streams.iter().map(|stream| reached(stream) || stream.is_quiet()).collect();
    let filtered = streams.iter().filter(|stream| stream.logged.is_none());
    let client = filtered.clone().map(client_line).collect();
    let requests = filtered.map(|stream| message(&stream.exchange.request, stream));
    let server = requests.filter(Message::has_content).map(|message| message.line()).collect();
    let transcript = Transcript { threads, client, server };
    let timeline = run.host.timeline();
    let warned = timeline.iter().any(|event| match &event.kind {
        EventKind::Note { text } => text.contains("Envoy 1.40 dies of this"),
        _ => false,
    });
    drop(timeline);
    Simulated { transcript, progress: run.progress, warned, refused: false, reached }
}

/// A host that does not start listens nowhere.
fn refused(case: &Case, timeline: &[Event]) -> Simulated {
    let threads = lines(timeline, case.workers);
    let progress = vec![threads.iter().map(Vec::len).collect()];
    let client = vec![super::NOBODY_LISTENS.to_owned()];
    let transcript = Transcript { threads, client, server: Vec::new() };
    Simulated { transcript, progress, warned: false, refused: true, reached: Vec::new() }
}

/// What the guest has logged on each thread; on main, the canary too.
fn lines(timeline: &[Event], workers: usize) -> Vec<Vec<String>> {
    let mut threads = vec![Vec::new(); workers + 1];
    for event in timeline {
        let EventKind::Log { level, message } = &event.kind else { continue };
        let thread = match event.thread {
            Some(Thread::Worker(worker)) => worker + 1,
            _ => 0,
        };
        threads[thread].push(super::line(&level.to_string(), message));
    }
    threads
}

fn start(plugin: Plugin, case: &Case, key: &str) -> Result<Host, StartFailure> {
    let (root_id, configuration) = &case.plugins[0];
    let policy = match case.policy.as_str() {
        "FAIL_OPEN" => FailurePolicy::FailOpen,
        "FAIL_RELOAD" => FailurePolicy::FailReload,
        _ => FailurePolicy::FailClosed,
    };
    let mut builder = Host::builder(plugin)
        .workers(case.workers)
        .start_time(Timestamp(START_NS))
        .vm_id(key)
        .plugin_name(key)
        .root_id(root_id)
        .configuration(configuration.as_str())
        .vm_configuration(case.vm_configuration.as_str())
        .failure_policy(policy)
        .node("fid-node", "fid-cluster", properties(super::node_metadata()));
    for (root_id, configuration) in &case.plugins[1..] {
        builder = builder.another_plugin(PluginSettings {
            name: key.to_owned(),
            root_id: root_id.clone(),
            configuration: configuration.clone(),
        });
    }
    for (name, cluster) in clusters() {
        builder = builder.cluster(name, cluster);
    }
    builder.start()
}

fn properties(value: serde_json::Value) -> Properties {
    value.try_into().expect("these are properties")
}
