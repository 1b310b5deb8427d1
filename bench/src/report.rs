//! What was measured: told line by line as it comes, and as a table in the end.

use std::fmt::Display;
use std::io::{Write, stdout};
use std::time::Duration;

use crate::machine::Machine;

/// A measured figure.
#[derive(Clone, Debug)]
pub struct Figure {
    what: String,
    measured: String,
    goal: Option<Goal>,
    how: String,
}

#[derive(Clone, Debug)]
struct Goal {
    text: String,
    is_met: bool,
}

impl Figure {
    /// A figure in words, without a goal.
    pub fn new(what: impl Into<String>, measured: impl Into<String>) -> Self {
        let how = String::new();
        Self { what: what.into(), measured: measured.into(), goal: None, how }
    }

    /// A figure of a unit, without a goal.
    pub fn of(what: impl Into<String>, value: f64, unit: &str) -> Self {
        Self::new(what, quantity(value, unit))
    }

    /// A figure of a unit that should be `goal` at most.
    pub fn at_most(what: impl Into<String>, value: f64, goal: f64, unit: &str) -> Self {
        let goal = Goal { text: quantity(goal, unit), is_met: value <= goal };
        Self { goal: Some(goal), ..Self::of(what, value, unit) }
    }

    /// Says how it was measured.
    pub fn how(self, how: impl Into<String>) -> Self {
        Self { how: how.into(), ..self }
    }

    fn goal(&self) -> String {
        self.goal.as_ref().map_or_else(String::new, |goal| {
            format!("{}, {}", goal.text, if goal.is_met { "met" } else { "missed" })
        })
    }
}

/// The figures so far.
#[derive(Default)]
pub struct Report(Vec<Figure>);

impl Report {
    /// Says that a bench begins.
    pub fn begin(&self, name: &str) {
        say(format_args!("== {name}"));
    }

    /// Adds a figure and tells it at once.
    pub fn add(&mut self, figure: Figure) {
        let goal = figure.goal();
        let goal = if goal.is_empty() { goal } else { format!("  (goal {goal})") };
        say(format_args!("   {:<52} {:>14}{goal}", figure.what, figure.measured));
        if !figure.how.is_empty() {
            say(format_args!("        {}", figure.how));
        }
        self.0.push(figure);
    }

    /// Prints all figures as Markdown.
    pub fn print(&self, machine: &Machine, command: &str) {
        say(format_args!("\n{machine}\n\n    {command}\n"));
        say("| what | measured | goal | how |");
        say("|---|---|---|---|");
        for figure in &self.0 {
            let Figure { what, measured, how, .. } = figure;
            say(format_args!("| {what} | {measured} | {} | {how} |", figure.goal()));
        }
    }
}

/// A line on the standard output. A closed pipe is no reason to stop half-way.
pub fn say(line: impl Display) {
    let mut out = stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// Microseconds per item.
pub fn micros_each(duration: Duration, items: u64) -> f64 {
    duration.as_secs_f64() * 1e6 / items.max(1) as f64
}

/// Milliseconds.
pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Megabytes, of a million bytes.
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Items per second.
pub fn rate(items: u64, duration: Duration) -> f64 {
    items as f64 / duration.as_secs_f64().max(1e-9)
}

/// A number as in "10M flows".
pub fn short(count: u64) -> String {
    match count {
        1_000_000.. if count.is_multiple_of(1_000_000) => format!("{}M", count / 1_000_000),
        1_000.. if count.is_multiple_of(1_000) => format!("{}k", count / 1_000),
        _ => count.to_string(),
    }
}

/// Three digits that count, and thousands apart.
fn quantity(value: f64, unit: &str) -> String {
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.digits$}");
    let whole = text.split('.').next().unwrap_or_default().len();
    let mut grouped = String::new();
    for (n, digit) in text.chars().enumerate() {
        if n > 0 && n < whole && (whole - n).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_three_digits_that_count() {
        assert_eq!(quantity(0.5, "us"), "0.50 us");
        assert_eq!(quantity(12.34, "us"), "12.3 us");
        assert_eq!(quantity(123.4, "ms"), "123 ms");
        assert_eq!(quantity(1_234_567.8, "records/s"), "1,234,568 records/s");
    }

    #[test]
    fn round_numbers_are_short() {
        assert_eq!([10_000_000, 1_500_000, 999].map(short), ["10M", "1500k", "999"]);
    }

    #[test]
    fn a_goal_is_met_up_to_itself() {
        assert_eq!(Figure::at_most("x", 0.5, 0.5, "us").goal(), "0.50 us, met");
        assert_eq!(Figure::at_most("x", 0.6, 0.5, "us").goal(), "0.50 us, missed");
    }
}
