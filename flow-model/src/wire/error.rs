//! `WireError`: what is wrong with a message, and where.

use std::cell::Cell;
use std::fmt::{self, Display};

use serde::de::{self, DeserializeSeed};

/// Why a message was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireError {
    /// It is not JSON at all; the text says where it breaks off.
    Malformed(String),
    /// It is JSON, but an element or field is not what it must be.
    Invalid {
        /// The flow's position, from 0: in the array of a direct write, or among all flows of a
        /// batch. None for what is not in a flow.
        index: Option<usize>,
        /// The field's name, if one field is at fault.
        field: Option<&'static str>,
        /// What is wrong with it.
        reason: String,
    },
}

impl Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => write!(f, "malformed JSON: {reason}"),
            Self::Invalid { index, field, reason } => {
                if let Some(index) = index {
                    write!(f, "element {index}: ")?;
                }
                if let Some(field) = field {
                    write!(f, "{field}: ")?;
                }
                f.write_str(reason)
            }
        }
    }
}

impl std::error::Error for WireError {}

/// The flow and the field that are being read; none of either outside of flows and fields.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    pub index: Option<usize>,
    pub field: Option<&'static str>,
}

/// Where the parser is. serde's own errors are text only: the place takes this side road, and
/// the two come together in [`parse`].
#[derive(Default)]
pub(super) struct Position(Cell<Place>);

impl Position {
    /// Says what is read next.
    pub fn enter(&self, place: Place) {
        self.0.set(place);
    }

    /// Refuses what is at `place`, for a reason.
    pub fn refuse<E: de::Error>(&self, place: Place, reason: impl Display) -> E {
        self.enter(place);
        E::custom(reason)
    }
}

/// Parses a whole message with the seed that `seed` makes.
pub(super) fn parse<'a, V>(
    bytes: &'a [u8],
    position: &Position,
    seed: impl DeserializeSeed<'a, Value = V>,
) -> Result<V, WireError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    seed.deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| wire_error(&error, position.0.get()))
}

fn wire_error(error: &serde_json::Error, place: Place) -> WireError {
    let text = error.to_string();
    // A number that is not even a float is a syntax error to serde_json, but valid JSON.
    if !error.is_data() && !text.starts_with("number out of range") {
        return WireError::Malformed(text);
    }
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    WireError::Invalid { index: place.index, field: place.field, reason: reason.to_owned() }
}
