//! Redis: one pod with a volume.

use crd::Durability;
use k8s_openapi::api::core::v1::{Container, PodSpec, ResourceRequirements};
use serde_json::Value;

use super::object::Object;
use super::pod::{self, Patience, tcp_probe};
use super::{labels, service, workload};
use crate::names::{Part, REDIS_PORT};
use crate::quantity::{self, MIB};
use crate::validate::ValidatedPipeline;

/// The password is in a file that only this process reads, and in no argument, environment or manifest.
const START: &str = "umask 077
printf 'requirepass %s\\n' \"$(cat /run/secrets/redis/password)\" > /tmp/redis.conf
exec redis-server /tmp/redis.conf \"$@\"
";
/// The container.
const CONTAINER: &str = "redis";
/// What is in memory is written down once more before it stops.
const GRACE_SECONDS: i64 = 60;

/// It listens while it loads; a full volume takes minutes to read.
const STARTUP: Patience = Patience { period_seconds: 1, failures: 600 };
const READY: Patience = Patience { period_seconds: 2, failures: 3 };
const LIVE: Patience = Patience { period_seconds: 10, failures: 6 };

/// Its Service; none when Redis is external.
pub fn services(pipeline: &ValidatedPipeline) -> Option<Object> {
    let selector = labels::selector(pipeline, Part::Redis);
    let name = pipeline.names.of(Part::Redis);
    pipeline
        .spec
        .redis
        .external
        .is_none()
        .then(|| service::headless(pipeline, name, Part::Redis, selector, ("redis", REDIS_PORT)).into())
}

/// Its StatefulSet; none when Redis is external.
pub fn stateful_set(pipeline: &ValidatedPipeline) -> Option<Object> {
    let redis = &pipeline.spec.redis;
    if redis.external.is_some() {
        return None;
    }
    let (name, selector) = (pipeline.names.of(Part::Redis), labels::selector(pipeline, Part::Redis));
    let command = ["/bin/sh", "-ec", START, "redis-server"];
    let container = Container {
        name: CONTAINER.to_owned(),
        image: Some(redis.component.image.clone().unwrap_or_else(|| pipeline.images.redis.clone())),
        command: Some(command.map(str::to_owned).into()),
        args: Some(flags(pipeline)),
        ports: Some(vec![pod::port("redis", REDIS_PORT)]),
        resources: Some(resources(pipeline)),
        startup_probe: Some(tcp_probe("redis", STARTUP)),
        readiness_probe: Some(tcp_probe("redis", READY)),
        liveness_probe: Some(tcp_probe("redis", LIVE)),
        volume_mounts: Some(vec![
            pod::mount(workload::DATA, "/data"),
            pod::read_only("password", "/run/secrets/redis"),
        ]),
        ..Container::default()
    };
    let spec = PodSpec {
        containers: vec![container],
        volumes: Some(vec![pod::secret_volume("password", name.clone(), "password")]),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        ..PodSpec::default()
    };
    let template = pod::template(pipeline, &selector, false, &redis.component, spec);
    let store = workload::Store {
        name,
        part: Part::Redis,
        selector,
        replicas: 1,
        storage_size: &redis.storage_size,
        storage_class_name: redis.storage_class_name.as_ref(),
    };
    Some(workload::stateful_set(pipeline, store, template).into())
}

/// Whether a change must wait: it takes memory away that the living Redis uses. One that has to load more than its limit
/// is killed again and again. `used` is `None` when it did not say.
pub fn gets_less_than_it_uses(object: &Object, living: &Value, used: Option<u64>) -> bool {
    let limit = |body: &Value| {
        let container = &body["spec"]["template"]["spec"]["containers"][0];
        let is_redis = container["name"] == CONTAINER;
        container["resources"]["limits"]["memory"].as_str().filter(|_| is_redis).and_then(quantity::whole)
    };
    match (limit(&object.body), limit(living)) {
        (Some(wanted), Some(there)) => wanted < there && used.is_none_or(|used| used / 10 * 16 > wanted),
        _ => false,
    }
}

/// Ids of the window have a TTL and go first when memory is short; frames have none and never go.
fn flags(pipeline: &ValidatedPipeline) -> Vec<String> {
    let fsync = match pipeline.spec.redis.durability {
        Durability::EverySecond => "everysec",
        Durability::Always => "always",
    };
    let (port, memory) = (REDIS_PORT.to_string(), pipeline.redis_memory_bytes.to_string());
    [
        ["--port", &port],
        ["--dir", "/data"],
        ["--daemonize", "no"],
        ["--save", ""],
        ["--appendonly", "yes"],
        ["--appendfsync", fsync],
        ["--maxmemory", &memory],
        ["--maxmemory-policy", "volatile-lru"],
        ["--lazyfree-lazy-eviction", "yes"],
        ["--lazyfree-lazy-expire", "yes"],
    ]
    .concat()
    .into_iter()
    .map(str::to_owned)
    .collect()
}

/// The limit is worked out from `memory` where the user gave none: without one a rewrite could take the node along.
fn resources(pipeline: &ValidatedPipeline) -> ResourceRequirements {
    let limit = quantity::mebibytes(pipeline.redis_limit_bytes());
    let request = quantity::mebibytes(pipeline.redis_memory_bytes / 2 + 64 * MIB);
    let mut given = pipeline.spec.redis.component.resources.clone();
    if let Some(resources) = &mut given {
        resources.limits.entry("memory".to_owned()).or_insert_with(|| limit.clone());
    }
    pod::resources(given.as_ref(), "50m", &request, &limit)
}
