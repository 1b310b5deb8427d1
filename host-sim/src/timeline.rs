//! What happened, in order: virtual time, thread, event. Deciding whether it was right is left to
//! `runner`, printing it to `report`.

use std::fmt::{self, Write};

use serde::Serialize;

use crate::{
    abi::{LogLevel, Status},
    properties::availability::StreamKind,
    timestamp::Timestamp,
};

/// A thread of the simulated proxy; each runs its own VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Thread {
    /// The throw-away VM in which a configuration is tried first.
    Canary,
    /// The main thread, which never sees traffic.
    Main,
    /// A worker, numbered from 0.
    Worker(usize),
}

impl Thread {
    /// A number for each thread: 0 for the canary, 1 for main, 2 for the first worker.
    pub(crate) fn number(self) -> u64 {
        match self {
            Self::Canary => 0,
            Self::Main => 1,
            Self::Worker(index) => (index as u64).saturating_add(2),
        }
    }
}

impl fmt::Display for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Canary => f.pad("canary"),
            Self::Main => f.pad("main"),
            Self::Worker(index) => f.pad(&format!("worker {index}")),
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// When, in virtual time.
    pub at: Timestamp,
    /// On which thread; none for what the runner itself did.
    pub thread: Option<Thread>,
    /// What.
    pub kind: EventKind,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[allow(missing_docs, reason = "the fields are named after what they hold")]
#[non_exhaustive]
pub enum EventKind {
    /// A VM runs and the guest took its configuration.
    Configured,
    /// The guest logged a line.
    Log { level: LogLevel, message: String },
    /// The guest sent an HTTP call.
    CalloutSent {
        token: u32,
        cluster: String,
        request: String,
        body_bytes: usize,
        fault: &'static str,
    },
    /// The guest's HTTP call was refused at once.
    CalloutRefused { cluster: String, status_code: u32 },
    /// The answer was handed to the guest; a reset has no status.
    CalloutAnswered { token: u32, status: Option<u16>, body_bytes: usize },
    /// A gRPC call or stream of the guest began, or went on.
    Grpc { token: u32, what: String },
    /// A stream began.
    StreamOpened { stream: u64, kind: StreamKind },
    /// A stream began without the guest, which is no longer there.
    StreamWithoutGuest { stream: u64, refused: bool },
    /// A stream ended.
    StreamClosed { stream: u64, downstream_bytes: u64, upstream_bytes: u64 },
    /// The guest held a stream back, resumed it, ended it or answered it.
    StreamAction { stream_context: u32, action: String },
    /// The guest failed, and its VM with it.
    Trap {
        callback: String,
        reason: String,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        stack: Vec<String>,
    },
    /// A root came to its end.
    RootDone,
    /// A remark of the runner.
    Note { text: String },
}

impl EventKind {
    /// A refused call, from the status that the guest got.
    pub(crate) fn refused(cluster: &str, status: Status) -> Self {
        Self::CalloutRefused { cluster: cluster.to_owned(), status_code: status.code() }
    }
}

impl EventKind {
    /// How many bytes of text it holds.
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Self::Log { message, .. } => message.len(),
            Self::CalloutSent { cluster, request, .. } => cluster.len() + request.len(),
            Self::CalloutRefused { cluster, .. } => cluster.len(),
            Self::Grpc { what, .. } => what.len(),
            Self::StreamAction { action, .. } => action.len(),
            Self::Trap { callback, reason, .. } => callback.len() + reason.len(),
            Self::Note { text } => text.len(),
            _ => 0,
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configured => f.write_str("configured"),
            Self::Log { level, message } => write!(f, "log {level}: {message}"),
            Self::CalloutSent { token, cluster, request, body_bytes, fault } => {
                write!(f, "call {token}: {request} to {cluster}, {body_bytes} bytes")?;
                if *fault == "none" { Ok(()) } else { write!(f, ", fault {fault}") }
            }
            Self::CalloutRefused { cluster, status_code } => {
                write!(f, "call to {cluster} refused with status {status_code}")
            }
            Self::CalloutAnswered { token, status: Some(status), body_bytes } => {
                write!(f, "call {token}: answered {status}, {body_bytes} bytes")
            }
            Self::CalloutAnswered { token, status: None, .. } => write!(f, "call {token}: reset"),
            Self::Grpc { token, what } => write!(f, "grpc {token}: {what}"),
            Self::StreamOpened { stream, kind: StreamKind::Tcp } => {
                write!(f, "stream {stream}: connection opened")
            }
            Self::StreamOpened { stream, kind: StreamKind::Http } => {
                write!(f, "stream {stream}: request began")
            }
            Self::StreamWithoutGuest { stream, refused: true } => {
                write!(f, "stream {stream}: refused, as the plugin has failed")
            }
            Self::StreamWithoutGuest { stream, refused: false } => {
                write!(f, "stream {stream}: passes by, as the plugin has failed")
            }
            Self::StreamClosed { stream, downstream_bytes, upstream_bytes } => {
                write!(f, "stream {stream}: closed, {downstream_bytes} bytes downstream, ")?;
                write!(f, "{upstream_bytes} bytes upstream")
            }
            Self::StreamAction { stream_context, action } => {
                write!(f, "context {stream_context}: {action}")
            }
            Self::Trap { callback, reason, stack } => {
                write!(f, "FAILED in {callback}: {reason}")?;
                stack.iter().try_for_each(|function| write!(f, "\nin {function}"))
            }
            Self::RootDone => f.write_str("root context is done"),
            Self::Note { text } => f.write_str(text),
        }
    }
}

/// Writes text that a plugin has made so that it can do no harm to a terminal and cannot be taken
/// for another event: control characters are named, and further lines stand further in.
struct Plain<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    /// A line has ended, and another one may follow.
    line_has_ended: bool,
}

impl fmt::Write for Plain<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(is_named) {
            if std::mem::take(&mut self.line_has_ended) {
                self.out.write_str("\n        ")?;
            }
            let control = part.chars().next_back().filter(|c| is_named(*c));
            self.out.write_str(control.and_then(|c| part.strip_suffix(c)).unwrap_or(part))?;
            match control {
                Some('\n') => self.line_has_ended = true,
                Some(c) => write!(self.out, "{}", c.escape_default())?,
                None => {}
            }
        }
        Ok(())
    }
}

fn is_named(c: char) -> bool {
    c.is_control() && c != '\t'
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  ", self.at)?;
        match self.thread {
            Some(thread) => write!(f, "{thread:<9}")?,
            None => write!(f, "{:<9}", "--")?,
        }
        write!(Plain { out: f, line_has_ended: false }, "  {}", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(message: &str) -> String {
        let kind = EventKind::Log { level: LogLevel::Info, message: message.to_owned() };
        let event = Event { at: Timestamp(0), thread: Some(Thread::Main), kind };
        event.to_string().split_once("log info: ").unwrap().1.to_owned()
    }

    #[test]
    fn what_a_plugin_says_stays_one_event_and_harms_no_terminal() {
        assert_eq!(shown("plain, \tand Zürich"), "plain, \tand Zürich");
        assert_eq!(shown("one\ntwo\n\nfour\n"), "one\n        two\n        \n        four");
        assert_eq!(shown("\u{1b}[31mred\u{7}\r"), r"\u{1b}[31mred\u{7}\r");
    }
}
