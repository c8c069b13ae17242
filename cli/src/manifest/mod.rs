//! The manifest of an `EventPipeline`, read as a cluster reads it: against the definition's schema and its rules, and as
//! the operator validates it. Everything that is wrong is named at once. What runs on one machine uses a part of it;
//! the rest is named, not silently ignored.

mod schema;

use std::path::Path;

use crd::{ConsoleAccess, EventPipeline, EventPipelineSpec};
use plan::images::Images;
use plan::validate::{Installation, validate};
use serde_json::{Value, json};

use schema::Fault;

/// Fields of `metadata` that an API server has; a name that is none of them is a mistake.
const METADATA: [&str; 15] = [
    "name",
    "namespace",
    "labels",
    "annotations",
    "uid",
    "selfLink",
    "generation",
    "finalizers",
    "generateName",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];
/// Fields below `spec` that count on one machine: a block's with `.`, all of `workers` but where its pods run.
const USED: [&str; 24] = [
    "api.maxBodyBytes",
    "api.maxBatchEvents",
    "api.rateLimit",
    "api.allowedOrigins",
    "console.access",
    "mongodb.retentionDays",
    "redis.durability",
    "redis.memory",
    "redis.partitions",
    "workers.batchEvents",
    "workers.claimIdleSeconds",
    "workers.drainTargetSeconds",
    "workers.drainTimeoutSeconds",
    "workers.idleAfterSeconds",
    "workers.maxAgeSeconds",
    "workers.maxDeliveries",
    "workers.maxReplicas",
    "workers.minReplicas",
    "workers.pollPeriodSeconds",
    "workers.replicas",
    "workers.scaleDown",
    "workers.scaleUp",
    "workers.scaling",
    "workers.targetUtilizationPercent",
];
/// Used where MongoDB is installed; FerretDB has no shards.
const SHARDS: &str = "mongodb.shards";

/// A manifest that a cluster would take.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// What is asked for, defaults filled in.
    pub spec: EventPipelineSpec,
    pipeline: String,
    /// `maxmemory` of Redis.
    redis_memory: u64,
    /// Paths below `spec` of what the file itself says, a block's field by field.
    given: Vec<String>,
}

impl Manifest {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let hint = match error.kind() {
                std::io::ErrorKind::NotFound => {
                    "; name a manifest that is there (the project's own are in its folder examples/)"
                }
                _ => "",
            };
            format!("{}: {error}{hint}", path.display())
        })?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Reads and checks a text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        checked(&value).map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            match &faults[..] {
                [fault] => fault.clone(),
                faults => format!("{} faults:\n  {}", faults.len(), faults.join("\n  ")),
            }
        })
    }

    /// `namespace/name`.
    pub fn pipeline(&self) -> &str {
        &self.pipeline
    }

    /// `spec.redis.memory` in bytes.
    pub fn redis_memory(&self) -> u64 {
        self.redis_memory
    }

    /// The fields given that only a cluster uses; shards are made where MongoDB is installed.
    pub fn not_used_here(&self, sharded: bool) -> Vec<&str> {
        let used = |path: &str| USED.contains(&path) || (sharded && path == SHARDS);
        let given = self.given.iter().map(String::as_str).filter(|path| !used(path));
        let disabled = self.spec.console.access == ConsoleAccess::Disabled;
        given.chain(disabled.then_some("console.access: Disabled")).collect()
    }
}

