//! What the definition as a whole promises: bounds, words, size, columns.

use std::collections::BTreeMap;

use crd::EventPipeline;
use serde_json::{Value, json};

fn definition() -> Value {
    serde_json::to_value(crd::definition()).expect("the definition is JSON")
}

fn schema() -> Value {
    definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// Every property below `node` with its path.
fn walk(path: &str, node: &Value, found: &mut BTreeMap<String, Value>) {
    if let Some(properties) = node["properties"].as_object() {
        for (name, property) in properties {
            let path = format!("{path}.{name}");
            walk(&path, property, found);
            found.insert(path, property.clone());
        }
    }
    for (mark, inner) in [("[]", &node["items"]), ("{}", &node["additionalProperties"])] {
        if inner.is_object() {
            let path = format!("{path}{mark}");
            walk(&path, inner, found);
            found.insert(path, inner.clone());
        }
    }
}

fn properties(root: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    walk(root, &schema()["properties"][root], &mut found);
    // Kubernetes' own type, without bounds of its own; the list of them is bounded.
    found.retain(|path, _| !path.starts_with("status.conditions["));
    found
}

#[test]
fn every_text_list_and_map_has_a_bound() {
    for (path, property) in properties("spec").into_iter().chain(properties("status")) {
        let bounded = match property["type"].as_str() {
            Some("string") => {
                !property["maxLength"].is_null()
                    || !property["enum"].is_null()
                    || property["format"] == "date-time"
            }
            Some("array") => !property["maxItems"].is_null(),
            Some("object") if property["additionalProperties"].is_object() => {
                !property["maxProperties"].is_null()
            }
            Some("integer") if path.starts_with("spec") => {
                !property["minimum"].is_null() && !property["maximum"].is_null()
            }
            Some("integer") => !property["minimum"].is_null(),
            Some("object" | "boolean") => true,
            other => panic!("{path} has type {other:?}"),
        };
        assert!(bounded, "{path} has no bound: {property}");
    }
}

#[test]
fn every_field_is_explained_and_no_unsigned_number_leaks() {
    for (path, property) in properties("spec").into_iter().chain(properties("status")) {
        // Types of Kubernetes are explained there.
        let inner = path.ends_with("[]")
            || path.ends_with("{}")
            || path.contains("tolerations[")
            || path.contains("topologySpread[");
        let said = property["description"].as_str().unwrap_or_default();
        assert!(inner || said.len() > 8, "{path} is not explained");
        assert!(!property["format"].as_str().unwrap_or_default().starts_with("uint"), "{path}");
    }
}

#[test]
fn every_rule_has_a_message_with_the_name_of_its_field() {
    let text = serde_json::to_string(&schema()).unwrap();
    assert!(text.matches("\"rule\":").count() >= 25);
    let mut rules = vec![schema()];
    let mut seen = 0;
    while let Some(node) = rules.pop() {
        for rule in node["x-kubernetes-validations"].as_array().into_iter().flatten() {
            seen += 1;
            assert!(rule["message"].as_str().unwrap_or_default().starts_with('`'), "{rule}");
        }
        rules.extend(node.as_object().into_iter().flat_map(|object| object.values().cloned()));
    }
    assert_eq!(seen, text.matches("\"rule\":").count());
}

#[test]
fn the_definition_is_small_and_an_empty_spec_gets_its_defaults_from_it() {
    let size = serde_yaml::to_string(&crd::definition()).unwrap().len();
    assert!(size < 65_536, "{size} bytes");
    let defaults = &schema()["properties"]["spec"]["properties"];
    assert_eq!(defaults["workers"]["properties"]["maxReplicas"]["default"], 10);
    assert_eq!(defaults["mongodb"]["properties"]["shards"]["default"], 2);
    assert_eq!(defaults["redis"]["properties"]["memory"]["default"], "512Mi");
    assert_eq!(defaults["desiredState"]["default"], "Running");
    // The scale subresource cannot be read without it.
    assert_eq!(defaults["workers"]["properties"]["replicas"]["default"], 1);
}

#[test]
fn the_default_of_a_block_with_rules_is_whole() {
    // The API server puts it to the rules as it stands, and refuses the definition if a field is missing.
    for (name, block) in schema()["properties"]["spec"]["properties"].as_object().unwrap() {
        let fields = block["default"].as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
        for (field, property) in block["properties"].as_object().into_iter().flatten() {
            let needed = !block["x-kubernetes-validations"].is_null() && !property["default"].is_null();
            assert!(!needed || fields.as_ref().unwrap().contains(field), "spec.{name}.{field}");
        }
    }
}

/// A value with the defaults of its schema, as the API server does it.
fn filled_in(mut value: Value, schema: &Value) -> Value {
    let Some(object) = value.as_object_mut() else { return value };
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let given = object.remove(name).or_else(|| property.get("default").cloned());
        if let Some(given) = given {
            object.insert(name.clone(), filled_in(given, property));
        }
    }
    value
}

#[test]
fn the_defaults_of_the_code_are_those_of_the_definition() {
    let pipeline: EventPipeline = serde_yaml::from_str(
        "apiVersion: eventpipeline.dev/v1alpha1\nkind: EventPipeline\nmetadata: {name: clicks}\nspec: {}\n",
    )
    .unwrap();
    // As the API server fills them in.
    let filled = filled_in(json!({}), &schema()["properties"]["spec"]);
    assert_eq!(serde_json::to_value(&pipeline.spec).unwrap(), filled);
    insta::assert_snapshot!(serde_yaml::to_string(&pipeline.spec).unwrap());
}

#[test]
fn names_columns_and_scale_are_as_promised() {
    let spec = &definition()["spec"];
    assert_eq!(spec["names"]["shortNames"], json!(["epl"]));
    assert_eq!(spec["names"]["categories"], json!(["eventpipeline"]));
    assert_eq!(spec["names"]["plural"], "eventpipelines");
    assert_eq!(spec["scope"], "Namespaced");
    let version = &spec["versions"][0];
    let columns = version["additionalPrinterColumns"].as_array().unwrap();
    let shown: Vec<_> =
        columns.iter().filter(|c| c["priority"].is_null()).map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(shown, ["Ready", "Status", "Workers", "Lag", "DLQ", "Shards", "Age"]);
    let scale = &version["subresources"]["scale"];
    assert_eq!(scale["specReplicasPath"], ".spec.workers.replicas");
    assert_eq!(scale["statusReplicasPath"], ".status.workers.replicas");
    assert_eq!(scale["labelSelectorPath"], ".status.workers.selector");
}

#[test]
fn lists_of_the_status_are_merged_by_name() {
    let status = &schema()["properties"]["status"]["properties"];
    assert_eq!(status["conditions"]["x-kubernetes-list-map-keys"], json!(["type"]));
    assert_eq!(status["mongodb"]["properties"]["shards"]["x-kubernetes-list-map-keys"], json!(["name"]));
}
