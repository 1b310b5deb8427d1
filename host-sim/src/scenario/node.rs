//! A YAML document as a tree whose values know where they stand, so that an error can say so.
//! Turning the tree into types is left to `reader`, filling in parameters to `expand`.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{Location, Spanned};

/// Where a value stands in the file; both are counted from 1, and 0 where there is no file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Self { line: small(location.line()), column: small(location.column()) }
    }
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) tree: Tree,
}

/// A key and its place.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) place: Place,
    pub(crate) name: String,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Integer(i64),
    /// Too large for the above.
    Large(u64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

impl Node {
    /// Reads a document.
    pub(crate) fn parse(text: &str) -> Result<Self, serde_saphyr::Error> {
        let options = serde_saphyr::options! {
            // What looks like a text to people, such as 007, stays one.
            leading_zero_numbers_as_strings: true,
            underscored_numbers_as_strings: true,
            // So do yes, no, on, off, y and n, which YAML 1.1 took for truth values.
            strict_booleans: true,
            with_snippet: false,
        };
        serde_saphyr::from_str_with_options(text, options)
    }

    /// The value of a key of a mapping.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Tree::Map(entries) = &self.tree else { return None };
        entries.iter().find(|(key, _)| key.name == name).map(|(_, value)| value)
    }
}

impl fmt::Display for Tree {
    /// A scalar as text would have it; of the others only what they are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Large(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::List(_) => f.write_str("a list"),
            Self::Map(_) => f.write_str("a mapping"),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::<Tree>::deserialize(deserializer)?;
        Ok(Self { place: referenced.into(), tree: value })
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of YAML")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Integer(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Tree, E> {
        Ok(i64::try_from(value).map_or(Tree::Large(value), Tree::Integer))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let key = Key { place: key.referenced.into(), name: key.value };
            entries.push((key, map.next_value()?));
        }
        Ok(Tree::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_where_they_stand() {
        let node = Node::parse("a: 1\nb:\n  - {c: x}\n  - 007\nd: 18446744073709551615\n").unwrap();
        let Some(Node { tree: Tree::List(items), .. }) = node.get("b") else { panic!("{node:?}") };
        assert_eq!(items[0].get("c").unwrap().place, Place { line: 3, column: 9 });
        assert!(matches!(&items[1].tree, Tree::Text(text) if text == "007"), "{items:?}");
        let Tree::Map(entries) = &node.tree else { panic!("{node:?}") };
        assert_eq!(entries[1].0.place, Place { line: 2, column: 1 });
        assert!(matches!(node.get("d").unwrap().tree, Tree::Large(u64::MAX)));
        assert!(matches!(node.get("a").unwrap().tree, Tree::Integer(1)));
    }

    #[test]
    fn only_true_and_false_are_truth_values() {
        for text in ["yes", "no", "on", "off", "y", "n"] {
            let tree = Node::parse(text).unwrap().tree;
            assert!(matches!(&tree, Tree::Text(found) if found == text), "{text}: {tree:?}");
        }
        assert!(matches!(Node::parse("true").unwrap().tree, Tree::Bool(true)));
    }

    #[test]
    fn a_key_stands_once() {
        let error = Node::parse("a: 1\na: 2\n").unwrap_err().to_string();
        assert!(error.contains("duplicate"), "{error}");
    }
}
