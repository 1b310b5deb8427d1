//! `Object` and `Field`: a walk over parsed JSON in which every error names the field by its path.

use std::fmt::Display;

use super::error::ConfigError;
use super::json::Json;
use crate::limits::MAX_TEXT_BYTES;

/// A JSON object whose fields are all known.
pub(super) struct Object<'j> {
    path: String,
    fields: &'j [(String, Json)],
}

/// A value at its path.
pub(super) struct Field<'j> {
    path: String,
    value: &'j Json,
}

impl<'j> Object<'j> {
    /// The field `name`, if it is given.
    pub fn optional(&self, name: &str) -> Option<Field<'j>> {
        let (_, value) = self.fields.iter().find(|(known, _)| known == name)?;
        Some(Field { path: join(&self.path, name), value })
    }

    /// The field `name`.
    pub fn required(&self, name: &str) -> Result<Field<'j>, ConfigError> {
        let missing = || invalid(join(&self.path, name), "is missing");
        self.optional(name).ok_or_else(missing)
    }

    /// The integer in the field `name`, within `range`, or `default`.
    pub fn integer(&self, name: &str, range: (u64, u64), default: u64) -> Result<u64, ConfigError> {
        self.optional(name).map_or(Ok(default), |field| field.integer(range))
    }

    /// The names of the fields that are given.
    pub fn names(&self) -> impl Iterator<Item = &'j str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }
}

impl<'j> Field<'j> {
    /// The whole configuration.
    pub fn root(value: &'j Json) -> Self {
        Self { path: String::new(), value }
    }

    /// The field's value.
    pub fn value(&self) -> &'j Json {
        self.value
    }

    /// The value as an object that has no other fields than `known`.
    pub fn object(&self, known: &'static [&'static str]) -> Result<Object<'j>, ConfigError> {
        let Json::Object(fields) = self.value else {
            return Err(self.expected("an object"));
        };
        match fields.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => Err(ConfigError::Unknown { path: join(&self.path, name), known }),
            None => Ok(Object { path: self.path.clone(), fields }),
        }
    }

    /// The elements of a non-empty array.
    pub fn elements(&self) -> Option<impl Iterator<Item = Self>> {
        let Json::List(list) = self.value else { return None };
        let element = |(index, value)| Self { path: format!("{}[{index}]", self.path), value };
        (!list.is_empty()).then(|| list.iter().enumerate().map(element))
    }

    /// The value as an integer within `range`.
    pub fn integer(&self, (min, max): (u64, u64)) -> Result<u64, ConfigError> {
        match self.value {
            Json::Integer(value) => {
                u64::try_from(*value).ok().filter(|value| (min..=max).contains(value))
            }
            _ => None,
        }
        .ok_or_else(|| self.expected(format_args!("an integer from {min} to {max}")))
    }

    /// The value as one of a few words: `parse` knows them, `expected` lists them.
    pub fn word<T>(
        &self,
        parse: impl Fn(&str) -> Option<T>,
        expected: &str,
    ) -> Result<T, ConfigError> {
        self.any_text().and_then(parse).ok_or_else(|| self.expected(expected))
    }

    /// The value as text, not empty and not longer than [`MAX_TEXT_BYTES`].
    pub fn text(&self) -> Result<&'j str, ConfigError> {
        let text = self.any_text().filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| self.expected("a non-empty string"))?;
        if text.len() > MAX_TEXT_BYTES {
            return Err(self.refuse(format_args!("must be at most {MAX_TEXT_BYTES} bytes")));
        }
        Ok(text)
    }

    /// The value as text that may stand in an HTTP header: visible ASCII, no spaces.
    /// The error does not repeat the text, which may be secret.
    pub fn header_text(&self) -> Result<&'j str, ConfigError> {
        let visible = |text: &&str| {
            !text.is_empty()
                && text.len() <= MAX_TEXT_BYTES
                && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let reason = "must be a non-empty string of visible ASCII characters without spaces";
        self.any_text().filter(visible).ok_or_else(|| self.refuse(reason))
    }

    /// An error about this field.
    pub fn refuse(&self, reason: impl Display) -> ConfigError {
        invalid(self.path.clone(), reason)
    }

    /// An error that says what the field must be, and what it is.
    pub fn expected(&self, what: impl Display) -> ConfigError {
        self.refuse(format_args!("must be {what}, not {}", self.value))
    }

    fn any_text(&self) -> Option<&'j str> {
        match self.value {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }
}

fn invalid(path: String, reason: impl Display) -> ConfigError {
    ConfigError::Invalid { path, reason: reason.to_string() }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
