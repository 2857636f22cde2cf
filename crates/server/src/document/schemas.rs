//! Schemas as JSON, as both documents have them.

use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};

/// As JSON, in today's words.
pub(super) fn schema(schema: RefOr<Schema>) -> Value {
    let mut schema = serde_json::to_value(schema).expect("a schema is JSON");
    list_examples(&mut schema);
    schema
}

/// One `example` of a schema is an older way to write a list of `examples`.
pub(super) fn list_examples(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    if let Some(example) = fields.remove("example") {
        fields.insert("examples".into(), json!([example]));
    }
    for name in ["properties", "patternProperties"] {
        fields
            .get_mut(name)
            .and_then(Value::as_object_mut)
            .into_iter()
            .flat_map(Map::values_mut)
            .for_each(list_examples);
    }
    for name in ["items", "additionalProperties"] {
        fields.get_mut(name).into_iter().for_each(list_examples);
    }
    for name in ["oneOf", "anyOf", "allOf"] {
        fields.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten().for_each(list_examples);
    }
}
