//! A value against the definition's schema: every fault at once, each by the path of its field. The API server of a
//! cluster refuses the same; here the words say what to write instead.

use std::fmt;

use regex::Regex;
use serde_json::{Map, Value};

/// A manifest with more faults than this is not one with mistakes, it is something else.
const FAULTS_MAX: usize = 50;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Such as `spec.workers.maxReplicas`.
    pub path: String,
    /// What is wrong with it, and what it may be.
    pub words: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the manifest" } else { &self.path };
        write!(f, "{path}: {}", self.words)
    }
}

/// What is wrong with `value`, which stands at `path`.
pub(super) fn faults(schema: &Value, value: &Value, path: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    walk(schema, value, path, &mut faults);
    faults.truncate(FAULTS_MAX);
    faults
}

fn walk(schema: &Value, value: &Value, path: &str, faults: &mut Vec<Fault>) {
    let wanted = schema["type"].as_str().unwrap_or_default();
    let words = match (wanted, value) {
        ("object", Value::Object(fields)) => return object(schema, fields, path, faults),
        ("array", Value::Array(items)) => return array(schema, items, path, faults),
        ("string", Value::String(text)) => string(schema, text),
        ("integer", Value::Number(number)) if number.is_i64() => integer(schema, number.as_i64()),
        ("boolean", Value::Bool(_)) => None,
        _ => Some(format!("{} is here where {} is expected", given(value), expected(wanted))),
    };
    faults.extend(words.map(|words| Fault { path: path.to_owned(), words }));
}

fn object(schema: &Value, fields: &Map<String, Value>, path: &str, faults: &mut Vec<Fault>) {
    let mut fault = |name: &str, words: String| faults.push(Fault { path: below(path, name), words });
    for name in texts(&schema["required"]).filter(|name| !fields.contains_key(*name)) {
        fault(name, "is missing".to_owned());
    }
    if let Some(most) = schema["maxProperties"].as_u64().filter(|most| fields.len() as u64 > *most) {
        faults
            .push(Fault { path: path.to_owned(), words: format!("has {} entries, of {most}", fields.len()) });
    }
    let (known, any) = (schema["properties"].as_object(), &schema["additionalProperties"]);
    for (name, value) in fields {
        match known.and_then(|known| known.get(name)) {
            Some(schema) => walk(schema, value, &below(path, name), faults),
            None if any.is_object() => walk(any, value, &below(path, name), faults),
            None => {
                // An object of which the definition says nothing more: the API server's own `metadata`.
                let Some(known) = known else { continue };
                let names = listed(known.keys().map(String::as_str));
                let words = format!("there is no such field; here are {names}");
                faults.push(Fault { path: below(path, name), words });
            }
        }
    }
}

fn array(schema: &Value, items: &[Value], path: &str, faults: &mut Vec<Fault>) {
    if let Some(most) = schema["maxItems"].as_u64().filter(|most| items.len() as u64 > *most) {
        faults
            .push(Fault { path: path.to_owned(), words: format!("has {} entries, of {most}", items.len()) });
    }
    for (n, item) in items.iter().enumerate() {
        let path = format!("{path}[{n}]");
        if schema["x-kubernetes-list-type"] == "set" && items[..n].contains(item) {
            faults.push(Fault { path: path.clone(), words: "stands there twice".to_owned() });
        }
        walk(&schema["items"], item, &path, faults);
    }
}

fn string(schema: &Value, text: &str) -> Option<String> {
    if schema["enum"].is_array() {
        let known = texts(&schema["enum"]);
        return (!known.clone().any(|known| known == text))
            .then(|| format!("`{text}` is none of {}", listed(known)));
    }
    let length = text.chars().count() as u64;
    if let Some(least) = schema["minLength"].as_u64().filter(|least| length < *least) {
        return Some(format!("{text:?} has {length} characters, and {least} is the least"));
    }
    if let Some(most) = schema["maxLength"].as_u64().filter(|most| length > *most) {
        return Some(format!("has {length} characters, and {most} is the most"));
    }
    let pattern = schema["pattern"].as_str()?;
    let fits = Regex::new(pattern).is_ok_and(|regex| regex.is_match(text));
    (!fits).then(|| format!("{text:?} does not fit {pattern}"))
}

