//! All that is wrong with a manifest, at once, each by the path of its field. Reading ends at the first fault, so what
//! is at fault is noted, taken out, and the rest is read again.

use serde_json::{Map, Value, json};

use super::Manifest;

/// A manifest with more faults than this is not one with mistakes, it is something else.
const FAULTS_MAX: usize = 50;
/// Fields that must be there, with values that stand in for bad ones while the rest is read.
const REQUIRED: [(&str, &str); 4] = [
    ("apiVersion", super::API_VERSION),
    ("kind", super::KIND),
    ("metadata.name", "name"),
    ("metadata", "{\"name\": \"name\"}"),
];

/// Reads a manifest as far as it can be read. It is to be used only when nothing is at fault.
pub(super) fn read(mut value: Value) -> (Option<Manifest>, Vec<String>) {
    let mut faults = Vec::new();
    if !value.is_object() {
        return (None, vec![format!("{} is here where a manifest is expected", kind(&value))]);
    }
    while faults.len() < FAULTS_MAX {
        let error = match serde_path_to_error::deserialize::<_, Manifest>(&value) {
            Ok(manifest) => return (Some(manifest), faults),
            Err(error) => error,
        };
        let words = error.inner().to_string();
        let path = path(&error, &words);
        faults.push(format!("{path}: {}", plainly(&words)));
        if !take_out(&mut value, &path) {
            break;
        }
    }
    (None, faults)
}

/// Where the fault is. Of a field that is missing the reader gives the path of its parent.
fn path(error: &serde_path_to_error::Error<serde_json::Error>, words: &str) -> String {
    let path = error.path().to_string();
    let missing = words.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match missing {
        Some(name) if path == "." => name.to_owned(),
        Some(name) => format!("{path}.{name}"),
        None => path,
    }
}

/// Removes a field, or puts what stands in for it where it must be there. `false`: it cannot be found.
fn take_out(value: &mut Value, path: &str) -> bool {
    let (parent, name) = path.rsplit_once('.').map_or(("", path), |(parent, name)| (parent, name));
    let name = name.split('[').next().unwrap_or(name);
    let mut steps = parent.split('.').filter(|step| !step.is_empty());
    let Some(fields) = steps.try_fold(value, |at, step| at.get_mut(step)).and_then(Value::as_object_mut)
    else {
        return false;
    };
    match REQUIRED.iter().find(|(required, _)| *required == path) {
        Some((_, good)) => {
            let good = serde_json::from_str::<Map<String, Value>>(good).map_or(json!(good), Value::Object);
            fields.insert(name.to_owned(), good);
            true
        }
        None => fields.remove(name).is_some(),
    }
}

/// The reader's words without the names of our types.
fn plainly(words: &str) -> String {
    if words.starts_with("missing field") {
        return "is missing".to_owned();
    }
    let Some((what, known)) = words.split_once(", expected ") else { return words.to_owned() };
    let known = known.replace("one of ", "");
    if what.starts_with("unknown field") {
        return format!("there is no such field; here are {known}");
    }
    if let Some(name) = what.strip_prefix("unknown variant ") {
        return format!("{name} is none of {known}");
    }
    let given = what.split_once(": ").map_or(what, |(_, given)| given);
    let given = given.replace("sequence", "a list").replace("map", "an object");
    let wanted = match known.as_str() {
        "u32" | "u64" => "a whole number, not below 0,",
        "a sequence" => "a list",
        "a map" => "an object",
        known if known.starts_with("struct ") => "an object",
        known if known.starts_with("string or map") || known.contains("enum ") => "one of this field's words",
        known => known,
    };
    format!("{given} is here where {wanted} is expected")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Array(_) => "a list",
        _ => "a single value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(yaml: &str) -> Vec<String> {
        read(serde_yaml::from_str(yaml).unwrap()).1
    }

    #[test]
    fn every_fault_is_named_with_its_path_in_one_go() {
        let yaml = "
apiVersion: eventpipeline.dev/v1alpha1
kind: EventPipeline
metadata: {name: 5, namspace: shop}
spec:
  wrokers: {}
  api: {maxBodyBytes: much, allowedOrigins: none}
  redis: {durability: Never, memory: 512Mi}
  workers: {batchEvents: -1, scaleUp: {step: 3, minStep: x}}
";
        let mut faults = faults(yaml);
        faults.sort();
        let expected = [
            "metadata.name: integer `5` is here where a string is expected",
            "metadata.namspace: there is no such field; here are ",
            "spec.api.allowedOrigins: string \"none\" is here where a list is expected",
            "spec.api.maxBodyBytes: string \"much\" is here where a whole number, not below 0, is expected",
            "spec.redis.durability: `Never` is none of `EverySecond`",
            "spec.workers.batchEvents: integer `-1` is here where a whole number, not below 0, is expected",
            "spec.workers.scaleUp.minStep: string \"x\" is here where a whole number, not below 0, is expected",
            "spec.workers.scaleUp.step: there is no such field; here are `stabilizationSeconds`",
            "spec.wrokers: there is no such field; here are `api`",
        ];
        assert_eq!(faults.len(), expected.len(), "{faults:#?}");
        for (fault, expected) in faults.iter().zip(expected) {
            assert!(fault.starts_with(expected), "{fault}, expected {expected}");
        }
    }

    #[test]
    fn what_is_missing_is_named_once() {
        assert_eq!(faults("{}"), ["apiVersion: is missing", "kind: is missing", "metadata: is missing"]);
        assert_eq!(
            faults("{apiVersion: [], kind: EventPipeline, metadata: {}, spec: 7}"),
            [
                "apiVersion: a list is here where a string is expected",
                "metadata.name: is missing",
                "spec: integer `7` is here where an object is expected"
            ]
        );
        assert_eq!(faults("[]"), ["a list is here where a manifest is expected"]);
    }
}
