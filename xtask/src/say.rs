//! What an xtask says on its standard output, one line at a time.
//!
//! A closed pipe is no reason to stop half-way through a set-up, so errors of writing are
//! passed over.

use std::fmt::Display;
use std::io::{Write, stderr, stdout};
use std::time::Instant;

use crate::failure::Result;

/// A line as it is.
pub fn plain(line: impl Display) {
    let mut out = stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// A line about the step that is going on.
pub fn detail(line: impl Display) {
    plain(format_args!("   {line}"));
}

/// Why the verb stops.
pub fn failure(failure: impl Display) {
    let _ = writeln!(stderr(), "error: {failure}");
}

/// Names a step, takes it, and tells how long it took.
pub fn step<T>(name: &str, take: impl FnOnce() -> Result<T>) -> Result<T> {
    plain(format_args!("== {name}"));
    let start = Instant::now();
    let outcome = take();
    let verdict = if outcome.is_ok() { "done" } else { "failed" };
    detail(format_args!("{verdict} in {:.1} s", start.elapsed().as_secs_f64()));
    outcome
}
