//! `ConfigError`: what is wrong with a configuration, and which field it is.

use std::fmt;

/// Why a configuration was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// It is not JSON, or a field is given twice; the text says where.
    Malformed(String),
    /// A field that does not exist, most often a slip of the pen.
    Unknown {
        /// The field, by its path from the top.
        path: String,
        /// The fields that are known there.
        known: &'static [&'static str],
    },
    /// A field is not what it must be.
    Invalid {
        /// The field, by its path from the top; empty for the whole.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => write!(f, "malformed JSON: {reason}"),
            Self::Unknown { path, known } => {
                write!(f, "unknown field {path} (known: {})", known.join(", "))
            }
            Self::Invalid { path, reason } if path.is_empty() => {
                write!(f, "the configuration {reason}")
            }
            Self::Invalid { path, reason } => write!(f, "{path}: {reason}"),
        }
    }
}

impl std::error::Error for ConfigError {}
