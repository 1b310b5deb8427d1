//! `Template`: how a name is put together from fields, as in `{service_account}.{namespace}`.

use super::error::ConfigError;
use super::object::Field;

/// Text and fields in turn. At least one field is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(String),
}

impl Template {
    /// The template of one field.
    pub fn field(name: &str) -> Self {
        Self(vec![Piece::Field(name.to_owned())])
    }

    /// The template of two fields with a dot between them.
    pub fn dotted(first: &str, second: &str) -> Self {
        let [first, second] = [first, second].map(|name| Piece::Field(name.to_owned()));
        Self(vec![first, Piece::Text(".".to_owned()), second])
    }

    /// Reads a template whose fields are all of `known`. A text without braces is a field's name.
    pub(super) fn read(field: &Field<'_>, known: &[&str]) -> Result<Self, ConfigError> {
        let text = field.text()?;
        let pieces = if text.contains(['{', '}']) {
            pieces(text).ok_or_else(|| field.expected("a template like \"{a}.{b}\""))?
        } else {
            vec![Piece::Field(text.to_owned())]
        };
        let template = Self(pieces);
        if let Some(name) = template.fields().find(|name| !known.contains(name)) {
            let known = known.join(", ");
            return Err(field.refuse(format_args!("has no field {name:?} (known: {known})")));
        }
        Ok(template)
    }

    /// The text, with every field's value in its place; none if a field has no value.
    pub fn fill(&self, mut value: impl FnMut(&str) -> Option<String>) -> Option<String> {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Field(name) => out.push_str(&value(name).filter(|text| !text.is_empty())?),
            }
        }
        Some(out)
    }

    fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Field(name) => Some(name.as_str()),
        })
    }
}

fn pieces(mut text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    while let Some((before, rest)) = text.split_once('{') {
        let (name, after) = rest.split_once('}')?;
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Field(name.to_owned()));
        text = after;
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
    let is_stray = |piece: &Piece| match piece {
        Piece::Text(text) => text.contains('}'),
        Piece::Field(name) => name.is_empty() || name.contains('{'),
    };
    let has_field = pieces.iter().any(|piece| matches!(piece, Piece::Field(_)));
    (has_field && !pieces.iter().any(is_stray)).then_some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(template: &str) -> Option<String> {
        let value = |name: &str| match name {
            "a" => Some("x".to_owned()),
            "empty" => Some(String::new()),
            _ => None,
        };
        Template(pieces(template)?).fill(value)
    }

    #[test]
    fn fields_are_put_in_their_places() {
        assert_eq!(fill("{a}").as_deref(), Some("x"));
        assert_eq!(fill("ns/{a}-{a}/end").as_deref(), Some("ns/x-x/end"));
    }

    #[test]
    fn without_a_value_there_is_no_name() {
        assert_eq!(fill("{a}.{b}"), None);
        assert_eq!(fill("{a}.{empty}"), None);
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for text in ["", "a", "{", "}", "{}", "{a", "a}", "{a}}", "{{a}}", "x{a}y}z"] {
            assert_eq!(pieces(text), None, "{text}");
        }
    }
}