/// Reads a manifest, or says all that is wrong with it.
fn checked(value: &Value) -> Result<Manifest, Vec<Fault>> {
    let mut definition = serde_json::to_value(crd::definition()).unwrap_or_default();
    let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    // What every object has is not in the definition, and looked at below.
    for (name, kind) in [("apiVersion", "string"), ("kind", "string"), ("metadata", "object")] {
        schema["properties"][name] = json!({"type": kind});
    }
    let fault = |path: &str, words: String| Fault { path: path.to_owned(), words };
    let mut faults = schema::faults(schema, value, "");
    for (field, ours) in [("apiVersion", crd::API_VERSION), ("kind", crd::KIND)] {
        match value.get(field) {
            None if value.is_object() => faults.push(fault(field, "is missing".to_owned())),
            Some(Value::String(given)) if given != ours => {
                faults.push(fault(field, format!("{given} is not run here, {ours} is")));
            }
            _ => {}
        }
    }
    match value.get("metadata").and_then(Value::as_object) {
        Some(metadata) => {
            let unknown = metadata.keys().filter(|name| !METADATA.contains(&name.as_str()));
            faults.extend(unknown.map(|name| {
                let known = "`name`, `namespace`, `labels`, `annotations`";
                fault(&format!("metadata.{name}"), format!("there is no such field; here are {known}"))
            }));
            if !metadata.contains_key("name") {
                faults.push(fault("metadata.name", "is missing".to_owned()));
            }
        }
        None if value.is_object() && value.get("metadata").is_none() => {
            faults.push(fault("metadata.name", "is missing".to_owned()));
        }
        None => {}
    }
    // Values that are out of bounds can be read, and the rules be put to the rest.
    let pipeline: Option<EventPipeline> = match serde_json::from_value(value.clone()) {
        Ok(pipeline) => Some(pipeline),
        Err(error) if faults.is_empty() => return Err(vec![fault("the manifest", error.to_string())]),
        Err(_) => None,
    };
    let Some(mut pipeline) = pipeline else { return Err(faults) };
    pipeline.metadata.namespace.get_or_insert_with(|| "default".to_owned());
    let meta = &pipeline.metadata;
    let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
    let full_name = format!("{}/{}", namespace.unwrap_or_default(), name.unwrap_or_default());
    let redis_memory = ruled(pipeline.clone(), &mut faults);
    match redis_memory {
        Some(redis_memory) if faults.is_empty() => Ok(Manifest {
            spec: pipeline.spec,
            pipeline: full_name,
            redis_memory,
            given: given(&value["spec"]),
        }),
        _ => Err(faults),
    }
}

/// What the operator and the definition's rules say, of fields that nothing was said of yet. The bytes of Redis.
fn ruled(mut pipeline: EventPipeline, faults: &mut Vec<Fault>) -> Option<u64> {
    // The API server gives it; the operator wants it.
    pipeline.metadata.uid.get_or_insert_with(|| "local".to_owned());
    let validated = validate(&pipeline, &installation());
    let known = |faults: &[Fault], path: &str| {
        faults.iter().any(|fault| {
            fault.path.strip_prefix(path).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        })
    };
    for text in validated.as_ref().err().into_iter().flatten().map(ToString::to_string) {
        let mut parts = text.splitn(3, '`').skip(1);
        let (path, words) = (parts.next().unwrap_or_default(), parts.next().unwrap_or(&text));
        if !known(faults, path) {
            let words = words.trim_start_matches(':').trim_start().to_owned();
            faults.push(Fault { path: path.to_owned(), words });
        }
    }
    let broken =
        kube::core::cel::validate_cel(&pipeline).err().map(kube::core::cel::ValidationErrors::into_vec);
    for error in broken.into_iter().flatten() {
        if !known(faults, &error.field_path) {
            faults.push(Fault { path: error.field_path, words: error.message });
        }
    }
    validated.ok().map(|pipeline| pipeline.redis_memory_bytes())
}

/// Nothing is pulled here.
fn installation() -> Installation {
    let none = String::new;
    let images = Images { api: none(), worker: none(), redis: none(), postgres: none(), mongo: none() };
    Installation { images, cluster_domain: "cluster.local".to_owned(), pod_monitors: None, namespace: None }
}

