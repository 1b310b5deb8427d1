//! Envoy's own account of what it proxied, which the filter's is compared with.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::bytes::Bytes;
use crate::deadline::wait_for;

/// The access log of one listener. A line is written when a request or connection has ended.
pub struct AccessLog {
    path: PathBuf,
    listener: String,
}

impl AccessLog {
    /// The lines of `listener` in the file at `path`, as the samples configure them.
    pub fn new(path: PathBuf, listener: &str) -> Self {
        Self { path, listener: listener.to_owned() }
    }

    /// Waits until there are `count` lines, and returns the sum of their bytes. More lines than
    /// that panic: there was traffic that nobody meant to send.
    pub fn bytes_of(&self, count: usize) -> Bytes {
        let lines = wait_for(&format!("{count} lines of {}", self.listener), || {
            let lines = self.lines();
            if lines.len() >= count { Ok(lines) } else { Err(format!("{}", lines.len())) }
        });
        assert_eq!(lines.len(), count, "lines in the access log of {}", self.listener);
        lines.iter().map(bytes).sum()
    }

    /// The lines so far.
    pub fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        // What follows the last newline is still being written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines = whole.lines().map(|line| {
            serde_json::from_str::<Value>(line)
                .unwrap_or_else(|error| panic!("not an access log line: {line}: {error}"))
        });
        lines.filter(|line| line["listener"] == self.listener.as_str()).collect()
    }
}

/// The downstream is the source on either side: what Envoy received from it went there.
fn bytes(line: &Value) -> Bytes {
    let number = |field: &str| {
        line[field].as_u64().unwrap_or_else(|| panic!("no {field} in the access log line {line}"))
    };
    Bytes { tx: number("bytes_received"), rx: number("bytes_sent") }
}
