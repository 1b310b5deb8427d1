//! `Bar`: how far a move is, on standard error, if that is a terminal.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const REDRAW: Duration = Duration::from_millis(200);

/// How far a move is.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// For a move of so many flows.
    pub fn new(flows: u64) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(flows), ProgressDrawTarget::stderr());
        let template =
            "{bar:30} {percent}% {human_pos}/{human_len} flows, {per_sec}, {eta} left{msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(REDRAW);
        Self(bar)
    }

    /// What is done besides flows.
    pub fn say(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    /// So many flows are there.
    pub fn set(&self, flows: u64) {
        self.0.set_position(flows);
    }

    /// Leaves the terminal as it was.
    pub fn end(&self) {
        self.0.finish_and_clear();
    }
}
