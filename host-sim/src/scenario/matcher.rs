//! How a text must be: exactly so, or as `is`, `contains`, `regex` and `not` say together.

use std::{borrow::Cow, fmt};

use regex::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// How a text must be. Says nothing unless something is given.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    is: Option<String>,
    contains: Option<String>,
    regex: Option<Regex>,
    not: Option<Box<Matcher>>,
}

impl Matcher {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.is.is_none() && self.contains.is_none() && self.regex.is_none() && self.not.is_none()
    }

    /// Whether a text is so.
    #[must_use]
    pub fn holds(&self, text: &str) -> bool {
        self.is.as_ref().is_none_or(|is| is == text)
            && self.contains.as_ref().is_none_or(|part| text.contains(part.as_str()))
            && self.regex.as_ref().is_none_or(|regex| regex.is_match(text))
            && self.not.as_ref().is_none_or(|not| !not.holds(text))
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.is.as_ref().map(|is| format!("{is:?}")));
        parts.extend(self.contains.as_ref().map(|part| format!("a text with {part:?}")));
        parts.extend(self.regex.as_ref().map(|regex| format!("a text that matches /{regex}/")));
        parts.extend(self.not.as_ref().map(|not| format!("not {not}")));
        match parts.is_empty() {
            true => f.write_str("any text"),
            false => f.write_str(&parts.join(" and ")),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parts {
    /// It is this text.
    #[serde(default)]
    is: Option<String>,
    /// It has this text in it.
    #[serde(default)]
    contains: Option<String>,
    /// This regular expression matches somewhere in it.
    #[serde(default)]
    regex: Option<String>,
    /// It is not so.
    #[serde(default)]
    not: Option<Matcher>,
}

impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MatcherVisitor)
    }
}

struct MatcherVisitor;

impl<'de> Visitor<'de> for MatcherVisitor {
    type Value = Matcher;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a mapping with is, contains, regex or not")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Matcher, E> {
        Ok(Matcher { is: Some(text.to_owned()), ..Matcher::default() })
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Matcher, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Matcher, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Matcher, E> {
        self.visit_str(if value { "true" } else { "false" })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Matcher, A::Error> {
        let Parts { is, contains, regex, not } =
            Parts::deserialize(MapAccessDeserializer::new(map))?;
        let compile = |text: String| {
            Regex::new(&text).map_err(|error| de::Error::custom(format!("`{text}`: {error}")))
        };
        let regex = regex.map(compile).transpose()?;
        let matcher = Matcher { is, contains, regex, not: not.map(Box::new) };
        match matcher.is_any() {
            true => Err(de::Error::custom("one of is, contains, regex, not is wanted")),
            false => Ok(matcher),
        }
    }
}

impl JsonSchema for Matcher {
    fn schema_name() -> Cow<'static, str> {
        "Matcher".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let parts = generator.subschema_for::<Parts>();
        json_schema!({
            "description": "How a text must be: exactly so, or as the fields say together.",
            "anyOf": [{ "type": ["string", "integer", "boolean"] }, parts]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::node::Node;

    fn matcher(yaml: &str) -> Matcher {
        Matcher::deserialize(&Node::parse(yaml).unwrap()).unwrap()
    }

    #[test]
    fn all_that_is_said_must_hold() {
        assert!(matcher("abc").holds("abc") && !matcher("abc").holds("abcd"));
        assert!(matcher("200").holds("200"));
        let both = matcher("{contains: a, not: {regex: '^b'}}");
        assert!(both.holds("xa") && !both.holds("ba") && !both.holds("x"));
        assert_eq!(both.to_string(), "a text with \"a\" and not a text that matches /^b/");
        assert!(matcher("{not: abc}").holds("abcd") && !matcher("{not: abc}").holds("abc"));
    }

    #[test]
    fn what_is_no_matcher_says_why() {
        for (yaml, why) in [
            ("{}", "one of is, contains"),
            ("{regex: '('}", "unclosed group"),
            ("{equals: x}", "unknown field `equals`"),
            ("[a]", "a text, or a mapping"),
        ] {
            let error = Matcher::deserialize(&Node::parse(yaml).unwrap()).unwrap_err().to_string();
            assert!(error.contains(why), "{yaml}: {error}");
        }
    }
}
