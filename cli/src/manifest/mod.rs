//! The `EventPipeline` manifest, as much of it as runs on one machine. Unknown fields are refused with their path;
//! fields that a later release will use here are named, not silently ignored.

mod bounds;
mod faults;
mod workers;

use std::path::Path;

use serde::Deserialize;

pub use workers::{Scaling, Workers};

const API_VERSION: &str = "eventpipeline.dev/v1alpha1";
const KIND: &str = "EventPipeline";
/// Fields of `metadata` that an API server adds to an object; taken and not used here.
const SERVER_METADATA: [&str; 11] = [
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

/// A manifest.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// `eventpipeline.dev/v1alpha1`.
    pub api_version: String,
    /// `EventPipeline`.
    pub kind: String,
    /// Name and namespace.
    pub metadata: Metadata,
    /// What is asked for.
    #[serde(default)]
    pub spec: Spec,
}

/// Name and namespace.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// The pipeline's name.
    pub name: String,
    /// Its namespace; `default` when not given.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Of a cluster; taken and not used here.
    #[serde(default)]
    #[allow(dead_code, reason = "taken and not used here")]
    labels: Option<Ignored>,
    /// Likewise.
    #[serde(default)]
    #[allow(dead_code, reason = "taken and not used here")]
    annotations: Option<Ignored>,
}

/// The fields that count on a laptop.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are the CRD's own")]
pub struct Spec {
    pub api: Api,
    pub workers: Workers,
    pub redis: Redis,
    pub mongodb: Mongodb,
    pub console: Console,
    // Of a cluster; taken and not used here.
    desired_state: Option<Ignored>,
    deletion_policy: Option<Ignored>,
    image: Option<Ignored>,
    postgres: Option<Ignored>,
    network_policy: Option<Ignored>,
    observability: Option<Ignored>,
    ingress: Option<Ignored>,
}

type Ignored = serde_json::Value;

/// `spec.api`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are the CRD's own")]
pub struct Api {
    pub max_body_bytes: Option<u64>,
    pub max_batch_events: Option<u64>,
    pub rate_limit: RateLimit,
    pub allowed_origins: Vec<String>,
    replicas: Option<Ignored>,
    authentication: Option<Ignored>,
    service_type: Option<Ignored>,
    node_port: Option<Ignored>,
    resources: Option<Ignored>,
}

/// `spec.api.rateLimit`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RateLimit {
    /// Of keys that have no rate of their own.
    pub events_per_second: Option<u64>,
}

/// `spec.console`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are the CRD's own")]
pub struct Console {
    pub access: ConsoleAccess,
    service_type: Option<Ignored>,
    node_port: Option<Ignored>,
}

/// `spec.console.access`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum ConsoleAccess {
    /// People do what their role allows.
    #[default]
    ReadWrite,
    /// People look and change nothing.
    ReadOnly,
    /// Of a cluster: here the console stays, and the card has its address.
    Disabled,
}

/// `spec.redis`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are the CRD's own")]
pub struct Redis {
    pub partitions: Option<u32>,
    pub durability: Option<Durability>,
    pub memory: Option<String>,
    storage_size: Option<Ignored>,
    external: Option<Ignored>,
}

/// `spec.redis.durability`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Durability {
    /// A crash of the machine may lose up to 2 s.
    EverySecond,
    /// fsync before each answer.
    Always,
}

/// `spec.mongodb`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are the CRD's own")]
pub struct Mongodb {
    pub retention_days: Option<u64>,
    shards: Option<u32>,
    members_per_shard: Option<Ignored>,
    config_members: Option<Ignored>,
    routers: Option<Ignored>,
    storage_size: Option<Ignored>,
    external: Option<Ignored>,
}

impl Mongodb {
    /// `spec.mongodb.shards`; two when not given.
    pub fn shards(&self) -> u32 {
        self.shards.unwrap_or(2)
    }
}

impl Manifest {
    /// Reads and checks a file. Everything that is wrong with it is named at once.
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

    fn parse(text: &str) -> Result<Self, String> {
        let mut value: serde_json::Value = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        if let Some(metadata) = value.get_mut("metadata").and_then(serde_json::Value::as_object_mut) {
            metadata.retain(|field, _| !SERVER_METADATA.contains(&field.as_str()));
        }
        let (manifest, mut faults) = faults::read(value);
        faults.extend(manifest.iter().flat_map(Self::faults));
        match (manifest, &faults[..]) {
            (Some(manifest), []) => Ok(manifest),
            (_, [fault]) => Err(fault.clone()),
            (_, faults) => Err(format!("{} faults:\n  {}", faults.len(), faults.join("\n  "))),
        }
    }

