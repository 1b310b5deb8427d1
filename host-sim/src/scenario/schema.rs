//! The JSON Schema of scenario files, made from the very types that read them, for editors.

use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::SchemaSettings,
    json_schema,
    transform::{Transform, transform_subschemas},
};
use serde_json::{Value, json};

use super::{
    Scenario,
    reader::Placed,
    step::{Repeat, Step},
};

/// The schema of a file.
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(AllowParameters);
    let mut schema = settings.into_generator().into_root_schema_for::<Scenario>().to_value();
    if let Some(properties) = schema.pointer_mut("/properties").and_then(Value::as_object_mut) {
        properties.insert(
            "parameters".to_owned(),
            json!({
                "description": "Names with their usual values; `${name}` stands for the value, \
                    and `--set name=value` changes it.",
                "type": "object"
            }),
        );
        properties.insert(
            "cases".to_owned(),
            json!({
                "description": "The scenario runs once for each: a mapping of names to values, \
                    in which `name` is what the case is called.",
                "type": "array",
                "minItems": 1,
                "items": { "type": "object" }
            }),
        );
    }
    schema
}

/// Where a number or a truth value is wanted, `${name}` can stand for it.
#[derive(Clone, Debug)]
struct AllowParameters;

impl Transform for AllowParameters {
    fn transform(&mut self, schema: &mut Schema) {
        // What is inside first: what is added must not be changed again.
        transform_subschemas(self, schema);
        allow_parameter(schema);
    }
}

fn allow_parameter(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    let is_scalar = match object.get("type") {
        Some(Value::String(name)) => is_scalar(name),
        Some(Value::Array(names)) => {
            names.iter().any(|name| name.as_str().is_some_and(is_scalar))
                && !names.iter().any(|name| name == "string")
        }
        _ => false,
    };
    if !is_scalar {
        return;
    }
    let description = object.remove("description");
    let plain = Value::Object(std::mem::take(object));
    if let Some(description) = description {
        object.insert("description".to_owned(), description);
    }
    let parameter = json!({ "type": "string", "pattern": r"^\$\{[A-Za-z0-9_-]+\}$" });
    object.insert("oneOf".to_owned(), json!([plain, parameter]));
}

fn is_scalar(name: &str) -> bool {
    matches!(name, "integer" | "number" | "boolean")
}

impl JsonSchema for Repeat {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Repeat".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let steps = generator.subschema_for::<Vec<Placed<Step>>>();
        json_schema!({
            "description": "Steps that happen several times.",
            "type": "object",
            "additionalProperties": false,
            "required": ["steps"],
            "oneOf": [{ "required": ["times"] }, { "required": ["each"] }],
            "properties": {
                "times": { "description": "How often.", "type": "integer", "minimum": 0 },
                "each": {
                    "description": "Once for each: names with their values, for `${name}`.",
                    "type": "array",
                    "items": { "type": "object" }
                },
                "index": {
                    "description": "The name of the number of the round, from 0, for `${name}`.",
                    "type": "string"
                },
                "steps": steps
            }
        })
    }
}
