//! The rules of the definition, put to examples without an API server. Each refusal must speak in the field's words.

use crd::EventPipeline;
use kube::core::cel::{validate_cel, validate_cel_update};

fn pipeline(spec: &str) -> EventPipeline {
    named("clicks", spec)
}

fn named(name: &str, spec: &str) -> EventPipeline {
    let text = format!(
        "apiVersion: eventpipeline.dev/v1alpha1\nkind: EventPipeline\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    );
    serde_yaml::from_str(&text).expect(spec)
}

fn refusal(spec: &str) -> String {
    validate_cel(&pipeline(spec)).err().map(|errors| errors.to_string()).unwrap_or_default()
}

fn refused_change(old: &str, new: &str) -> String {
    let (old, new) = (pipeline(old), pipeline(new));
    validate_cel_update(&new, &old).err().map(|errors| errors.to_string()).unwrap_or_default()
}

#[test]
fn an_empty_spec_and_a_full_one_are_taken() {
    assert_eq!(refusal("{}"), "");
    let full = "{api: {serviceType: NodePort, nodePort: 30301, allowedOrigins: ['https://a.example']}, \
                workers: {minReplicas: 2, maxReplicas: 2}, mongodb: {membersPerShard: 3, configMembers: 3}, \
                redis: {memory: 1Gi, storageSize: 2Gi, tolerations: [{key: a, value: b, effect: NoExecute, \
                tolerationSeconds: 5}, {operator: Exists}]}, ingress: {host: a.example}}";
    assert_eq!(refusal(full), "");
    let external = "{redis: {external: {secretName: a}, partitions: 2}, postgres: {external: {secretName: b}}, \
                    mongodb: {external: {secretName: c}, retentionDays: 7}}";
    assert_eq!(refusal(external), "");
}

#[test]
fn what_contradicts_itself_is_refused_in_the_fields_words() {
    for (spec, words) in [
        (
            "{workers: {minReplicas: 3, maxReplicas: 2}}",
            "`minReplicas` must be less than or equal to `maxReplicas`",
        ),
        ("{mongodb: {membersPerShard: 2}}", "`membersPerShard` must be odd"),
        ("{mongodb: {configMembers: 4}}", "`configMembers` must be odd"),
        ("{api: {nodePort: 30301}}", "`nodePort` may only be set when"),
        ("{console: {nodePort: 30300}}", "`nodePort` may only be set when"),
        ("{api: {allowedOrigins: ['*']}}", "`allowedOrigins` must be exact origins"),
        ("{api: {allowedOrigins: ['https://a.example/path']}}", "`allowedOrigins` must be exact origins"),
        ("{redis: {external: {secretName: a}, storageClassName: fast}}", "`external` may not be combined"),
        ("{redis: {external: {secretName: a}, resources: {}}}", "`external` may not be combined"),
        ("{postgres: {external: {secretName: a}, image: b}}", "`external` may not be combined"),
        ("{mongodb: {external: {secretName: a}, routerResources: {}}}", "`external` may not be combined"),
        (
            "{redis: {external: {secretName: a}, durability: Always}}",
            "`external` may not be combined with `image`, `memory`",
        ),
        ("{postgres: {external: {secretName: a}, storageSize: 2Gi}}", "combined with `image`, `storageSize`"),
        (
            "{mongodb: {external: {secretName: a}, shards: 3}}",
            "`external` may not be combined with `image`, `shards`",
        ),
        ("{redis: {memory: 2Gi}}", "`storageSize` must be at least twice `memory`"),
        ("{redis: {memory: 8Mi}}", "`memory` must be at least 16Mi"),
        ("{ingress: {host: a.example}, api: {authentication: None}}", "`ingress` may not be combined"),
        ("{postgres: {storageSize: '0'}}", "`storageSize` must be above 0"),
        ("{mongodb: {storageSize: 0Gi}}", "`storageSize` must be above 0"),
        ("{mongodb: {configStorageSize: 0Gi}}", "`configStorageSize` must be above 0"),
        ("{redis: {storageSize: 9999999P}}", "`storageSize` must be below 1Pi"),
        ("{mongodb: {storageSize: 9999999P}}", "above 0 and below 1Pi"),
        (
            "{api: {tolerations: [{key: a, operator: Exists, value: b}]}}",
            "`value` may not be set when `operator` is Exists",
        ),
    ] {
        let said = refusal(spec);
        assert!(said.contains(words), "{spec}: {said:?}");
    }
}

#[test]
fn a_name_that_services_cannot_have_is_refused() {
    for (name, words) in [
        ("a2345678901234567890123456789012345678901", "at most 40 characters"),
        ("a.b", "must begin with a small letter"),
        ("1a", "must begin with a small letter"),
    ] {
        let said = validate_cel(&named(name, "{}")).unwrap_err().to_string();
        assert!(said.contains(words), "{name}: {said:?}");
    }
    let longest = "a234567890123456789012345678901234567890";
    assert!(validate_cel(&named(longest, "{}")).is_ok());
}

#[test]
fn what_would_lose_data_may_not_be_changed() {
    for (old, new, words) in [
        ("{mongodb: {shards: 3}}", "{mongodb: {shards: 2}}", "`shards` may not be reduced"),
        (
            "{mongodb: {membersPerShard: 1}}",
            "{mongodb: {membersPerShard: 3}}",
            "`membersPerShard` may not be changed",
        ),
        (
            "{mongodb: {configMembers: 3}}",
            "{mongodb: {configMembers: 1}}",
            "`configMembers` may not be changed",
        ),
        ("{redis: {partitions: 4}}", "{redis: {partitions: 2}}", "`partitions` may not be reduced"),
        ("{redis: {storageSize: 4Gi}}", "{redis: {storageSize: 2Gi}}", "`storageSize` may not be reduced"),
        (
            "{postgres: {storageSize: 2Gi}}",
            "{postgres: {storageSize: 2000Mi}}",
            "`storageSize` may not be reduced",
        ),
        ("{mongodb: {storageSize: 9Gi}}", "{}", "`storageSize` may not be reduced"),
        ("{mongodb: {configStorageSize: 2Gi}}", "{}", "`configStorageSize` may not be reduced"),
        ("{}", "{redis: {storageClassName: fast}}", "`storageClassName` may not be changed"),
        (
            "{mongodb: {storageClassName: a}}",
            "{mongodb: {storageClassName: b}}",
            "`storageClassName` may not be changed",
        ),
        ("{}", "{redis: {external: {secretName: a}}}", "`external` may not be added or removed"),
        ("{postgres: {external: {secretName: a}}}", "{}", "`external` may not be added or removed"),
        ("{}", "{mongodb: {external: {secretName: a}}}", "`external` may not be added or removed"),
    ] {
        let said = refused_change(old, new);
        assert!(said.contains(words), "{old} -> {new}: {said:?}");
    }
}

#[test]
fn what_only_grows_may_be_changed() {
    for (old, new) in [
        ("{}", "{}"),
        ("{mongodb: {shards: 2}}", "{mongodb: {shards: 3, storageSize: 6Gi, retentionDays: 1, routers: 2}}"),
        (
            "{redis: {storageSize: 2Gi}}",
            "{redis: {storageSize: 2048Mi, memory: 64Mi, partitions: 2, durability: Always}}",
        ),
        ("{redis: {external: {secretName: a}}}", "{redis: {external: {secretName: b}}}"),
        ("{workers: {minReplicas: 3}}", "{workers: {minReplicas: 0, scaling: Manual}}"),
        ("{desiredState: Running}", "{desiredState: Stopped, deletionPolicy: Delete}"),
    ] {
        assert_eq!(refused_change(old, new), "", "{old} -> {new}");
    }
}
