//! What goes wrong in a bench: a sentence for the person at the terminal.

use std::fmt;

/// The outcome of a step.
pub type Result<T> = std::result::Result<T, Failure>;

/// Why a bench stops.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure that is told as `message`.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Says what was being done when an operation of the system failed.
pub trait Doing<T> {
    /// Turns the error into a failure that starts with `what`.
    fn doing(self, what: impl fmt::Display) -> Result<T>;
}

impl<T, E: fmt::Display> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Failure::new(format!("{what}: {error}")))
    }
}
