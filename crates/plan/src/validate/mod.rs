//! From a spec to a [`ValidatedPipeline`], or to the list of what is wrong with it. What comes after cannot fail.
//!
//! The API server has checked most of it already. It is checked again because an older definition may be installed,
//! which lacks rules, and because objects may be older than a rule.

mod fault;
mod pods;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crd::{Authentication, EventPipeline, EventPipelineSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::images::Images;
use crate::names::Names;
use crate::quantity::{self, MIB};
pub use fault::Fault;

/// Below this Redis has no room for a frame of each request in flight.
const REDIS_MEMORY_MIN: u64 = 16 * MIB;
/// Ports of nodes that Services may have.
const NODE_PORTS: RangeInclusive<i32> = 30_000..=32_767;
/// A worker that waits longer for each insert is not slow but dead.
const SLOW_INSERTS_MS_MAX: u32 = 60_000;

/// What a plan depends on besides the pipeline: the operator and its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Images of the operator's release.
    pub images: Images,
    /// Domain of the cluster's Services, mostly `cluster.local`. It goes into MongoDB's configurations for good.
    pub cluster_domain: String,
    /// Labels by which a Prometheus finds a `PodMonitor`; `None` where the cluster lacks the kind.
    pub pod_monitors: Option<BTreeMap<String, String>>,
    /// The operator's own namespace, which network policies let in; `None`: not known.
    pub namespace: Option<String>,
}

/// A pipeline that can be built. There is no other way to one than [`validate`].
#[derive(Clone, Debug, PartialEq)]
pub struct ValidatedPipeline {
    pub(crate) names: Names,
    pub(crate) owner: OwnerReference,
    pub(crate) generation: i64,
    pub(crate) images: Images,
    pub(crate) redis_memory_bytes: u64,
    pub(crate) slow_inserts_ms: Option<u32>,
    pub(crate) pod_monitors: Option<BTreeMap<String, String>>,
    pub(crate) operator_namespace: Option<String>,
    pub(crate) spec: EventPipelineSpec,
}

impl ValidatedPipeline {
    /// Names of its objects.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// What was asked for, defaults filled in.
    pub fn spec(&self) -> &EventPipelineSpec {
        &self.spec
    }

    /// Generation of that spec.
    pub fn generation(&self) -> i64 {
        self.generation
    }

    /// The owner of its objects.
    pub fn owner(&self) -> &OwnerReference {
        &self.owner
    }

    /// `maxmemory` of a managed Redis.
    pub fn redis_memory_bytes(&self) -> u64 {
        self.redis_memory_bytes
    }

    /// Memory of a managed Redis's container: rewriting the append-only file forks, and pages written meanwhile are
    /// there twice.
    pub fn redis_limit_bytes(&self) -> u64 {
        redis_limit(self.redis_memory_bytes)
    }
}

fn redis_limit(memory: u64) -> u64 {
    memory / 10 * 16 + 64 * MIB
}

/// The pipeline as its parts run: as the spec says or, where that cannot be built, as the last valid one did. The faults
/// where neither is known.
pub fn in_force(
    pipeline: &EventPipeline,
    last: Option<&EventPipeline>,
    installation: &Installation,
) -> Result<ValidatedPipeline, Vec<Fault>> {
    let before = || last.and_then(|last| validate(last, installation).ok());
    validate(pipeline, installation).or_else(|faults| before().ok_or(faults))
}

/// Checks everything at once, so that a user need not mend one fault after the other.
pub fn validate(
    pipeline: &EventPipeline,
    installation: &Installation,
) -> Result<ValidatedPipeline, Vec<Fault>> {
    let (meta, spec) = (&pipeline.metadata, &pipeline.spec);
    let mut faults = Vec::new();
    let name = meta.name.as_deref().unwrap_or_default();
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    if namespace.is_empty() {
        faults.push(Fault::NotStored("namespace"));
    }
    let names = Names::new(name, namespace, &installation.cluster_domain);
    if names.is_none() {
        faults.push(Fault::Name(name.to_owned()));
    }
    let owner = crd::owner_reference(pipeline);
    if owner.is_none() {
        faults.push(Fault::NotStored("uid"));
    }
    ranges(spec, &mut faults);
    let redis_memory_bytes = amounts(spec, &mut faults);
    pods::resources(spec, redis_memory_bytes, &mut faults);
    pods::pods(spec, &mut faults);
    outside(spec, &mut faults);
    let slow_inserts_ms = slow_inserts(pipeline, &mut faults);
    match (names, owner) {
        (Some(names), Some(owner)) if faults.is_empty() => Ok(ValidatedPipeline {
            names,
            owner,
            generation: meta.generation.unwrap_or_default(),
            images: installation.images.with(&spec.image),
            redis_memory_bytes,
            slow_inserts_ms,
            pod_monitors: installation.pod_monitors.clone(),
            operator_namespace: installation.namespace.clone(),
            spec: spec.clone(),
        }),
        _ => Err(faults),
    }
}

