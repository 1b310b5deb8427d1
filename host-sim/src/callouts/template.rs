//! Text with holes: `${body.a.b}` stands for a field of the JSON body of the request. It lets a
//! canned answer echo what a real server would have echoed.

use serde::Deserialize;
use serde_json::Value;

/// A text with holes, checked when it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A path into the JSON body.
    Field(Vec<String>),
}

/// Why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The text ends inside of a hole.
    #[error("`${{` without `}}`")]
    Open,
    /// A hole that is not `${body.field}`.
    #[error("`${{{0}}}` is not of the form `${{body.field}}`")]
    Unknown(String),
}

impl TryFrom<String> for Template {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or(TemplateError::Open)?;
            let path = name.strip_prefix("body.").filter(|path| !path.is_empty());
            let path = path.ok_or_else(|| TemplateError::Unknown(name.to_owned()))?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Field(path.split('.').map(str::to_owned).collect()));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }
}

impl Template {
    /// Fills the holes from a JSON body. A field that is not there becomes `null`; text is
    /// escaped as inside of a JSON string, but not quoted.
    #[must_use]
    pub fn render(&self, body: &[u8]) -> String {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Field(path) => field(&body, path),
        });
        parts.collect()
    }
}

fn field(body: &Value, path: &[String]) -> String {
    let found = path.iter().try_fold(body, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        other => other.get(name),
    });
    let text = found.unwrap_or(&Value::Null).to_string();
    match found {
        Some(Value::String(_)) => {
            let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            inside.unwrap_or(&text).to_owned()
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str, body: &str) -> String {
        Template::try_from(template.to_owned()).unwrap().render(body.as_bytes())
    }

    #[test]
    fn fields_fill_the_holes() {
        let body = r#"{"id":"a\"b","n":7,"in":{"list":[1,{"x":true}]}}"#;
        assert_eq!(render(r#"{"i":"${body.id}","n":${body.n}}"#, body), r#"{"i":"a\"b","n":7}"#);
        assert_eq!(render("${body.in.list.1.x}${body.none}", body), "truenull");
        assert_eq!(render("${body.id}", "not json"), "null");
        assert_eq!(render("plain", body), "plain");
        assert_eq!(render("${body.q}", r#"{"q":"\"\""}"#), r#"\"\""#);
    }

    #[test]
    fn other_holes_are_refused() {
        let error = |text: &str| Template::try_from(text.to_owned()).unwrap_err();
        assert_eq!(error("${body.x"), TemplateError::Open);
        assert_eq!(error("${header.x}"), TemplateError::Unknown("header.x".into()));
        assert_eq!(error("${body.}"), TemplateError::Unknown("body.".into()));
    }
}
