//! `Output`: standard output: in which form, with which styles, and until its reader has gone.

use std::borrow::Cow;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use clap::{Args, ValueEnum};

use super::error::CliError;
use super::units::Units;

/// A form of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people, also into a pipe
    Table,
    /// One JSON array of objects
    Json,
    /// One JSON object a line
    Ndjson,
    /// A line of names, then one line of values each
    Csv,
}

impl Format {
    /// The media type in which the server is asked for rows: all forms but CSV are made of lines
    /// of JSON.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Table | Self::Json | Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// How results are printed.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputOptions {
    /// The form of the output
    #[arg(long, short, value_enum, value_name = "FORM", default_value_t = Format::Table)]
    pub output: Format,

    /// Show all digits of byte counts in tables
    #[arg(long)]
    bytes: bool,
}

impl OutputOptions {
    /// How tables show byte counts.
    pub fn units(&self) -> Units {
        if self.bytes { Units::Exact } else { Units::Human }
    }
}

/// Standard output.
pub(super) struct Output {
    out: BufWriter<Stdout>,
    styled: bool,
}

/// How a line of a table looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// As it is.
    Plain,
    /// A heading.
    Bold,
    /// An aside.
    Dim,
}

impl Output {
    /// Standard output, styled on a terminal unless the environment asks for none.
    pub fn new() -> Self {
        let stdout = io::stdout();
        let styled = stdout.is_terminal() && wants_styles(|name| std::env::var_os(name));
        Self { out: BufWriter::new(stdout), styled }
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.out.write_all(bytes).map_err(CliError::writing)
    }

    /// Writes a line for people.
    pub fn line(&mut self, style: Style, text: &str) -> Result<(), CliError> {
        let (text, code) = (
            printable(text),
            match style {
                Style::Bold => "1",
                Style::Dim => "2",
                Style::Plain => "",
            },
        );
        let written = if self.styled && !code.is_empty() {
            writeln!(self.out, "\x1b[{code}m{text}\x1b[0m")
        } else {
            writeln!(self.out, "{text}")
        };
        written.map_err(CliError::writing)
    }

    /// Hands everything on to whoever reads it.
    pub fn flush(&mut self) -> Result<(), CliError> {
        self.out.flush().map_err(CliError::writing)
    }
}

/// <https://no-color.org>, and terminals that know no styles.
fn wants_styles<V: AsRef<std::ffi::OsStr>>(variable: impl Fn(&str) -> Option<V>) -> bool {
    let no_color = variable("NO_COLOR").is_some_and(|value| !value.as_ref().is_empty());
    let dumb = variable("TERM").is_some_and(|value| value.as_ref() == "dumb");
    !no_color && !dumb
}

/// A text with its control characters replaced, so that what a server says cannot steer the
/// terminal.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        text.replace(char::is_control, "\u{fffd}").into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_can_ask_for_no_styles() {
        let styles = |set: &'static [(&str, &str)]| {
            wants_styles(|name| set.iter().find(|(set, _)| *set == name).map(|(_, value)| *value))
        };
        assert!(styles(&[]) && styles(&[("NO_COLOR", ""), ("TERM", "xterm")]));
        assert!(!styles(&[("NO_COLOR", "1")]));
        assert!(!styles(&[("TERM", "dumb")]));
    }

    #[test]
    fn a_terminal_is_not_steered() {
        assert_eq!(printable("a\x1b[2Jb\nc"), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(printable("ü 日本"), "ü 日本");
    }
}
