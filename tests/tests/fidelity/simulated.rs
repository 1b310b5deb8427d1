//! A case on the simulator.

use std::rc::Rc;

use host_sim::{
    Backend, CallRequest, CallResponse, Cluster, Direction, EventKind, Exchange, FailurePolicy,
    Fault, Host, LogEntry, Peer, Place, Plugin, PluginSettings, Properties, Sent, StreamId, Thread,
    Timestamp, parse_duration_ns,
};
use serde_json::json;

use super::guest;
use super::script::Case;
use super::servers;
use super::transcript::{Message, Transcript};
use super::words::{bytes, pairs};

/// What the simulator made of a case.
pub struct Simulated {
    /// What came of it in the end, after SIGTERM.
    pub transcript: Transcript,
    /// After the start and after each step: how many lines there were of main and of the worker.
    pub progress: Vec<(usize, usize)>,
    /// Whether it was said that Envoy would have died.
    pub warned: bool,
    /// Of each stream, whether it reached the server.
    pub reached: Vec<bool>,
}

/// 2026-01-01.
const START_NS: u64 = 1_767_225_600_000_000_000;

/// How many calls of a case can go wrong.
const FAULTS: usize = 20;

/// Runs a case; `key` names its plugin and its VM.
pub fn run(case: &Case, key: &str) -> Simulated {
    let mut run =
        Run { host: start(case, key), case, streams: Vec::new(), current: 0, progress: Vec::new() };
    run.note_progress();
    for step in &case.steps {
        run.step(step);
        run.note_progress();
    }
    run.end_streams();
    run.note_progress();
    run.host.terminate();
    let (main, worker) = run.lines();
    let streams = std::mem::take(&mut run.streams);
    let reached = |stream: &Stream| message(&stream.exchange.request, stream).has_content();
    let reached = streams.iter().map(|stream| reached(stream) || stream.is_quiet()).collect();
    let filtered = streams.iter().filter(|stream| stream.logged.is_none());
    let client = filtered.clone().map(client_line).collect();
    let requests = filtered.map(|stream| message(&stream.exchange.request, stream));
    let server = requests.filter(Message::has_content).map(|message| message.line()).collect();
    let transcript = Transcript { main, worker, client, server };
    let timeline = run.host.timeline();
    let warned = timeline.iter().any(|event| match &event.kind {
        EventKind::Note { text } => text.contains("Envoy 1.40 dies of this"),
        _ => false,
    });
    drop(timeline);
    Simulated { transcript, progress: run.progress, warned, reached }
}

fn start(case: &Case, key: &str) -> Host {
    let plugin = Plugin::load(&guest::module(case)).expect("the guest is one");
    let (root_id, configuration) = &case.plugins[0];
    let policy = match case.policy.as_str() {
        "FAIL_OPEN" => FailurePolicy::FailOpen,
        "FAIL_RELOAD" => FailurePolicy::FailReload,
        _ => FailurePolicy::FailClosed,
    };
    let mut builder = Host::builder(plugin)
        .start_time(Timestamp(START_NS))
        .vm_id(key)
        .plugin_name(key)
        .root_id(root_id)
        .configuration(configuration.as_str())
        .vm_configuration(case.vm_configuration.as_str())
        .failure_policy(policy)
        .node("fid-node", "fid-cluster", properties(json!({ "app": "fid", "n": 7 })));
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
    builder.start().expect("the host starts")
}

fn clusters() -> [(&'static str, Cluster); 5] {
    let answering = || Cluster::new(Backend::Function(Rc::new(answer)));
    let failing = |fault: Fault| {
        let mut cluster = answering();
        cluster.script(std::iter::repeat_n(fault, FAULTS));
        cluster
    };
    [
        ("calls", answering()),
        ("refused", failing(Fault::Refused)),
        ("hang", failing(Fault::Timeout)),
        ("reset", failing(Fault::ResetButDelivered)),
        ("empty", failing(Fault::InternalFailure)),
    ]
}

/// The same answers as those of the real server.
fn answer(request: &CallRequest) -> CallResponse {
    let header = |name| request.header(name).unwrap_or_default();
    let answer = servers::answer(&header(":method"), &header(":path"), &request.body);
    let headers: Vec<(&str, &str)> = answer.headers();
    let trailers: Vec<(&str, &str)> = answer.trailers();
    CallResponse::new(answer.status, &headers, &answer.body).with_trailers(&trailers)
}

fn properties(value: serde_json::Value) -> Properties {
    value.try_into().expect("these are properties")
}

struct Stream {
    id: StreamId,
    is_http: bool,
    is_open: bool,
    /// Whether the client and the server of a connection have sent their last.
    ended: [bool; 2],
    /// What has moved on, as long as the stream was open.
    exchange: Exchange,
    /// The entry of an access logger, which takes the place of a filter.
    logged: Option<LogEntry>,
}

impl Stream {
    /// A connection reaches the server though it sends nothing; a logger lets everything through.
    fn is_quiet(&self) -> bool {
        self.logged.is_some() || !self.is_http
    }
}

struct Run<'a> {
    host: Host,
    case: &'a Case,
    streams: Vec<Stream>,
    /// The stream that the steps are about.
    current: usize,
    progress: Vec<(usize, usize)>,
}

