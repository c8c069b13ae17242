//! From a spec to a [`ValidatedPipeline`], or to the list of what is wrong with it. What comes after cannot fail.
//!
//! The API server has checked most of it already. It is checked again because an older definition may be installed,
//! which lacks rules, and because objects may be older than a rule.

use std::ops::RangeInclusive;

use crd::{
    Authentication, Component, ConsoleAccess, EventPipeline, EventPipelineSpec, Resources, Toleration,
    TolerationOperator,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use thiserror::Error;

use crate::images::Images;
use crate::names::Names;
use crate::quantity::{self, MIB};
use crate::syntax;

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
    /// Whether the cluster has the kind PodMonitor.
    pub pod_monitors: bool,
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
    pub(crate) pod_monitors: bool,
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

/// One thing that is wrong with a spec, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the fields are the holes of the messages above them")]
pub enum Fault {
    /// A name that Services cannot have.
    #[error(
        "`metadata.name`: {0:?} must begin with a small letter, have only small letters, digits and hyphens, and at \
         most 40 of them; create the pipeline under such a name"
    )]
    Name(String),
    /// Not from an API server.
    #[error("`metadata.{0}` is missing: the pipeline was not read from an API server")]
    NotStored(&'static str),
    /// `minReplicas` above `maxReplicas`.
    #[error("`spec.workers.minReplicas`: {min} must be less than or equal to `maxReplicas`, {max}")]
    MinAboveMax { min: i32, max: i32 },
    /// A number outside its bounds.
    #[error("`{field}`: {value} must be within {least} to {most}")]
    OutOfRange { field: &'static str, value: i32, least: i32, most: i32 },
    /// A replica set that could not elect.
    #[error("`{field}`: {value} must be odd so that a replica set can elect a primary")]
    Even { field: &'static str, value: i32 },
    /// Text that is no amount.
    #[error("`{field}`: {text:?} must be an amount such as 512Mi or 2Gi")]
    NotAnAmount { field: String, text: String },
    /// A volume of no size.
    #[error("`{0}` must be above 0")]
    Zero(String),
    /// Text that is no key of a label.
    #[error(
        "`{field}`: the key {key:?} must be a name of at most 63 letters, digits, `-`, `_` and `.`, that begins and ends \
         with a letter or digit, if need be with a domain and `/` before it"
    )]
    Key { field: String, key: String },
    /// Text that is no value of a label.
    #[error(
        "`{field}`: {value:?}, the value of `{key}`, must have at most 63 letters, digits, `-`, `_` and `.`, and begin \
         and end with a letter or digit"
    )]
    Value { field: String, key: String, value: String },
    /// A resource that containers do not have.
    #[error(
        "`{field}`: {name:?} must be cpu, memory, ephemeral-storage or a name with a domain such as example.com/gpu"
    )]
    Resource { field: &'static str, name: String },
    /// A toleration that contradicts itself.
    #[error("`{field}`: {why}")]
    Toleration { field: String, why: &'static str },
    /// Too little memory for the queue.
    #[error("`spec.redis.memory`: {0} must be at least 16Mi")]
    RedisMemory(String),
    /// No room for a second append-only file.
    #[error("`spec.redis.storageSize`: {size} must be at least twice `memory`, {memory}")]
    RedisStorage { size: String, memory: String },
    /// Redis would be killed when it rewrites its file.
    #[error(
        "`spec.redis.resources.limits.memory`: {given} must be at least {needed}, 1.6 times `memory` and 64Mi"
    )]
    RedisLimit { given: String, needed: String },
    /// A pod that Kubernetes refuses.
    #[error("`{field}`: the request of {what}, {request}, may not be above its limit, {limit}")]
    RequestAboveLimit { field: &'static str, what: String, request: String, limit: String },
    /// An origin with a path, or any origin.
    #[error("`spec.api.allowedOrigins`: {0:?} must be an exact origin such as https://app.example.com")]
    Origin(String),
    /// An open API on the internet.
    #[error(
        "`spec.ingress` may not be combined with `spec.api.authentication: None`: anyone could send and read events"
    )]
    OpenIngress,
    /// A field that this release does not obey.
    #[error("`{field}` is not obeyed by this release; {instead}")]
    NotOffered { field: &'static str, instead: &'static str },
    /// A number in an annotation.
    #[error("annotation `{name}`: {text:?} must be milliseconds, at most 60000")]
    Annotation { name: &'static str, text: String },
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
    resources(spec, redis_memory_bytes, &mut faults);
    pods(spec, &mut faults);
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
            pod_monitors: installation.pod_monitors,
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

fn resources(spec: &EventPipelineSpec, redis_memory: u64, faults: &mut Vec<Fault>) {
    let mongodb = &spec.mongodb;
    for (field, resources) in [
        ("spec.api.resources", &spec.api.component.resources),
        ("spec.workers.resources", &spec.workers.component.resources),
        ("spec.redis.resources", &spec.redis.component.resources),
        ("spec.postgres.resources", &spec.postgres.component.resources),
        ("spec.mongodb.resources", &mongodb.component.resources),
        ("spec.mongodb.configResources", &mongodb.config_resources),
        ("spec.mongodb.routerResources", &mongodb.router_resources),
    ] {
        if let Some(resources) = resources {
            fits(field, resources, faults);
        }
    }
    let limit = spec.redis.component.resources.as_ref().and_then(|resources| resources.limits.get("memory"));
    let needed = redis_limit(redis_memory);
    if let Some(given) = limit
        && quantity::whole(given).is_some_and(|bytes| bytes < needed)
    {
        faults.push(Fault::RedisLimit { given: given.clone(), needed: quantity::mebibytes(needed) });
    }
}

/// Requests within limits. All amounts are compared in thousandths, as CPU has them.
fn fits(field: &'static str, resources: &Resources, faults: &mut Vec<Fault>) {
    for (what, amount) in resources.requests.iter().chain(&resources.limits) {
        if !syntax::is_resource(what) {
            faults.push(Fault::Resource { field, name: what.clone() });
        }
        if quantity::milli(amount).is_none() {
            faults.push(Fault::NotAnAmount { field: format!("{field}: {what}"), text: amount.clone() });
        }
    }
    for (what, request) in &resources.requests {
        if let Some(limit) = resources.limits.get(what)
            && quantity::milli(request) > quantity::milli(limit)
        {
            faults.push(Fault::RequestAboveLimit {
                field,
                what: what.clone(),
                request: request.clone(),
                limit: limit.clone(),
            });
        }
    }
}

/// What the API server would refuse in pods, under the fields that it comes from.
fn pods(spec: &EventPipelineSpec, faults: &mut Vec<Fault>) {
    for (part, component) in [
        ("api", &spec.api.component),
        ("workers", &spec.workers.component),
        ("redis", &spec.redis.component),
        ("postgres", &spec.postgres.component),
        ("mongodb", &spec.mongodb.component),
    ] {
        labels(part, component, faults);
        let field = || format!("spec.{part}.tolerations");
        for toleration in &component.tolerations {
            let (key, value) = (toleration.key.clone(), toleration.value.clone().unwrap_or_default());
            if let Some(why) = contradiction(toleration) {
                faults.push(Fault::Toleration { field: field(), why });
            }
            if let Some(key) = key.clone().filter(|key| !syntax::is_key(key)) {
                faults.push(Fault::Key { field: field(), key });
            }
            if !syntax::is_value(&value) {
                faults.push(Fault::Value { field: field(), key: key.unwrap_or_default(), value });
            }
        }
    }
}

fn labels(part: &str, component: &Component, faults: &mut Vec<Fault>) {
    let key = |field: &str, key: &str| {
        (!syntax::is_key(key))
            .then(|| Fault::Key { field: format!("spec.{part}.{field}"), key: key.to_owned() })
    };
    for (field, labels) in [("labels", &component.labels), ("nodeSelector", &component.node_selector)] {
        faults.extend(labels.keys().filter_map(|name| key(field, name)));
        faults.extend(labels.iter().filter(|(_, value)| !syntax::is_value(value)).map(|(key, value)| {
            let (key, value) = (key.clone(), value.clone());
            Fault::Value { field: format!("spec.{part}.{field}"), key, value }
        }));
    }
    // Their case is not looked at.
    let annotations = component.annotations.keys().map(|name| name.to_ascii_lowercase());
    faults.extend(annotations.filter_map(|name| key("annotations", &name)));
    let places = component.topology_spread.iter().map(|spread| &spread.topology_key);
    faults.extend(places.filter_map(|name| key("topologySpread", name)));
}

fn contradiction(toleration: &Toleration) -> Option<&'static str> {
    let exists = toleration.operator == TolerationOperator::Exists;
    if exists && toleration.value.is_some() {
        Some("`value` may not be set when `operator` is Exists")
    } else if !exists && toleration.key.is_none() {
        Some("`key` must be set unless `operator` is Exists")
    } else if toleration.toleration_seconds.is_some() && toleration.effect.as_deref() != Some("NoExecute") {
        Some("`tolerationSeconds` may only be set when `effect` is NoExecute")
    } else {
        None
    }
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
        (
            spec.console.access == ConsoleAccess::ReadOnly,
            "spec.console.access: ReadOnly",
            "use ReadWrite or Disabled",
        ),
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