/// The numbers that objects are made of; services check those that only they read.
fn ranges(spec: &EventPipelineSpec, faults: &mut Vec<Fault>) {
    let (workers, mongodb) = (&spec.workers, &spec.mongodb);
    if workers.min_replicas > workers.max_replicas {
        faults.push(Fault::MinAboveMax { min: workers.min_replicas, max: workers.max_replicas });
    }
    for (field, value, least, most) in [
        ("spec.api.replicas", spec.api.replicas, 1, 100),
        ("spec.workers.replicas", workers.replicas, 0, 1000),
        ("spec.workers.minReplicas", workers.min_replicas, 0, 1000),
        ("spec.workers.maxReplicas", workers.max_replicas, 1, 1000),
        ("spec.workers.drainTimeoutSeconds", workers.drain_timeout_seconds, 1, 3600),
        ("spec.redis.partitions", spec.redis.partitions, 1, 256),
        ("spec.mongodb.shards", mongodb.shards, 1, 32),
        ("spec.mongodb.membersPerShard", mongodb.members_per_shard, 1, 7),
        ("spec.mongodb.configMembers", mongodb.config_members, 1, 7),
        ("spec.mongodb.routers", mongodb.routers, 1, 32),
    ] {
        if !(least..=most).contains(&value) {
            faults.push(Fault::OutOfRange { field, value, least, most });
        }
    }
    for (field, port) in
        [("spec.api.nodePort", spec.api.node_port), ("spec.console.nodePort", spec.console.node_port)]
    {
        if let Some(value) = port.filter(|port| !NODE_PORTS.contains(port)) {
            let (least, most) = NODE_PORTS.into_inner();
            faults.push(Fault::OutOfRange { field, value, least, most });
        }
    }
    for (field, value) in [
        ("spec.mongodb.membersPerShard", mongodb.members_per_shard),
        ("spec.mongodb.configMembers", mongodb.config_members),
    ] {
        if value % 2 == 0 {
            faults.push(Fault::Even { field, value });
        }
    }
}

fn amounts(spec: &EventPipelineSpec, faults: &mut Vec<Fault>) -> u64 {
    let mut read = |field: &str, text: &str| {
        let amount = quantity::whole(text);
        if amount.is_none() {
            faults.push(Fault::NotAnAmount { field: field.to_owned(), text: text.to_owned() });
        } else if amount == Some(0) {
            faults.push(Fault::Zero(field.to_owned()));
        }
        amount
    };
    let memory = read("spec.redis.memory", &spec.redis.memory);
    let storage = read("spec.redis.storageSize", &spec.redis.storage_size);
    read("spec.postgres.storageSize", &spec.postgres.storage_size);
    read("spec.mongodb.storageSize", &spec.mongodb.storage_size);
    read("spec.mongodb.configStorageSize", &spec.mongodb.config_storage_size);
    if memory.is_some_and(|memory| memory < REDIS_MEMORY_MIN) {
        faults.push(Fault::RedisMemory(spec.redis.memory.clone()));
    }
    if let (Some(memory), Some(storage), None) = (memory, storage, &spec.redis.external)
        && storage < memory.saturating_mul(2)
    {
        faults.push(Fault::RedisStorage {
            size: spec.redis.storage_size.clone(),
            memory: spec.redis.memory.clone(),
        });
    }
    memory.unwrap_or_default()
}

fn outside(spec: &EventPipelineSpec, faults: &mut Vec<Fault>) {
    let exact = |origin: &&String| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        !host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', '?', '#', ' ', ',']))
    };
    faults.extend(spec.api.allowed_origins.iter().filter(exact).cloned().map(Fault::Origin));
    if spec.ingress.is_some() && spec.api.authentication == Authentication::None {
        faults.push(Fault::OpenIngress);
    }
    // A field that were silently ignored would be worse than one that is refused. A row goes when a service obeys it.
    for (asked, field, instead) in [
        (spec.api.authentication == Authentication::None, "spec.api.authentication: None", "use APIKey"),
        (spec.observability.tracing.endpoint.is_some(), "spec.observability.tracing.endpoint", "remove it"),
    ] {
        if asked {
            faults.push(Fault::NotOffered { field, instead });
        }
    }
}

fn slow_inserts(pipeline: &EventPipeline, faults: &mut Vec<Fault>) -> Option<u32> {
    let text = pipeline.metadata.annotations.as_ref()?.get(crd::SLOW_INSERTS_ANNOTATION)?;
    let number = text.parse().ok().filter(|ms| *ms <= SLOW_INSERTS_MS_MAX);
    if number.is_none() {
        faults.push(Fault::Annotation { name: crd::SLOW_INSERTS_ANNOTATION, text: text.clone() });
    }
    number
}
