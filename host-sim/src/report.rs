//! What a run gave: the timeline and the expectations that did not hold, for people and as JSON.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use serde::Serialize;

use crate::{scenario::Scenario, timeline::Event};

/// How many events before a failure are shown with it.
pub const EVENTS_BEFORE: usize = 10;

/// An expectation that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Failure {
    /// Which step.
    pub at: String,
    /// In which line of the file; 0 for none.
    pub line: u32,
    /// What was expected, and what was found.
    pub problem: String,
    /// How many events of the timeline had come before.
    pub event: usize,
}

/// What a run gave.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The scenario's name.
    pub name: String,
    /// Its file.
    pub file: Option<PathBuf>,
    /// The seed of what chance decided.
    pub seed: u64,
    /// What happened.
    pub timeline: Vec<Event>,
    /// How many expectations were checked.
    pub checked: u64,
    /// Those that did not hold.
    pub failures: Vec<Failure>,
    /// Golden files that were written.
    pub written: Vec<PathBuf>,
}

impl Report {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        Self {
            name: scenario.full_name(),
            file: scenario.file.clone(),
            seed: scenario.seed,
            ..Self::default()
        }
    }

    /// Whether all was as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// Writes the report for people: all that happened, then what was not as expected.
    pub fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        write_timeline(&self.timeline, out)?;
        writeln!(out)?;
        for failure in &self.failures {
            let place = self.place(failure);
            writeln!(out, "NOT AS EXPECTED, {place}: {}", failure.problem)?;
        }
        for path in &self.written {
            writeln!(out, "written: {}", path.display())?;
        }
        writeln!(out, "{}: {}", self.name, self.verdict())
    }

    /// How it went, in a few words.
    #[must_use]
    pub fn verdict(&self) -> String {
        match self.failures.len() {
            0 if self.checked == 0 => "ran to its end; it expects nothing".to_owned(),
            0 => format!("passed, {} expectations held", self.checked),
            failed => format!("FAILED, {failed} expectations did not hold"),
        }
    }

    /// Writes each failure with what happened around it.
    pub fn write_failures(&self, out: &mut impl Write) -> io::Result<()> {
        self.failures.iter().try_for_each(|failure| {
            writeln!(out, "{}: {}", self.place(failure), failure.problem)?;
            let before = self.timeline.get(..failure.event).unwrap_or(&self.timeline);
            let hidden = before.len().saturating_sub(EVENTS_BEFORE);
            if before.is_empty() {
                return Ok(());
            }
            writeln!(out, "  before it, after {hidden} other events:")?;
            let shown = before.get(hidden..).unwrap_or_default();
            shown.iter().try_for_each(|event| writeln!(out, "    {event}"))
        })
    }

    /// Where an expectation stands: `FILE:LINE: PATH`, as far as it is known.
    fn place(&self, failure: &Failure) -> String {
        match (&self.file, failure.line) {
            (Some(file), line @ 1..) => format!("{}:{line}: {}", file.display(), failure.at),
            _ => failure.at.clone(),
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
