//! The rules of the definition, put to examples without an API server. Each refusal must speak in the field's words.
#![allow(clippy::unwrap_used, reason = "a test ends this way")]

use crd::EventPipeline;
use kube::core::cel::{validate_cel, validate_cel_update};
use serde_json::Value;

fn pipeline(spec: &Value) -> EventPipeline {
    named(&"clicks".into(), spec)
}

fn named(name: &Value, spec: &Value) -> EventPipeline {
    let text = format!(
        "{{apiVersion: eventpipeline.dev/v1alpha1, kind: EventPipeline, metadata: {{name: {}}}}}",
        name.as_str().unwrap()
    );
    let mut object: Value = serde_yaml::from_str(&text).unwrap();
    object["spec"] = spec.clone();
    serde_json::from_value(object).unwrap()
}

fn refusal(spec: &Value) -> String {
    validate_cel(&pipeline(spec)).err().map(|errors| errors.to_string()).unwrap_or_default()
}

fn refused_change(old: &Value, new: &Value) -> String {
    let (old, new) = (pipeline(old), pipeline(new));
    validate_cel_update(&new, &old).err().map(|errors| errors.to_string()).unwrap_or_default()
}

/// Examples of one kind.
fn examples(kind: &str) -> Vec<Value> {
    let all: Value = serde_yaml::from_str(include_str!("rules.yaml")).unwrap();
    all[kind].as_array().unwrap().clone()
}

#[test]
fn an_empty_spec_and_a_full_one_are_taken() {
    let yaml = |text: &str| serde_yaml::from_str::<Value>(text).unwrap();
    assert_eq!(refusal(&yaml("{}")), "");
    let full = "{api: {serviceType: NodePort, nodePort: 30301, allowedOrigins: ['https://a.example']}, \
                workers: {minReplicas: 2, maxReplicas: 2}, mongodb: {membersPerShard: 3, configMembers: 3}, \
                redis: {memory: 1Gi, storageSize: 2Gi, tolerations: [{key: a, value: b, effect: NoExecute, \
                tolerationSeconds: 5}, {operator: Exists}]}, ingress: {host: a.example}}";
    assert_eq!(refusal(&yaml(full)), "");
    let external = "{redis: {external: {secretName: a}, partitions: 2}, postgres: {external: {secretName: b}}, \
                    mongodb: {external: {secretName: c}, retentionDays: 7}}";
    assert_eq!(refusal(&yaml(external)), "");
}

#[test]
fn what_contradicts_itself_is_refused_in_the_fields_words() {
    for example in examples("refused") {
        let said = refusal(&example["spec"]);
        assert!(said.contains(example["says"].as_str().unwrap()), "{example:?}: {said:?}");
    }
}

#[test]
fn a_name_that_services_cannot_have_is_refused() {
    let spec = serde_yaml::from_str("{}").unwrap();
    for example in examples("refusedNames") {
        let said = validate_cel(&named(&example["name"], &spec)).unwrap_err().to_string();
        assert!(said.contains(example["says"].as_str().unwrap()), "{example:?}: {said:?}");
    }
    let longest = "a234567890123456789012345678901234567890";
    assert!(validate_cel(&named(&longest.into(), &spec)).is_ok());
}

#[test]
fn what_would_lose_data_may_not_be_changed() {
    for example in examples("refusedChanges") {
        let said = refused_change(&example["old"], &example["new"]);
        assert!(said.contains(example["says"].as_str().unwrap()), "{example:?}: {said:?}");
    }
}

#[test]
fn what_only_grows_may_be_changed() {
    for example in examples("takenChanges") {
        assert_eq!(refused_change(&example["old"], &example["new"]), "", "{example:?}");
    }
}
