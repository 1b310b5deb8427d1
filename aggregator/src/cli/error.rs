//! `CliError`: why a command ended early, and the exit code that says so.

use std::io;
use std::time::Duration;

use super::import::Shortfall;
use super::refusal::Refusal;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The command line, or a file that it names, is not right.
    #[error("{0}")]
    Usage(String),
    /// The server answered, and said no.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// There was no answer, or not a whole one.
    #[error("{0}")]
    Unreachable(String),
    /// The answer is not what this program understands.
    #[error("the server's answer is not understood: {0}")]
    Unexpected(String),
    /// What is to be imported is not right, or cannot be read.
    #[error("{0}")]
    Input(String),
    /// An import stopped before its end.
    #[error("{place}: {cause}; {done}")]
    Stopped {
        /// Where in the input.
        place: String,
        /// Why.
        cause: Box<CliError>,
        /// What was done before.
        done: String,
    },
    /// A replay that did not deliver everything.
    #[error("{0}")]
    Shortfall(Shortfall),
    /// What `fas doctor` found, which has been told, ends with this exit code.
    #[error("not all is well")]
    Unwell(u8),
    /// Standard output takes nothing more.
    #[error("cannot write: {0}")]
    Output(io::Error),
    /// Whoever read standard output has gone: they have what they wanted.
    #[error("standard output is closed")]
    Closed,
}

impl CliError {
    /// What an error of writing to standard output is.
    pub fn writing(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Output(error),
        }
    }

    /// The exit code of the program.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Usage(_) => 2,
            Self::Unwell(code) => *code,
            _ if self.is_about_access() => 3,
            Self::Stopped { cause, .. } => cause.exit_code(),
            Self::Shortfall(shortfall) => shortfall.exit_code(),
            _ => 1,
        }
    }

    /// Whether the server said no to who asks.
    pub fn is_about_access(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_about_access())
    }

    /// Whether the server may say something else the next time.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.is_transient(),
            Self::Unreachable(_) => true,
            _ => false,
        }
    }

    /// How long the server wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }
}

impl From<Refusal> for CliError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_tell_apart_who_said_no() {
        let refused = |status| CliError::from(Refusal::new(status, b"", None));
        let stopped = |cause| CliError::Stopped {
            place: String::new(),
            cause: Box::new(cause),
            done: String::new(),
        };
        for (error, code) in [
            (CliError::Usage(String::new()), 2),
            (CliError::Unreachable(String::new()), 1),
            (CliError::Input(String::new()), 1),
            (stopped(refused(409)), 1),
            (stopped(refused(403)), 3),
            (CliError::writing(io::ErrorKind::BrokenPipe.into()), 0),
            (CliError::writing(io::ErrorKind::StorageFull.into()), 1),
            (refused(400), 1),
            (refused(401), 3),
            (refused(403), 3),
            (refused(503), 1),
        ] {
            assert_eq!(error.exit_code(), code, "{error:?}");
        }
    }
}
