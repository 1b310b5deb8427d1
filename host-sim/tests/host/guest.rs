//! Guests for the tests: a WAT body under a common prelude. In a body, `#"text"` stands for the
//! address and the size of that text.

use host_sim::{CallRequest, CallResponse, Event, EventKind, Host, Plugin, Thread};

const FIRST_TEXT: usize = 8192;

/// The module of a guest, as WAT.
pub fn wat(body: &str) -> String {
    let (mut code, mut texts, mut at) = (String::new(), String::new(), FIRST_TEXT);
    let mut rest = body;
    while let Some((before, after)) = rest.split_once("#\"") {
        let (text, after) = after.split_once('"').expect("a text ends");
        // An escape is a backslash and two digits for one byte.
        let size = text.len() - 2 * text.matches('\\').count();
        code += &format!("{before}(i32.const {at}) (i32.const {size})");
        texts += &format!("(data (i32.const {at}) \"{text}\")\n");
        (at, rest) = (at + size, after);
    }
    format!("(module {} {code}{rest}\n{texts})", include_str!("prelude.wat"))
}

/// A guest.
pub fn guest(body: &str) -> Plugin {
    Plugin::load(wat(body).as_bytes()).expect("the guest is valid")
}

/// A guest on one worker, started.
pub fn host(body: &str) -> Host {
    Host::builder(guest(body)).start().expect("the guest starts")
}

/// A pair as WAT bytes, for maps that a guest sends.
pub fn pairs(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into()))
        .collect();
    let bytes = host_sim::pairs::serialize(&pairs).expect("few pairs");
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// The lines that the guests logged, as `worker 0: text`.
pub fn lines(timeline: &[Event]) -> Vec<String> {
    let line = |event: &Event| match (&event.kind, event.thread) {
        (EventKind::Log { message, .. }, Some(thread)) => Some(format!("{thread}: {message}")),
        _ => None,
    };
    timeline.iter().filter_map(line).collect()
}

/// The lines of one thread, without its name.
pub fn lines_of(host: &Host, thread: Thread) -> Vec<String> {
    let prefix = format!("{thread}: ");
    let lines = lines(&host.timeline());
    lines.iter().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
}

/// The lines of the first worker.
pub fn worker_lines(host: &Host) -> Vec<String> {
    lines_of(host, Thread::Worker(0))
}

/// Why guests failed, as `callback: reason`.
pub fn failures(host: &Host) -> Vec<String> {
    let failure = |event: &Event| match &event.kind {
        EventKind::Trap { callback, reason, .. } => Some(format!("{callback}: {reason}")),
        _ => None,
    };
    host.timeline().iter().filter_map(failure).collect()
}

/// An answer of 200 with the request's body.
pub fn echo(request: &CallRequest) -> CallResponse {
    CallResponse::new(200, &[], &request.body)
}