/// The fields of a spec, those of its blocks one by one.
fn given(spec: &Value) -> Vec<String> {
    let mut given = Vec::new();
    for (name, value) in spec.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(block) => given.extend(block.keys().map(|field| format!("{name}.{field}"))),
            None => given.push(name.clone()),
        }
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(spec: &str) -> Result<Manifest, String> {
        Manifest::parse(&format!(
            "apiVersion: eventpipeline.dev/v1alpha1\nkind: EventPipeline\nmetadata:\n  name: laptop\nspec: {spec}\n"
        ))
    }

    #[test]
    fn an_empty_spec_is_valid_and_fields_of_a_cluster_are_named() {
        let manifest = parse("{}").unwrap();
        assert_eq!((manifest.pipeline(), manifest.redis_memory()), ("default/laptop", 512 << 20));
        assert_eq!(manifest.not_used_here(false), [""; 0]);
        let manifest = parse("{deletionPolicy: Delete, image: {}, mongodb: {shards: 3}}").unwrap();
        assert_eq!(manifest.not_used_here(false), ["deletionPolicy", "mongodb.shards"]);
        assert_eq!(manifest.not_used_here(true), ["deletionPolicy"]);
        let read_only = parse("{console: {access: ReadOnly, serviceType: NodePort}}").unwrap();
        assert_eq!(read_only.spec.console.access, ConsoleAccess::ReadOnly);
        assert_eq!(read_only.not_used_here(true), ["console.serviceType"]);
        let disabled = parse("{console: {access: Disabled}}").unwrap();
        assert_eq!(disabled.not_used_here(true), ["console.access: Disabled"]);
    }

    #[test]
    fn the_fields_that_count_here_are_fields_of_the_definition() {
        let schema = serde_json::to_value(crd::definition()).unwrap();
        let spec = &schema["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        for field in USED.into_iter().chain([SHARDS]) {
            let found = field.split('.').fold(spec, |at, step| &at["properties"][step]);
            assert!(found.is_object(), "{field}");
        }
    }

    #[test]
    fn every_example_is_taken() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let manifests: Vec<_> = files.filter(|file| file.extension().is_some_and(|e| e == "yaml")).collect();
        assert!(manifests.len() >= 4, "{manifests:?}");
        for file in manifests {
            Manifest::read(&file).unwrap();
        }
    }

    #[test]
    fn what_a_server_prints_is_taken() {
        let text = "
apiVersion: eventpipeline.dev/v1alpha1
kind: EventPipeline
metadata: {name: a, namespace: b, labels: {x: z}, annotations: {}, uid: u, generation: 3, managedFields: []}
spec: {}
status: {observedGeneration: 3, conditions: []}
";
        assert_eq!(Manifest::parse(text).unwrap().pipeline(), "b/a");
    }

    #[test]
    fn everything_that_is_wrong_is_named_together() {
        let error = Manifest::parse(
            "
apiVersion: eventpipeline.dev/v1alpha1
kind: EventPipeline
metadata: {name: A, namspace: b}
spec:
  worker: {}
  redis: {memory: 5Mi, partitions: 0, durability: Never}
  workers: {maxReplicas: 0, pollPeriodSeconds: 90, batchEvents: many}
",
        )
        .unwrap_err();
        for words in [
            "metadata.namspace: there is no such field",
            "spec.worker: there is no such field",
            "spec.redis.partitions: 0 is not within 1 to 256",
            "spec.redis.durability: `Never` is none of `EverySecond`, `Always`",
            "spec.workers.maxReplicas: 0 is not within 1 to 1000",
            "spec.workers.pollPeriodSeconds: 90 is not within 1 to 60",
            "spec.workers.batchEvents: text \"many\" is here where a whole number is expected",
        ] {
            assert!(error.contains(words), "{words}\n{error}");
        }
        let error = parse(
            "{redis: {memory: 5Mi, partitions: 0}, workers: {minReplicas: 3, maxReplicas: 2}, \
             api: {nodePort: 30000}, mongodb: {membersPerShard: 2}}",
        )
        .unwrap_err();
        let lines: Vec<&str> = error.lines().map(str::trim).collect();
        assert_eq!(
            lines,
            [
                "5 faults:",
                "spec.redis.partitions: 0 is not within 1 to 256",
                "spec.workers.minReplicas: 3 must be less than or equal to `maxReplicas`, 2",
                "spec.mongodb.membersPerShard: 2 must be odd so that a replica set can elect a primary",
                "spec.redis.memory: 5Mi must be at least 16Mi",
                "spec.api: `nodePort` may only be set when `serviceType` is NodePort or LoadBalancer",
            ]
        );
    }

    #[test]
    fn what_is_no_manifest_is_said_to_be_none() {
        for (text, words) in [
            (
                "{}",
                "4 faults:\n  spec: is missing\n  apiVersion: is missing\n  kind: is missing\n  metadata.name: is missing",
            ),
            ("[]", "the manifest: a list is here where an object is expected"),
            ("", "the manifest: nothing is here where an object is expected"),
            ("a: b: c", "mapping values are not allowed"),
            (
                "{apiVersion: v1, kind: Pod, metadata: {name: x}}",
                "kind: Pod is not run here, EventPipeline is",
            ),
            (
                "{apiVersion: eventpipeline.dev/v1alpha1, kind: EventPipeline, metadata: {name: Shop}, spec: {}}",
                "metadata.name: \"Shop\" must begin with a small letter",
            ),
            (
                "{apiVersion: eventpipeline.dev/v1alpha1, kind: EventPipeline, metadata: {name: a}, spec: 7}",
                "spec: `7` is here where an object is expected",
            ),
        ] {
            let error = Manifest::parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_comes_with_a_hint() {
        let error = Manifest::read(Path::new("no/such.yaml")).unwrap_err();
        assert!(error.contains("no/such.yaml") && error.contains("examples/"), "{error}");
    }
}
