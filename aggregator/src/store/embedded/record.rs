//! What is stored: the bytes of log entries, dedupe records and checkpoints.
//!
//! Every value starts with a format byte. Log entries are written and read for each write, and
//! have a format of their own; the rest is postcard. See docs/storage-format.md.

pub(super) mod checkpoint;
pub(super) mod dedupe;
pub(super) mod entry;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
pub(super) mod group;
pub(super) mod part;
mod varint;

use serde::{Deserialize, Serialize};

/// The format of values that have not changed since the first version.
const FORMAT: u8 = 1;

/// A stored value that this version cannot read.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("an unknown format (first byte {0:?}); it may have been written by a newer version")]
    Format(Option<u8>),
    #[error("damaged: {0}")]
    Damaged(String),
}

impl DecodeError {
    pub fn damaged(error: impl std::fmt::Display) -> Self {
        Self::Damaged(error.to_string())
    }
}

fn encode<T: Serialize>(format: u8, value: &T, capacity: usize) -> Result<Vec<u8>, DecodeError> {
    let mut bytes = Vec::with_capacity(1 + capacity);
    bytes.push(format);
    postcard::to_extend(value, bytes).map_err(DecodeError::damaged)
}

fn decode<'a, T: Deserialize<'a>>(format: u8, bytes: &'a [u8]) -> Result<T, DecodeError> {
    match bytes.split_first() {
        Some((first, rest)) if *first == format => decode_rest(rest),
        other => Err(DecodeError::Format(other.map(|(first, _)| *first))),
    }
}

fn decode_rest<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) => Err(DecodeError::Damaged("bytes are left over".to_owned())),
        Err(error) => Err(DecodeError::damaged(error)),
    }
}
