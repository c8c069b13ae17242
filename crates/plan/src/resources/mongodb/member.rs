//! Members of replica sets: `mongod` with a volume and the key file.

use std::collections::BTreeMap;

use crd::Resources;
use k8s_openapi::api::core::v1::{Container, EmptyDirVolumeSource, PodSpec, ResourceRequirements, Volume};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::ReplicaSet;
use crate::names::{MONGODB_PORT, Part};
use crate::quantity::{self, MIB};
use crate::resources::labels::{self, Map};
use crate::resources::object::Object;
use crate::resources::pod::{self, Patience, tcp_probe};
use crate::resources::workload::{self, Store};
use crate::validate::ValidatedPipeline;

/// Where the key lies for the server: in memory, readable by its owner only. It refuses a file that a group may read,
/// which is all that a Secret's volume can be.
const KEY_FILE: &str = "/run/mongodb/keyfile";
/// `install` replaces what a former start of the same pod left.
const COPY_KEY: &str = "exec install -m 0400 /run/secrets/mongodb/keyfile /run/mongodb/keyfile";
/// A member that steps down and writes what is in memory.
const GRACE_SECONDS: i64 = 120;
/// The least cache that WiredTiger takes, in MiB; the manual's own default is half of what is above 1 GiB.
const CACHE_MIB_MIN: u64 = 256;

/// It does not listen before it has recovered; after a crash with a long journal that takes its time.
const STARTUP: Patience = Patience { period_seconds: 1, failures: 3600 };
const READY: Patience = Patience { period_seconds: 2, failures: 3 };
const LIVE: Patience = Patience { period_seconds: 10, failures: 6 };

/// The config servers.
pub fn config(pipeline: &ValidatedPipeline) -> Object {
    let mongodb = &pipeline.spec.mongodb;
    let resources = (mongodb.config_resources.as_ref(), "768Mi");
    let selector = labels::selector(pipeline, Part::Config);
    let set = super::config_set(pipeline);
    stateful_set(
        pipeline,
        &set,
        Part::Config,
        selector,
        "--configsvr",
        resources,
        &mongodb.config_storage_size,
    )
}

/// A shard.
pub fn shard(pipeline: &ValidatedPipeline, index: i32) -> Object {
    let mongodb = &pipeline.spec.mongodb;
    let resources = (mongodb.component.resources.as_ref(), "1Gi");
    let selector = labels::shard_selector(pipeline, index);
    let set = super::set(pipeline, pipeline.names.shard(index), mongodb.members_per_shard);
    stateful_set(pipeline, &set, Part::Shard, selector, "--shardsvr", resources, &mongodb.storage_size)
}

fn stateful_set(
    pipeline: &ValidatedPipeline,
    set: &ReplicaSet,
    part: Part,
    selector: Map,
    role: &str,
    (given, memory_limit): (Option<&Resources>, &str),
    storage_size: &str,
) -> Object {
    let mongodb = &pipeline.spec.mongodb;
    let members = if part == Part::Config { mongodb.config_members } else { mongodb.members_per_shard };
    let resources = pod::resources(given, "50m", "256Mi", memory_limit);
    let number = MONGODB_PORT.to_string();
    let cache = cache_gb(&resources);
    let mut command = vec!["mongod", "--replSet", &set.name, role, "--dbpath", "/data/db"];
    command.extend(["--wiredTigerCacheSizeGB", &cache]);
    command.extend(common_flags(&number));
    let container = Container {
        name: "mongod".to_owned(),
        image: Some(image(pipeline)),
        command: Some(command.into_iter().map(str::to_owned).collect()),
        ports: Some(vec![pod::port("mongodb", MONGODB_PORT)]),
        resources: Some(resources),
        startup_probe: Some(tcp_probe("mongodb", STARTUP)),
        readiness_probe: Some(tcp_probe("mongodb", READY)),
        liveness_probe: Some(tcp_probe("mongodb", LIVE)),
        volume_mounts: Some(vec![
            pod::mount(workload::DATA, "/data/db"),
            pod::read_only("key", "/run/mongodb"),
        ]),
        ..Container::default()
    };
    let spec = PodSpec {
        init_containers: Some(vec![copy_key(pipeline)]),
        containers: vec![container],
        volumes: Some(key_volumes(pipeline)),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        ..PodSpec::default()
    };
    let template = pod::template(pipeline, &selector, members > 1, &mongodb.component, spec);
    let store = Store {
        name: set.name.clone(),
        part,
        selector,
        replicas: members,
        storage_size,
        storage_class_name: mongodb.storage_class_name.as_ref(),
    };
    workload::stateful_set(pipeline, store, template).into()
}

/// Half of the limit above 1 GiB, or of what is requested where there is no limit: without a number of its own each server
/// would take what it thinks the machine has.
fn cache_gb(resources: &ResourceRequirements) -> String {
    let memory =
        |amounts: &Option<BTreeMap<String, Quantity>>| quantity::whole(&amounts.as_ref()?.get("memory")?.0);
    let limit = memory(&resources.limits).or_else(|| memory(&resources.requests));
    let mib = limit.map_or(0, |bytes| (bytes / MIB).saturating_sub(1024) / 2).max(CACHE_MIB_MIN);
    format!("{}.{:02}", mib / 1024, mib % 1024 * 100 / 1024)
}

/// Flags of every server of the cluster. The exception for a first login from the same host is shut: nobody needs it.
pub(super) fn common_flags(port: &str) -> [&str; 7] {
    ["--port", port, "--bind_ip_all", "--keyFile", KEY_FILE, "--setParameter", "enableLocalhostAuthBypass=0"]
}

/// The image of every server of the cluster.
pub(super) fn image(pipeline: &ValidatedPipeline) -> String {
    pipeline.spec.mongodb.component.image.clone().unwrap_or_else(|| pipeline.images.mongo.clone())
}

/// The init container that makes the key file the server's own.
pub(super) fn copy_key(pipeline: &ValidatedPipeline) -> Container {
    Container {
        name: "key".to_owned(),
        image: Some(image(pipeline)),
        command: Some(["/bin/sh", "-ec", COPY_KEY].map(str::to_owned).into()),
        resources: Some(pod::resources(None, "10m", "16Mi", "64Mi")),
        volume_mounts: Some(vec![
            pod::read_only("keyfile", "/run/secrets/mongodb"),
            pod::mount("key", "/run/mongodb"),
        ]),
        ..Container::default()
    }
}

/// The Secret's key, and the place in memory that it is copied to.
pub(super) fn key_volumes(pipeline: &ValidatedPipeline) -> Vec<Volume> {
    let memory =
        EmptyDirVolumeSource { medium: Some("Memory".to_owned()), ..EmptyDirVolumeSource::default() };
    vec![
        pod::secret_volume("keyfile", pipeline.names.mongodb_secret(), "keyfile"),
        Volume { name: "key".to_owned(), empty_dir: Some(memory), ..Volume::default() },
    ]
}