impl Run<'_> {
    fn lines(&self) -> (Vec<String>, Vec<String>) {
        let (mut main, mut worker) = (Vec::new(), Vec::new());
        for event in self.host.timeline().iter() {
            let EventKind::Log { level, message } = &event.kind else { continue };
            let line = super::line(&level.to_string(), message);
            match event.thread {
                Some(Thread::Worker(_)) => worker.push(line),
                _ => main.push(line),
            }
        }
        (main, worker)
    }

    fn note_progress(&mut self) {
        let (main, worker) = self.lines();
        self.progress.push((main.len(), worker.len()));
    }

    fn step(&mut self, step: &[String]) {
        let word = |at: usize| step.get(at).map_or("", String::as_str);
        match word(0) {
            "connect" => self.connect(word(1)),
            "request" => self.request(word(1), word(2), word(3)),
            "wait" | "pause" => {
                let duration = parse_duration_ns(word(1)).expect("a duration");
                self.host.advance(duration).expect("time passes");
            }
            "stream" => self.current = word(1).parse().expect("a number"),
            "drain" => self.host.drain_plugin(0).expect("the host drains"),
            "remove" => self.host.terminate(),
            "send" | "body" => self.data(Direction::FromDownstream, word(1), false),
            "end" | "body-end" => self.data(Direction::FromDownstream, "", true),
            "server" | "respond-body" => self.data(Direction::FromUpstream, word(1), false),
            "server-end" | "respond-end" => self.data(Direction::FromUpstream, "", true),
            "trailers" => self.trailers(Direction::FromDownstream, word(1)),
            "respond-trailers" => self.trailers(Direction::FromUpstream, word(1)),
            "respond" => self.respond(word(1), &["transfer-encoding=chunked", word(2)], false),
            "respond-empty" => self.respond(word(1), &["content-length=0", word(2)], true),
            "close" => self.end_stream(Peer::Remote),
            unknown => panic!("no step is `{unknown}`"),
        }
        self.look();
    }

    fn place(&self, listener: &str) -> Place {
        let plugin = if listener.is_empty() { 0 } else { listener.parse().expect("a number") };
        let plugin: usize = plugin;
        Place { worker: 0, plugin: plugin.min(self.case.plugins.len() - 1) }
    }

    fn connect(&mut self, listener: &str) {
        let properties = stream_properties("tcp");
        let listener_at: usize = listener.parse().unwrap_or(0);
        let logged = self.case.kinds[listener_at]
            .ends_with("_logger")
            .then(|| LogEntry::new(properties.clone()));
        let id = match logged {
            Some(_) => StreamId(0),
            None => self.host.open_tcp(self.place(listener), properties).expect("it opens"),
        };
        self.push(id, false, logged);
    }

    fn request(&mut self, method: &str, path: &str, more: &str) {
        let (more, listener) = match more.strip_prefix("listener=") {
            Some(listener) => ("", listener),
            None => (more, ""),
        };
        let ends = method == "GET";
        let mut headers = vec![
            pair(":authority", "test"),
            pair(":path", path),
            pair(":method", method),
            pair(":scheme", "http"),
        ];
        headers.extend(
            pairs(more)
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase().into_bytes(), bytes(value))),
        );
        headers.push(pair("x-forwarded-proto", "http"));
        let properties = stream_properties("http");
        if self.case.kinds[0] == "http_logger" {
            let mut entry = LogEntry::new(properties);
            entry.request_headers = Some(headers);
            return self.push(StreamId(0), true, Some(entry));
        }
        let id = self.host.open_http(self.place(listener), properties, headers, ends);
        self.push(id.expect("it opens"), true, None);
    }

    fn push(&mut self, id: StreamId, is_http: bool, logged: Option<LogEntry>) {
        let exchange = Exchange::default();
        self.current = self.streams.len();
        self.streams.push(Stream {
            id,
            is_http,
            is_open: true,
            ended: [false; 2],
            exchange,
            logged,
        });
    }

    fn current(&mut self) -> &mut Stream {
        self.streams.get_mut(self.current).expect("a stream has begun")
    }

    fn data(&mut self, direction: Direction, text: &str, end: bool) {
        let stream = self.current();
        let (id, is_logged) = (stream.id, stream.logged.is_some());
        if !is_logged && stream.is_open {
            self.host.send(id, direction, bytes(text), end).expect("data arrives");
        }
        if end {
            self.end_side(direction);
        }
    }

    /// A connection is over when both sides are; whoever ends last has closed it. What is logged
    /// of a request is so when its response ends.
    fn end_side(&mut self, direction: Direction) {
        let stream = self.current();
        let side = usize::from(direction == Direction::FromUpstream);
        stream.ended[side] = true;
        let is_over = match stream.is_http {
            true => stream.logged.is_some() && side == 1,
            false => stream.ended == [true; 2],
        };
        if is_over {
            self.look();
            self.end_stream(if side == 0 { Peer::Remote } else { Peer::Local });
        }
    }

    fn respond(&mut self, status: &str, more: &[&str], end: bool) {
        let mut headers = vec![pair(":status", status)];
        headers.extend(pairs(&more.join(",")).iter().map(|(name, value)| pair(name, value)));
        let stream = self.current();
        let id = stream.id;
        if let Some(entry) = &mut stream.logged {
            entry.response_headers = Some(headers);
            if end {
                self.end_stream(Peer::Local);
            }
        } else if stream.is_open {
            self.host.response_headers(id, headers, end).expect("it responds");
        }
    }

    fn trailers(&mut self, direction: Direction, text: &str) {
        let trailers: Vec<_> = pairs(text).iter().map(|(name, value)| pair(name, value)).collect();
        let stream = self.current();
        let id = stream.id;
        if let Some(entry) = &mut stream.logged {
            if direction == Direction::FromUpstream {
                entry.response_trailers = Some(trailers);
                self.end_stream(Peer::Local);
            }
        } else if direction == Direction::FromDownstream {
            self.host.request_trailers(id, trailers).expect("they arrive");
        } else {
            self.host.response_trailers(id, trailers).expect("they arrive");
        }
    }

    /// Remembers what has moved on. A request is over once its response is.
    fn look(&mut self) {
        for stream in self.streams.iter_mut().filter(|it| it.is_open && it.logged.is_none()) {
            look(&mut self.host, stream);
        }
    }

    fn end_stream(&mut self, peer: Peer) {
        let current = self.current;
        let Some(stream) = self.streams.get_mut(current).filter(|it| it.is_open) else { return };
        stream.is_open = false;
        let (id, is_http, entry) = (stream.id, stream.is_http, stream.logged.clone());
        let ended = match (entry, is_http) {
            (Some(entry), _) => self.host.access_log(0, entry),
            (None, true) => self.host.finish_http(id),
            (None, false) => self.host.close_tcp(id, peer),
        };
        ended.expect("it ends");
    }

    /// What is open still is closed by the client.
    fn end_streams(&mut self) {
        self.look();
        for at in 0..self.streams.len() {
            self.current = at;
            self.end_stream(Peer::Remote);
        }
    }
}

