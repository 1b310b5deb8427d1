//! A chunk of a body, as scenarios write it: `100` for so many zero bytes, `"text"`, or a mapping
//! that also says when it comes.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::scalar::Span;

/// A chunk of a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// How many zero bytes.
    pub bytes: u64,
    /// What instead of zero bytes.
    pub text: Option<String>,
    /// How long after what came before, in nanoseconds.
    pub after_ns: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Timed {
    /// How many zero bytes.
    #[serde(default)]
    bytes: u64,
    /// What instead of zero bytes.
    #[serde(default)]
    text: Option<String>,
    /// How long after what came before.
    #[serde(default)]
    after: Span,
}

impl<'de> Deserialize<'de> for Chunk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ChunkVisitor)
    }
}

struct ChunkVisitor;

impl<'de> Visitor<'de> for ChunkVisitor {
    type Value = Chunk;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of bytes, a text, or a mapping with bytes or text, and after")
    }

    fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Chunk, E> {
        Ok(Chunk { bytes, ..Chunk::default() })
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Chunk, E> {
        Ok(Chunk { text: Some(text.to_owned()), ..Chunk::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Chunk, A::Error> {
        let Timed { bytes, text, after } = Timed::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Chunk { bytes, text, after_ns: after.0 })
    }
}

impl JsonSchema for Chunk {
    fn schema_name() -> Cow<'static, str> {
        "Chunk".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let timed = generator.subschema_for::<Timed>();
        json_schema!({
            "description": "A chunk of a body: so many zero bytes, a text, or one that is timed.",
            "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string" }, timed]
        })
    }
}
