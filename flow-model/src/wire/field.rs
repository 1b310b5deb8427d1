//! Typed fields: serde seeds that say which field of which flow they read, so that a wrong
//! value is reported by name.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, Visitor};

use super::error::{Place, Position};
use crate::limits::MAX_COUNTER;
use crate::name::Name;

/// A field at its place.
#[derive(Clone, Copy)]
pub(super) struct Field<'p> {
    pub position: &'p Position,
    pub index: Option<usize>,
    pub name: &'static str,
}

impl<'p> Field<'p> {
    /// Reads a [`Name`].
    pub fn name(self) -> Seed<'p, NameVisitor> {
        Seed { field: self, visitor: NameVisitor }
    }

    /// Reads an integer from 0 to `max`.
    pub fn integer(self, max: u64) -> Seed<'p, IntegerVisitor> {
        Seed { field: self, visitor: IntegerVisitor { min: 0, max } }
    }

    /// Reads an integer from 1 to [`MAX_COUNTER`].
    pub fn ordinal(self) -> Seed<'p, IntegerVisitor> {
        Seed { field: self, visitor: IntegerVisitor { min: 1, max: MAX_COUNTER } }
    }

    /// Reads one of a few words: `parse` knows them, `expected` lists them.
    pub fn word<T>(
        self,
        parse: fn(&str) -> Option<T>,
        expected: &'static str,
    ) -> Seed<'p, WordVisitor<T>> {
        Seed { field: self, visitor: WordVisitor { parse, expected } }
    }

    /// An error that says what is wrong with the field as a whole.
    pub fn refuse<E: de::Error>(self, reason: impl fmt::Display) -> E {
        self.position.refuse(self.place(), reason)
    }

    fn place(self) -> Place {
        Place { index: self.index, field: Some(self.name) }
    }
}

/// Enters the field, then lets `visitor` take its value. Values of another type than the
/// visitor takes are refused by serde, with what the visitor expects.
pub(super) struct Seed<'p, V> {
    field: Field<'p>,
    visitor: V,
}

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Seed<'_, V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.field.position.enter(self.field.place());
        deserializer.deserialize_any(self.visitor)
    }
}

pub(super) struct NameVisitor;

impl NameVisitor {
    fn check<'de, E: de::Error>(text: Cow<'de, str>) -> Result<Name<'de>, E> {
        Name::new(text).map_err(E::custom)
    }
}

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Name<'de>, E> {
        Self::check(Cow::Borrowed(text))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Name<'de>, E> {
        Self::check(Cow::Owned(text.to_owned()))
    }
}

pub(super) struct IntegerVisitor {
    min: u64,
    max: u64,
}

impl Visitor<'_> for IntegerVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an integer from {} to {}", self.min, self.max)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<u64, E> {
        if (self.min..=self.max).contains(&value) {
            Ok(value)
        } else {
            Err(E::invalid_value(de::Unexpected::Unsigned(value), &self))
        }
    }
}

pub(super) struct WordVisitor<T> {
    parse: fn(&str) -> Option<T>,
    expected: &'static str,
}

impl<T> Visitor<'_> for WordVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

/// Reads the name of an object's next field, which must be one of `names`.
pub(super) struct FieldName<'p> {
    pub position: &'p Position,
    pub place: Place,
    pub names: &'static [&'static str],
}

impl<'de> DeserializeSeed<'de> for FieldName<'_> {
    type Value = &'static str;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<&'static str, D::Error> {
        self.position.enter(self.place);
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldName<'_> {
    type Value = &'static str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<&'static str, E> {
        self.names
            .iter()
            .find(|name| **name == text)
            .copied()
            .ok_or_else(|| E::unknown_field(text, self.names))
    }
}
