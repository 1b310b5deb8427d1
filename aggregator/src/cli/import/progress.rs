//! `Progress`: a bar on standard error, if that is a terminal.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::chunk::Chunk;

const REDRAW: Duration = Duration::from_millis(200);

/// How far an import is.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// For an input of so many bytes, if that is known.
    pub fn new(size: Option<u64>) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::stderr());
        let template = match size {
            Some(_) => "{bar:30} {percent}% {bytes}/{total_bytes}, {eta} left, {msg}",
            None => "{spinner} {bytes}, {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(REDRAW);
        Self(bar)
    }

    /// A chunk is there; so many flows were imported up to now.
    pub fn advance(&self, chunk: &Chunk, imported: u64) {
        self.0.inc(chunk.input_bytes);
        self.0.set_message(format!("{imported} flows"));
    }

    /// Leaves the terminal as it was.
    pub fn end(&self) {
        self.0.finish_and_clear();
    }
}
