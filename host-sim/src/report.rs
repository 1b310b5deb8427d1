//! What a run gave: the timeline and the expectations that did not hold, for people and as JSON.

use std::io::{self, Write};

use serde::Serialize;

use crate::timeline::Event;

/// An expectation that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Which step.
    pub at: String,
    /// What was expected, and what was found.
    pub problem: String,
}

/// What a run gave.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The scenario's name.
    pub name: String,
    /// What happened.
    pub timeline: Vec<Event>,
    /// How many expectations were checked.
    pub checked: u64,
    /// Those that did not hold.
    pub failures: Vec<Failure>,
}

impl Report {
    /// Whether all was as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// Writes the report for people.
    pub fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        write_timeline(&self.timeline, out)?;
        writeln!(out)?;
        for Failure { at, problem } in &self.failures {
            writeln!(out, "NOT AS EXPECTED, {at}: {problem}")?;
        }
        let Self { name, checked, failures, .. } = self;
        match failures.len() {
            0 if *checked == 0 => writeln!(out, "{name}: ran to its end; it expects nothing"),
            0 => writeln!(out, "{name}: passed, {checked} expectations held"),
            failed => writeln!(out, "{name}: FAILED, {failed} expectations did not hold"),
        }
    }

    /// Writes the report as one JSON document.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }
}

/// Writes what happened, a line per event.
pub fn write_timeline(timeline: &[Event], out: &mut impl Write) -> io::Result<()> {
    timeline.iter().try_for_each(|event| writeln!(out, "{event}"))
}
