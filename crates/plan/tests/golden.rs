//! Every object of every example, as YAML: what a change of the plan changes is read here.

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plan::{resources, secrets};
use serde_json::Value;

fn written(name: &str) -> String {
    let pipeline = common::example(name);
    let mut text = String::new();
    for secret in secrets::wanted(&pipeline) {
        writeln!(text, "# Secret {}, made if absent: {:?}", secret.name, secret.keys).expect("it is text");
    }
    for secret in secrets::required(&pipeline) {
        writeln!(text, "# Secret {} must have {} ({})", secret.name, secret.key, secret.field)
            .expect("it is text");
    }
    for object in resources::objects(&pipeline) {
        writeln!(text, "---\n# after: {:?}", object.after).expect("it is text");
        text.push_str(&serde_yaml::to_string(&in_order(&object.body)).expect("it is text"));
    }
    text
}

/// With keys in alphabetical order, whatever order of maps other crates of the same build ask of `serde_json`.
fn in_order(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, Value> =
                map.iter().map(|(key, value)| (key, in_order(value))).collect();
            Value::Object(sorted.into_iter().map(|(key, value)| (key.clone(), value)).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(in_order).collect()),
        other => other.clone(),
    }
}

#[test]
fn the_objects_of_the_minimal_example_are_these() {
    insta::assert_snapshot!(written("minimal"));
}

#[test]
fn the_objects_of_the_laptop_example_are_these() {
    insta::assert_snapshot!(written("laptop"));
}

#[test]
fn the_objects_of_the_e2e_example_are_these() {
    insta::assert_snapshot!(written("e2e"));
}

#[test]
fn the_objects_of_the_production_example_are_these() {
    insta::assert_snapshot!(written("production"));
}
