//! The progress bar of `host-sim mesh`.

use host_sim::mesh::progress::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The progress bar, on a terminal only.
pub(super) struct Bar {
    bar: ProgressBar,
    threads: Vec<Progress>,
}

impl Bar {
    pub(super) fn new(threads: usize, duration_ns: u64) -> Self {
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(Some(duration_ns / 1_000_000_000), target);
        let style = ProgressStyle::with_template("{bar:40} {percent}%  {elapsed}  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, threads: vec![Progress::default(); threads] }
    }

    pub(super) fn show(&mut self, news: Progress) {
        if let Some(thread) = self.threads.get_mut(news.thread) {
            *thread = news;
        }
        let callbacks: u64 = self.threads.iter().map(|thread| thread.callbacks).sum();
        let pushes: u64 = self.threads.iter().map(|thread| thread.pushes).sum();
        let slowest_ns = self.threads.iter().map(|thread| thread.virtual_ns).min();
        self.bar.set_position(slowest_ns.unwrap_or_default() / 1_000_000_000);
        self.bar.set_message(format!("{callbacks} callbacks, {pushes} pushes"));
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
