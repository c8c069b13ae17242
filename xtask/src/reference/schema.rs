//! A JSON schema, of OpenAPI or of Kubernetes, in words for a table.

use serde_json::Value;

use super::one_line;

/// The kind of a value: a type, a list or map of one, one of a few words, a link to a schema with a heading.
pub fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_ascii_lowercase());
    }
    for (word, between) in [("oneOf", " or "), ("allOf", " with ")] {
        if let Some(parts) = schema[word].as_array() {
            return parts.iter().map(kind).collect::<Vec<_>>().join(between);
        }
    }
    if schema["properties"].is_object() && schema["description"].is_null() {
        // A part of another schema, without a place of its own.
        let fields = fields(schema).into_iter().map(|(name, field)| format!("`{name}` {}", kind(field)));
        return fields.collect::<Vec<_>>().join(", ");
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words.iter().map(code).collect();
        return words.join(", ");
    }
    match &schema["type"] {
        Value::Array(types) => {
            let each = types.iter().map(|one| {
                let mut single = schema.clone();
                single["type"] = one.clone();
                kind(&single)
            });
            each.collect::<Vec<_>>().join(" or ")
        }
        Value::String(name) => match (name.as_str(), schema["format"].as_str()) {
            ("array", _) => format!("list of {}", element(&schema["items"])),
            ("object", _) if schema["additionalProperties"].is_object() => {
                format!("map of {}", element(&schema["additionalProperties"]))
            }
            ("string", Some("date-time")) => "time".to_owned(),
            ("string", Some("uuid")) => "UUID".to_owned(),
            (name, _) => name.to_owned(),
        },
        _ => "anything".to_owned(),
    }
}

fn element(schema: &Value) -> String {
    let bounds = bounds(schema);
    let kind = if schema["properties"].is_object() { "object".to_owned() } else { kind(schema) };
    if bounds.is_empty() { kind } else { format!("{kind} ({bounds})") }
}

/// What bounds a value, or nothing.
pub fn bounds(schema: &Value) -> String {
    let mut said = Vec::new();
    for (low, high, of) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
        ("minProperties", "maxProperties", " entries"),
    ] {
        let (low, high) = (schema[low].as_f64(), schema[high].as_f64());
        match (low.filter(|low| *low > 0.0 || high.is_some()), high) {
            (Some(low), Some(high)) => said.push(format!("{low} to {high}{of}")),
            (Some(low), None) => said.push(format!("at least {low}{of}")),
            (None, Some(high)) => said.push(format!("at most {high}{of}")),
            (None, None) => {}
        }
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        said.push(format!("`{pattern}`"));
    }
    said.join(", ")
}

/// A value as code; an object with its keys in order.
pub fn code(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        value => format!("`{}`", crate::generate::sorted(value.clone())),
    }
}

/// Kind and bounds together.
pub fn takes(schema: &Value) -> String {
    [kind(schema), bounds(schema)]
        .iter()
        .filter(|part| !part.is_empty())
        .cloned()
        .collect::<Vec<_>>()
        .join(", ")
}

/// What it is for, in one line.
pub fn meaning(schema: &Value) -> String {
    one_line(schema["description"].as_str().unwrap_or_default())
}

/// The fields of an object in the order of their names.
pub fn fields(schema: &Value) -> Vec<(&String, &Value)> {
    let mut fields: Vec<_> = schema["properties"].as_object().into_iter().flatten().collect();
    fields.sort_by_key(|(name, _)| *name);
    fields
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_told_in_words() {
        for (schema, words) in [
            (json!({"type": "integer", "minimum": 1.0, "maximum": 100.0}), "integer, 1 to 100"),
            (json!({"type": ["integer", "null"], "minimum": 0}), "integer or null"),
            (
                json!({"type": "string", "maxLength": 5, "pattern": "^a|b$"}),
                "string, at most 5 characters, `^a|b$`",
            ),
            (json!({"enum": ["a", "b"], "type": "string"}), "`a`, `b`"),
            (
                json!({"type": "array", "items": {"$ref": "#/x/Key"}, "maxItems": 3}),
                "list of [Key](#key), at most 3 items",
            ),
            (
                json!({"type": "object", "additionalProperties": {"type": "string", "maxLength": 9}}),
                "map of string (at most 9 characters)",
            ),
            (
                json!({"allOf": [{"$ref": "#/x/Key"}, {"type": "object", "properties": {"kind": {"enum": ["key"]}}}]}),
                "[Key](#key) with `kind` `key`",
            ),
            (json!({"oneOf": [{"$ref": "#/x/Key"}, {"type": "null"}]}), "[Key](#key) or null"),
        ] {
            assert_eq!(takes(&schema), words);
        }
        assert_eq!(code(&json!({"b": 1, "a": [2]})), r#"`{"a":[2],"b":1}`"#);
    }
}
