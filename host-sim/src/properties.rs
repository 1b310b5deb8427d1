//! Trees of properties and the bytes in which a guest reads them. When a property is there at all
//! is left to `availability`; what a stream adds of its own, to `stream`.

pub(crate) mod availability;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    abi::Status,
    pairs::{self, Pair},
};

/// One value of the tree.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PropertyValue {
    /// Text, given to the guest as it is.
    Text(String),
    /// An integer: 8 bytes, little-endian.
    Integer(i64),
    /// A floating-point number: 8 bytes, little-endian.
    Number(f64),
    /// A truth value: one byte.
    Bool(bool),
    /// Values by number: readable one by one, or as serialised pairs whose values are empty.
    List(Vec<PropertyValue>),
    /// Named values: readable one by one, or as serialised pairs.
    Tree(Properties),
}

/// Why a value cannot be a property.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PropertyError {
    /// A list has no gaps.
    #[error("property `{0}` is a list with a null in it")]
    Null(String),
    /// Properties are named.
    #[error("properties must be a mapping")]
    NotAMapping,
    /// Integers have 64 bits and a sign.
    #[error("property `{0}` is outside the 64-bit integers")]
    Integer(String),
}

/// A tree of properties. A name that is mapped to null is absent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Properties(BTreeMap<String, Option<PropertyValue>>);

impl TryFrom<Value> for Properties {
    type Error = PropertyError;

    fn try_from(value: Value) -> Result<Self, PropertyError> {
        let Value::Object(entries) = value else { return Err(PropertyError::NotAMapping) };
        let entries = entries.into_iter().map(|(name, value)| {
            let value = property_value(&name, value)?;
            Ok((name, value))
        });
        Ok(Self(entries.collect::<Result<_, _>>()?))
    }
}

fn property_value(name: &str, value: Value) -> Result<Option<PropertyValue>, PropertyError> {
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::Bool(value) => PropertyValue::Bool(value),
        Value::String(value) => PropertyValue::Text(value),
        Value::Object(_) => PropertyValue::Tree(value.try_into()?),
        Value::Array(values) => {
            let item = |value| {
                property_value(name, value)?.ok_or_else(|| PropertyError::Null(name.to_owned()))
            };
            PropertyValue::List(values.into_iter().map(item).collect::<Result<_, _>>()?)
        }
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => PropertyValue::Integer(integer),
            (None, Some(float)) if number.is_f64() => PropertyValue::Number(float),
            _ => return Err(PropertyError::Integer(name.to_owned())),
        },
    }))
}

impl Properties {
    /// No properties.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts `value` at `path`, making the trees on the way; what stood there is replaced.
    #[must_use]
    pub fn with(mut self, path: &[&str], value: impl Into<PropertyValue>) -> Self {
        self.insert(path, value.into());
        self
    }

    /// Puts `value` at `path`, as [`Properties::with`] does. An empty path changes nothing.
    pub fn insert(&mut self, path: &[&str], value: PropertyValue) {
        let Some((name, rest)) = path.split_first() else { return };
        if rest.is_empty() {
            self.0.insert((*name).to_owned(), Some(value));
            return;
        }
        let slot = self.0.entry((*name).to_owned()).or_default();
        if !matches!(slot, Some(PropertyValue::Tree(_))) {
            *slot = Some(PropertyValue::Tree(Self::new()));
        }
        if let Some(PropertyValue::Tree(tree)) = slot {
            tree.insert(rest, value);
        }
    }

    /// Lays `other` over this tree: its values win, trees are merged, nulls take away.
    pub fn merge(&mut self, other: Self) {
        for (name, value) in other.0 {
            match (self.0.get_mut(&name), value) {
                (Some(Some(PropertyValue::Tree(old))), Some(PropertyValue::Tree(new))) => {
                    old.merge(new);
                }
                (_, value) => {
                    self.0.insert(name, value);
                }
            }
        }
    }

    /// The value at `path`, if there is one.
    #[must_use]
    pub fn get(&self, path: &[&str]) -> Option<&PropertyValue> {
        let (name, rest) = path.split_first()?;
        self.0.get(*name)?.as_ref()?.get(rest)
    }

    /// This tree as Envoy keeps metadata: a protobuf Struct, whose numbers are all doubles.
    #[must_use]
    pub fn into_struct(self) -> Self {
        Self(self.0.into_iter().map(|(name, value)| (name, value.map(as_struct_value))).collect())
    }
}

#[expect(clippy::cast_precision_loss, reason = "Envoy's metadata loses it too")]
fn as_struct_value(value: PropertyValue) -> PropertyValue {
    match value {
        PropertyValue::Integer(integer) => PropertyValue::Number(integer as f64),
        PropertyValue::List(values) => {
            PropertyValue::List(values.into_iter().map(as_struct_value).collect())
        }
        PropertyValue::Tree(tree) => PropertyValue::Tree(tree.into_struct()),
        other => other,
    }
}

