//! Reads types from a tree by serde, and gives each error its path and its place.

mod access;

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, IntoDeserializer, SeqAccess, Unexpected, Visitor},
};

use super::node::{Node, Place, Tree};
use access::{LineThenValue, List, Map, Variant};

/// By this name the reader knows that the place of a value is wanted too.
const PLACED: &str = "$host_sim::Placed";

/// What is wrong in a scenario, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The names that lead to the value, the innermost first.
    path: Vec<String>,
    place: Option<Place>,
    reason: String,
}

impl ReadError {
    pub(crate) fn at(place: Place, reason: impl Into<String>) -> Self {
        Self { path: Vec::new(), place: Some(place), reason: reason.into() }
    }

    /// The error, seen from one level further out.
    pub(crate) fn inside(mut self, name: impl Into<String>) -> Self {
        self.path.push(name.into());
        self
    }

    /// Whether it says where it is.
    pub(crate) fn has_place(&self) -> bool {
        self.place.is_some_and(|place| place.line > 0)
    }

    fn or_at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for name in self.path.iter().rev() {
            if !path.is_empty() && !name.starts_with('[') {
                path.push('.');
            }
            path.push_str(name);
        }
        path
    }
}

impl fmt::Display for ReadError {
    /// `LINE:COLUMN: PATH: REASON`, to stand behind the name of a file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place { line, column }) = self.place.filter(|place| place.line > 0) {
            write!(f, "{line}:{column}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path())?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { path: Vec::new(), place: None, reason: message.to_string() }
    }
}

/// A value that remembers its line.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    /// The line in the file, from 1.
    pub line: u32,
    /// The value.
    pub value: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Placed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(PLACED, PlacedVisitor(std::marker::PhantomData))
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for Placed<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}

struct PlacedVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PlacedVisitor<T> {
    type Value = Placed<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Self::Value, A::Error> {
        let line = pair.next_element()?.unwrap_or_default();
        let value = pair.next_element()?.ok_or_else(|| de::Error::custom("no value"))?;
        Ok(Placed { line, value })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
        T::deserialize(inner).map(|value| Placed { line: 0, value })
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let result = match &self.tree {
            Tree::Null => visitor.visit_unit(),
            Tree::Bool(value) => visitor.visit_bool(*value),
            Tree::Integer(value) => match u64::try_from(*value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_i64(*value),
            },
            Tree::Large(value) => visitor.visit_u64(*value),
            Tree::Float(value) => visitor.visit_f64(*value),
            Tree::Text(text) => visitor.visit_borrowed_str(text),
            Tree::List(items) => visitor.visit_seq(List::new(items)),
            Tree::Map(entries) => visitor.visit_map(Map::new(entries)),
        };
        result.map_err(|error: ReadError| error.or_at(self.place))
    }

    /// A whole number or a truth value is fine where text is wanted: `:status: 200`.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let text = match &self.tree {
            Tree::Integer(_) | Tree::Large(_) | Tree::Bool(_) => self.tree.to_string(),
            Tree::Float(_) => {
                let reason = "this number is not a text; put it in quotes";
                return Err(ReadError::at(self.place, reason));
            }
            _ => return self.deserialize_any(visitor),
        };
        visitor.visit_string(text).map_err(|error: ReadError| error.or_at(self.place))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.tree {
            Tree::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let one_of = || format!("one of {}", variants.join(", "));
        let result = match &self.tree {
            Tree::Text(name) => visitor.visit_enum(name.as_str().into_deserializer()),
            Tree::Map(entries) => match entries.as_slice() {
                [(key, content)] => visitor.visit_enum(Variant { key, content }),
                entries => {
                    let names: Vec<&str> = entries.iter().map(|(key, _)| &*key.name).collect();
                    let names = if names.is_empty() { "nothing".into() } else { names.join(", ") };
                    let reason = format!(
                        "a mapping with one name is wanted ({}); here is {names}",
                        one_of()
                    );
                    Err(de::Error::custom(reason))
                }
            },
            other => Err(de::Error::invalid_type(unexpected(other), &&*one_of())),
        };
        result.map_err(|error: ReadError| error.or_at(self.place))
    }

    /// Fields have names: a list of their values is not understood.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        if matches!(self.tree, Tree::Map(_)) {
            return self.deserialize_any(visitor);
        }
        let wanted = format!("a mapping with {}", fields.join(", "));
        let error: ReadError = de::Error::invalid_type(unexpected(&self.tree), &&*wanted);
        Err(error.or_at(self.place))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match name {
            PLACED => visitor.visit_seq(LineThenValue::new(self)),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

fn unexpected(tree: &Tree) -> Unexpected<'_> {
    match tree {
        Tree::Null => Unexpected::Unit,
        Tree::Bool(value) => Unexpected::Bool(*value),
        Tree::Integer(value) => Unexpected::Signed(*value),
        Tree::Large(value) => Unexpected::Unsigned(*value),
        Tree::Float(value) => Unexpected::Float(*value),
        Tree::Text(text) => Unexpected::Str(text),
        Tree::List(_) => Unexpected::Seq,
        Tree::Map(_) => Unexpected::Map,
    }
}
