//! The parts of a tree as serde asks for them: items, entries, variants. Each error on the way out
//! gets the name of the part.

use serde::{
    Deserializer,
    de::{
        self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
        Visitor,
    },
};

use super::ReadError;
use crate::scenario::node::{Key, Node};

pub(super) struct List<'de> {
    items: std::slice::Iter<'de, Node>,
    index: usize,
}

impl<'de> List<'de> {
    pub(super) fn new(items: &'de [Node]) -> Self {
        Self { items: items.iter(), index: 0 }
    }
}

impl<'de> SeqAccess<'de> for List<'de> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        seed.deserialize(item).map(Some).map_err(|error| error.inside(format!("[{index}]")))
    }
}

pub(super) struct Map<'de> {
    entries: std::slice::Iter<'de, (Key, Node)>,
    value: Option<&'de (Key, Node)>,
}

impl<'de> Map<'de> {
    pub(super) fn new(entries: &'de [(Key, Node)]) -> Self {
        Self { entries: entries.iter(), value: None }
    }
}

impl<'de> MapAccess<'de> for Map<'de> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadError> {
        let Some(entry) = self.entries.next() else { return Ok(None) };
        self.value = Some(entry);
        let key = entry.0.name.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|error: ReadError| error.or_at(entry.0.place))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let (key, value) =
            self.value.take().ok_or_else(|| de::Error::custom("a value without a key"))?;
        seed.deserialize(value).map_err(|error| error.or_at(value.place).inside(key.name.as_str()))
    }
}

pub(super) struct LineThenValue<'de> {
    node: &'de Node,
    step: u8,
}

impl<'de> LineThenValue<'de> {
    pub(super) fn new(node: &'de Node) -> Self {
        Self { node, step: 0 }
    }
}

impl<'de> SeqAccess<'de> for LineThenValue<'de> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        self.step += 1;
        match self.step {
            1 => seed.deserialize(self.node.place.line.into_deserializer()).map(Some),
            2 => seed.deserialize(self.node).map(Some),
            _ => Ok(None),
        }
    }
}

pub(super) struct Variant<'de> {
    pub(super) key: &'de Key,
    pub(super) content: &'de Node,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), ReadError> {
        let name = seed.deserialize(self.key.name.as_str().into_deserializer());
        Ok((name.map_err(|error: ReadError| error.or_at(self.key.place))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        let name = self.key.name.as_str();
        Err(ReadError::at(self.key.place, format!("`{name}` stands alone, without a colon")))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadError> {
        seed.deserialize(self.content)
            .map_err(|error| error.or_at(self.content.place).inside(self.key.name.as_str()))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.content.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.content.deserialize_any(visitor).map_err(|error| error.inside(self.key.name.as_str()))
    }
}
