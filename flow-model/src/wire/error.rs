//! `WireError`: what is wrong with a message, and where.

use std::cell::Cell;
use std::fmt::{self, Display};

use serde::de::{self, DeserializeSeed, Deserializer, Visitor};

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

    /// What reads the value at `place` with `visitor`. A value of a type that the visitor does not
    /// take is refused by serde, with what the visitor expects.
    pub fn seed<V>(&self, place: Place, visitor: V) -> Seed<'_, V> {
        Seed { position: self, place, visitor }
    }

    /// The value of a field of the message itself, which must have been there.
    pub fn required<T, E: de::Error>(&self, value: Option<T>, name: &'static str) -> Result<T, E> {
        let place = Place { index: None, field: Some(name) };
        value.ok_or_else(|| self.refuse(place, "is missing"))
    }

    /// Refuses what is at `place`, for a reason.
    pub fn refuse<E: de::Error>(&self, place: Place, reason: impl Display) -> E {
        self.enter(place);
        E::custom(reason)
    }
}

/// Enters a place, then lets a visitor take the value there.
pub(super) struct Seed<'p, V> {
    position: &'p Position,
    place: Place,
    visitor: V,
}

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Seed<'_, V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.position.enter(self.place);
        deserializer.deserialize_any(self.visitor)
    }
}

/// Parses a whole message with the visitor that `visitor` makes.
pub(super) fn parse<'a, V: Visitor<'a>>(
    bytes: &'a [u8],
    position: &Position,
    visitor: V,
) -> Result<V::Value, WireError> {
    parse_seed(bytes, position, position.seed(Place::default(), visitor))
}

/// Parses a whole message with a seed.
pub(super) fn parse_seed<'a, S: DeserializeSeed<'a>>(
    bytes: &'a [u8],
    position: &Position,
    seed: S,
) -> Result<S::Value, WireError> {
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