impl PropertyValue {
    /// The value at `path` below this one.
    fn get(&self, path: &[&str]) -> Option<&Self> {
        match (self, path) {
            (value, []) => Some(value),
            (Self::Tree(tree), path) => tree.get(path),
            (Self::List(values), [number, rest @ ..]) => {
                values.get(number.parse::<usize>().ok()?)?.get(rest)
            }
            _ => None,
        }
    }

    /// The bytes that a guest reads.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Status> {
        Ok(match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Integer(integer) => integer.to_le_bytes().to_vec(),
            Self::Number(number) => number.to_le_bytes().to_vec(),
            Self::Bool(value) => vec![u8::from(*value)],
            Self::List(values) => {
                let pairs = values.iter().map(|value| Ok((value.to_bytes()?, Vec::new())));
                let pairs = pairs.collect::<Result<Vec<Pair>, Status>>()?;
                pairs::serialize(&pairs).map_err(|_| Status::SerializationFailure)?
            }
            Self::Tree(tree) => {
                let present = tree.0.iter().filter_map(|(name, v)| Some((name, v.as_ref()?)));
                let pairs = present
                    .map(|(name, value)| Ok((name.clone().into_bytes(), value.to_bytes()?)))
                    .collect::<Result<Vec<Pair>, Status>>()?;
                pairs::serialize(&pairs).map_err(|_| Status::SerializationFailure)?
            }
        })
    }
}

impl From<&str> for PropertyValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for PropertyValue {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree(value: Value) -> Properties {
        value.try_into().unwrap()
    }

    #[test]
    fn values_become_the_bytes_that_envoy_gives() {
        let tree = tree(json!({"i": -2, "f": 0.5, "t": "text", "b": true, "m": {"k": "v"}}));
        let bytes = |name| tree.get(&[name]).unwrap().to_bytes().unwrap();
        assert_eq!(bytes("i"), (-2_i64).to_le_bytes());
        assert_eq!(bytes("f"), 0.5_f64.to_le_bytes());
        assert_eq!(bytes("t"), b"text");
        assert_eq!(bytes("b"), [1]);
        assert_eq!(bytes("m"), pairs::serialize(&[("k".into(), "v".into())]).unwrap());
    }

    #[test]
    fn paths_lead_into_the_tree_and_no_further() {
        let tree = tree(json!({"a": {"b": "x", "gone": null}}));
        assert_eq!(tree.get(&["a", "b"]), Some(&"x".into()));
        for path in [&["a", "b", "c"][..], &["a", "gone"], &["b"], &[]] {
            assert_eq!(tree.get(path), None, "{path:?}");
        }
    }

    #[test]
    fn lists_are_read_by_number_or_as_names_without_values() {
        let tree = tree(json!({"l": ["x", {"k": "v"}]}));
        assert_eq!(tree.get(&["l", "0"]), Some(&"x".into()));
        assert_eq!(tree.get(&["l", "1", "k"]), Some(&"v".into()));
        for path in [&["l", "2"][..], &["l", "-1"], &["l", "x"], &["l", "0", "0"]] {
            assert_eq!(tree.get(path), None, "{path:?}");
        }
        let inner = pairs::serialize(&[("k".into(), "v".into())]).unwrap();
        let list = pairs::serialize(&[("x".into(), vec![]), (inner, vec![])]).unwrap();
        assert_eq!(tree.get(&["l"]).unwrap().to_bytes().unwrap(), list);
    }

    #[test]
    fn merging_keeps_what_is_not_named() {
        let mut base = tree(json!({"a": {"b": 1, "c": 2}, "d": 3}));
        base.merge(tree(json!({"a": {"b": 9}, "d": null, "e": {"f": 4}})));
        assert_eq!(base.get(&["a", "b"]), Some(&9.into()));
        assert_eq!(base.get(&["a", "c"]), Some(&2.into()));
        assert_eq!(base.get(&["d"]), None);
        assert_eq!(base.get(&["e", "f"]), Some(&4.into()));
    }

    #[test]
    fn what_cannot_be_a_property_is_named() {
        let error = Properties::try_from(json!({"a": {"b": [1, null]}})).unwrap_err();
        assert_eq!(error, PropertyError::Null("b".into()));
        let error = Properties::try_from(json!({"a": u64::MAX})).unwrap_err();
        assert_eq!(error, PropertyError::Integer("a".into()));
    }

    #[test]
    fn metadata_has_only_doubles() {
        let metadata = tree(json!({"port": 80, "in": {"n": 1}})).into_struct();
        assert_eq!(metadata.get(&["port"]), Some(&PropertyValue::Number(80.0)));
        assert_eq!(metadata.get(&["in", "n"]), Some(&PropertyValue::Number(1.0)));
    }
}
