//! `Fault`: what is wrong with a record of the input, and where.

use std::fmt;

/// What is wrong with a record, wherever it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The field, if one is at fault.
    pub field: Option<String>,
    /// What is wrong with it.
    pub reason: String,
}

impl Wrong {
    /// What is wrong with a record as a whole.
    pub fn record(reason: impl Into<String>) -> Self {
        Self { field: None, reason: reason.into() }
    }

    /// What is wrong with a field.
    pub fn field(field: &str, reason: impl fmt::Display) -> Self {
        Self { field: Some(field.to_owned()), reason: reason.to_string() }
    }

    /// The same with its place.
    pub fn at(self, index: u64, line: Option<u64>) -> Fault {
        Fault { index: Some(index), line, wrong: self }
    }
}

/// Why the input cannot be read on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The record's position in the whole input, from 0; none before the first.
    pub index: Option<u64>,
    /// Its line, from 1, where the format has lines.
    pub line: Option<u64>,
    /// What is wrong there.
    pub wrong: Wrong,
}

impl Fault {
    /// An error of the system while the record at `index` was read.
    pub fn unreadable(index: u64, error: &std::io::Error) -> Self {
        Wrong::record(format!("cannot be read: {error}")).at(index, None)
    }

    /// Where it is, in words; empty when that is nowhere.
    pub fn place(&self) -> String {
        place(self.index, self.line, self.wrong.field.as_deref())
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// A place in the input in words: `index 7 (line 9), field hour`.
pub(super) fn place(index: Option<u64>, line: Option<u64>, field: Option<&str>) -> String {
    let mut parts = Vec::new();
    match (index, line) {
        (Some(index), Some(line)) => parts.push(format!("index {index} (line {line})")),
        (Some(index), None) => parts.push(format!("index {index}")),
        (None, Some(line)) => parts.push(format!("line {line}")),
        (None, None) => {}
    }
    parts.extend(field.map(|field| format!("field {field}")));
    parts.join(", ")
}