fn integer(schema: &Value, number: Option<i64>) -> Option<String> {
    // Bounds of a definition are floating-point numbers; those here are small, so that they are exact.
    #[expect(clippy::cast_possible_truncation, reason = "bounds of 32-bit fields")]
    let bound = |name: &str, otherwise: i32| {
        schema[name].as_f64().map_or_else(|| i64::from(otherwise), |bound| bound as i64)
    };
    let (least, most) = (bound("minimum", i32::MIN), bound("maximum", i32::MAX));
    let number = number.filter(|number| !(least..=most).contains(number))?;
    Some(format!("{number} is not within {least} to {most}"))
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> + Clone {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn given(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) => format!("text {text:?}"),
        other => format!("`{other}`"),
    }
}

fn expected(kind: &str) -> &'static str {
    match kind {
        "object" => "an object",
        "array" => "a list",
        "integer" => "a whole number",
        "boolean" => "true or false",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_fault_is_named_with_its_path_in_one_go() {
        let schema = json!({"type": "object", "required": ["host", "name"], "properties": {
            "host": {"type": "string", "maxLength": 8, "pattern": "^[a-z]+$"},
            "name": {"type": "string", "minLength": 2},
            "mode": {"type": "string", "enum": ["On", "Off"]},
            "count": {"type": "integer", "minimum": 1.0, "maximum": 5.0},
            "open": {"type": "boolean"},
            "labels": {"type": "object", "maxProperties": 1, "additionalProperties": {"type": "string"}},
            "origins": {"type": "array", "maxItems": 2, "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "more": {"type": "object"},
        }});
        let value = json!({
            "host": "A.b", "mode": "on", "count": 6, "open": "yes", "labels": {"a": 1, "b": "c"},
            "origins": ["x", "x", 3], "more": {"any": "thing"}, "cuont": 1,
        });
        let mut found: Vec<String> =
            faults(&schema, &value, "spec").iter().map(ToString::to_string).collect();
        found.sort();
        let expected = [
            "spec.count: 6 is not within 1 to 5",
            "spec.cuont: there is no such field; here are `",
            "spec.host: \"A.b\" does not fit ^[a-z]+$",
            "spec.labels.a: `1` is here where text is expected",
            "spec.labels: has 2 entries, of 1",
            "spec.mode: `on` is none of `On`, `Off`",
            "spec.name: is missing",
            "spec.open: text \"yes\" is here where true or false is expected",
            "spec.origins: has 3 entries, of 2",
            "spec.origins[1]: stands there twice",
            "spec.origins[2]: `3` is here where text is expected",
        ];
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}, expected {expected}");
        }
    }

    #[test]
    fn numbers_are_whole_and_texts_have_their_length() {
        let words = |schema: Value, value: Value| {
            faults(&schema, &value, "x").pop().map_or_else(String::new, |fault| fault.words)
        };
        let number = json!({"type": "integer", "format": "int32"});
        assert_eq!(words(number.clone(), json!(2_147_483_647)), "");
        assert!(words(number.clone(), json!(2_147_483_648_u64)).contains("is not within"));
        assert!(words(number.clone(), json!(1.5)).contains("a whole number"));
        assert!(words(number, json!(u64::MAX)).contains("a whole number"));
        let text = json!({"type": "string", "minLength": 1, "maxLength": 3});
        assert_eq!(words(text.clone(), json!("äöü")), "");
        assert!(words(text.clone(), json!("")).contains("1 is the least"));
        assert!(words(text.clone(), json!("abcd")).contains("3 is the most"));
        assert_eq!(words(text, Value::Null), "nothing is here where text is expected");
    }
}