    /// What is wrong with values that have the right shape.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.api_version != API_VERSION || self.kind != KIND {
            faults.push(format!(
                "this is {} {}; apiVersion: {API_VERSION} and kind: {KIND} are run here",
                self.api_version, self.kind
            ));
        }
        for (field, name) in [
            ("metadata.name", Some(&self.metadata.name)),
            ("metadata.namespace", self.metadata.namespace.as_ref()),
        ] {
            let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if name.is_some_and(|name| name.is_empty() || name.len() > 40 || !name.chars().all(good)) {
                faults.push(format!("{field}: has 1 to 40 small letters, digits and hyphens"));
            }
        }
        faults.extend(self.redis_memory().err());
        faults.extend(bounds::faults(&self.spec));
        faults.extend(self.spec.workers.law_faults());
        faults
    }

    /// `namespace/name`.
    pub fn pipeline(&self) -> String {
        format!("{}/{}", self.metadata.namespace.as_deref().unwrap_or("default"), self.metadata.name)
    }

    /// `spec.redis.memory` in bytes; 512Mi when not given.
    pub fn redis_memory(&self) -> Result<u64, String> {
        let Some(text) = &self.spec.redis.memory else { return Ok(512 << 20) };
        let units = [("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1u64 << 30), ("", 1)];
        let bytes = units
            .iter()
            .find_map(|(unit, factor)| text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(*factor));
        bytes.filter(|bytes| *bytes >= 8 << 20).ok_or_else(|| {
            format!("spec.redis.memory: {text} is no amount of at least 8Mi, such as 512Mi or 2Gi")
        })
    }

    /// The fields given that only a cluster uses; shards are made where MongoDB is installed.
    pub fn not_used_here(&self, sharded: bool) -> Vec<&'static str> {
        let (spec, api) = (&self.spec, &self.spec.api);
        let (redis, mongodb) = (&self.spec.redis, &self.spec.mongodb);
        [
            ("desiredState", &spec.desired_state),
            ("deletionPolicy", &spec.deletion_policy),
            ("image", &spec.image),
            ("postgres", &spec.postgres),
            ("console.serviceType", &spec.console.service_type),
            ("console.nodePort", &spec.console.node_port),
            ("networkPolicy", &spec.network_policy),
            ("observability", &spec.observability),
            ("ingress", &spec.ingress),
            ("api.replicas", &api.replicas),
            ("api.authentication", &api.authentication),
            ("api.serviceType", &api.service_type),
            ("api.nodePort", &api.node_port),
            ("api.resources", &api.resources),
            ("redis.storageSize", &redis.storage_size),
            ("redis.external", &redis.external),
            ("mongodb.membersPerShard", &mongodb.members_per_shard),
            ("mongodb.configMembers", &mongodb.config_members),
            ("mongodb.routers", &mongodb.routers),
            ("mongodb.storageSize", &mongodb.storage_size),
            ("mongodb.external", &mongodb.external),
        ]
        .into_iter()
        .filter(|(_, value)| value.is_some())
        .map(|(name, _)| name)
        .chain((!sharded && mongodb.shards.is_some()).then_some("mongodb.shards"))
        .chain((spec.console.access == ConsoleAccess::Disabled).then_some("console.access: Disabled"))
        .chain(spec.workers.not_used_here())
        .collect()
    }
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
        assert_eq!(
            (manifest.pipeline().as_str(), manifest.redis_memory()),
            ("default/laptop", Ok(512 << 20))
        );
        let manifest = parse("{mongodb: {shards: 3}, deletionPolicy: Delete}").unwrap();
        assert_eq!(manifest.not_used_here(false), ["deletionPolicy", "mongodb.shards"]);
        assert_eq!(manifest.not_used_here(true), ["deletionPolicy"]);
        let read_only = parse("{console: {access: ReadOnly, serviceType: NodePort}}").unwrap();
        assert_eq!(read_only.spec.console.access, ConsoleAccess::ReadOnly);
        assert_eq!(read_only.not_used_here(true), ["console.serviceType"]);
        let disabled = parse("{console: {access: Disabled}}").unwrap();
        assert_eq!(disabled.not_used_here(true), ["console.access: Disabled"]);
    }

    #[test]
    fn values_that_cannot_be_are_named_together_and_after_those_of_another_shape() {
        let error = parse(
            "{worker: {}, redis: {memory: 5Mi, partitions: 0}, workers: {maxReplicas: 0, pollPeriodSeconds: 90}}",
        )
        .unwrap_err();
        let paths: Vec<&str> = error.lines().skip(1).filter_map(|line| line.split(':').next()).collect();
        let expected = [
            "worker",
            "redis.memory",
            "redis.partitions",
            "workers.maxReplicas",
            "workers.pollPeriodSeconds",
        ];
        assert_eq!(paths, expected.map(|path| format!("  spec.{path}")), "{error}");
        assert!(error.starts_with("5 faults:"), "{error}");
    }

    #[test]
    fn a_typo_in_metadata_is_refused_and_what_a_server_adds_is_taken() {
        let manifest = |metadata: &str| {
            Manifest::parse(&format!("{{apiVersion: {API_VERSION}, kind: {KIND}, metadata: {metadata}}}"))
        };
        assert!(manifest("{name: a, namspace: b}").unwrap_err().contains("metadata.namspace"));
        let full = "{name: a, namespace: b, labels: {x: y}, annotations: {}, uid: u, generation: 3, managedFields: []}";
        assert_eq!(manifest(full).unwrap().pipeline(), "b/a");
    }

    #[test]
    fn a_file_that_is_not_there_comes_with_a_hint() {
        let error = Manifest::read(Path::new("no/such.yaml")).unwrap_err();
        assert!(error.contains("no/such.yaml") && error.contains("examples/"), "{error}");
    }

    #[test]
    fn a_field_that_is_none_and_a_value_that_is_wrong_are_refused_by_name() {
        for (spec, word) in [
            ("{worker: {}}", "worker"),
            ("{workers: {batchEvents: many}}", "many"),
            ("{workers: {maxReplicas: 5000}}", "spec.workers.maxReplicas"),
            ("{redis: {memory: 5}}", "spec.redis.memory"),
            ("{mongodb: {shards: 0}}", "spec.mongodb.shards: 0 is not within 1 to 32"),
            ("{redis: {durability: Never}}", "Never"),
        ] {
            let error = parse(spec).unwrap_err();
            assert!(error.contains(word), "{spec}: {error}");
        }
        assert!(
            Manifest::parse("apiVersion: v1\nkind: Pod\nmetadata: {name: x}")
                .unwrap_err()
                .contains("EventPipeline")
        );
    }
}
