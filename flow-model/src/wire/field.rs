//! Typed fields: they say which field of which flow is read, so that a wrong value is reported
//! by name.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Visitor};

use super::error::{Place, Position, Seed};
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
    /// A field of the message itself, not of a flow in it.
    pub fn of_message(position: &'p Position, name: &'static str) -> Self {
        Self { position, index: None, name }
    }

    /// Reads a [`Name`].
    pub fn name(self) -> Seed<'p, NameVisitor> {
        self.read(NameVisitor)
    }

    /// Reads an integer from 0 to `max`.
    pub fn integer(self, max: u64) -> Seed<'p, IntegerVisitor> {
        self.read(IntegerVisitor { min: 0, max })
    }

    /// Reads an integer from 1 to [`MAX_COUNTER`].
    pub fn ordinal(self) -> Seed<'p, IntegerVisitor> {
        self.read(IntegerVisitor { min: 1, max: MAX_COUNTER })
    }

    /// Reads `true` or `false`.
    pub fn flag(self) -> Seed<'p, FlagVisitor> {
        self.read(FlagVisitor)
    }

    /// Reads one of a few words: `parse` knows them, `expected` lists them.
    pub fn word<T>(
        self,
        parse: fn(&str) -> Option<T>,
        expected: &'static str,
    ) -> Seed<'p, WordVisitor<T>> {
        self.read(WordVisitor { parse, expected })
    }

    fn read<V>(self, visitor: V) -> Seed<'p, V> {
        self.position.seed(self.place(), visitor)
    }

    /// An error that says what is wrong with the field as a whole.
    pub fn refuse<E: de::Error>(self, reason: impl fmt::Display) -> E {
        self.position.refuse(self.place(), reason)
    }

    fn place(self) -> Place {
        Place { index: self.index, field: Some(self.name) }
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

pub(super) struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<bool, E> {
        Ok(value)
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

/// Reads the name of an object's next field, which must be one of these.
pub(super) struct FieldName(pub &'static [&'static str]);

impl Visitor<'_> for FieldName {
    type Value = &'static str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<&'static str, E> {
        self.0
            .iter()
            .find(|name| **name == text)
            .copied()
            .ok_or_else(|| E::unknown_field(text, self.0))
    }
}