fn look(host: &mut Host, stream: &mut Stream) {
    stream.exchange = host.exchange(stream.id).expect("it is open");
    let is_over = stream.exchange.response.complete || stream.exchange.reset;
    if stream.is_http && is_over {
        stream.is_open = false;
        host.finish_http(stream.id).expect("it ends");
    }
}

fn stream_properties(kind: &str) -> Properties {
    let route = json!({
        "xds": { "route_name": "a-route", "virtual_host_name": "a-host" },
    });
    let mut all = properties(json!({
        "xds": {
            "cluster_name": "upstream",
            "listener_direction": 2,
        },
        "source": { "address": "127.0.0.1:1" },
        "destination": { "address": "127.0.0.1:2" },
        "upstream": { "address": "127.0.0.1:3" },
        "connection": { "mtls": false },
    }));
    if kind == "http" {
        all.merge(properties(route));
    }
    all
}

fn pair(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.into(), value.into())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn client_line(stream: &Stream) -> String {
    let mut message = message(&stream.exchange.response, stream);
    message.complete |= !stream.is_http && (stream.exchange.reset || !stream.is_open);
    message.line()
}

fn message(sent: &Sent, stream: &Stream) -> Message {
    let texts = |pairs: &Option<Vec<(Vec<u8>, Vec<u8>)>>| -> Vec<(String, String)> {
        pairs.iter().flatten().map(|(name, value)| (text(name), text(value))).collect()
    };
    let start = match (sent.header(":status"), sent.header(":method"), sent.header(":path")) {
        (Some(status), ..) => Some(status),
        (_, Some(method), Some(path)) => Some(format!("{method} {path}")),
        _ => None,
    };
    Message {
        start,
        headers: texts(&sent.headers),
        body: sent.body.clone(),
        trailers: texts(&sent.trailers),
        complete: sent.complete || (!stream.is_http && !stream.is_open),
    }
}
