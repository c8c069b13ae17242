//! Redis and PostgreSQL, and what a store that is not managed looks like.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Component;
use crate::bounds;
use crate::defaults::{self, block_defaults, number};

/// A store that somebody else runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct External {
    /// Secret of the same namespace whose key `url` is the address of the store, with its user and password.
    #[schemars(schema_with = "bounds::object_name")]
    pub secret_name: String,
}

/// Redis: the queue between the API and the workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.external) || (!has(self.image) && !has(self.resources) && !has(self.storageClassName) && !has(self.nodeSelector) && !has(self.tolerations) && !has(self.topologySpread) && !has(self.labels) && !has(self.annotations) && self.memory == '512Mi' && self.storageSize == '2Gi' && self.durability == 'EverySecond')").message("`external` may not be combined with `image`, `memory`, `storageSize`, `durability`, `resources`, `storageClassName` or where pods run: only a managed Redis has these"))]
#[x_kube(validation = Rule::new("has(self.external) == has(oldSelf.external)").message("`external` may not be added or removed: queued events would be left behind"))]
#[x_kube(validation = Rule::new("self.partitions >= oldSelf.partitions").message("`partitions` may not be reduced: events queued in them would be left behind"))]
#[x_kube(validation = Rule::new("quantity(self.storageSize).compareTo(quantity(oldSelf.storageSize)) >= 0").message("`storageSize` may not be reduced: volumes can only grow"))]
#[x_kube(validation = Rule::new("(has(self.storageClassName) ? self.storageClassName : '') == (has(oldSelf.storageClassName) ? oldSelf.storageClassName : '')").message("`storageClassName` may not be changed: the volume would have to move"))]
#[x_kube(validation = Rule::new("quantity(self.memory).compareTo(quantity('16Mi')) >= 0").message("`memory` must be at least 16Mi"))]
#[x_kube(validation = Rule::new("quantity(self.storageSize).isLessThan(quantity('1Pi'))").message("`storageSize` must be below 1Pi"))]
#[x_kube(validation = Rule::new("has(self.external) || quantity(self.storageSize).compareTo(quantity(self.memory).add(quantity(self.memory))) >= 0").message("`storageSize` must be at least twice `memory`: rewriting its file needs room for a second one"))]
pub struct Redis {
    /// Redis (7 or newer) of somebody else, in place of a managed one. Key `url` of the Secret: `redis://` or `rediss://`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// Streams of the pipeline. One serves any number of workers. No Redis Cluster yet.
    #[serde(default = "number::<1>")]
    #[schemars(range(min = 1, max = 256))]
    pub partitions: i32,
    /// When an event is on disk. `EverySecond`: the crash of a node may lose up to 2 s of acknowledged events.
    /// `Always`: none, and slower.
    #[serde(default)]
    pub durability: Durability,
    /// Memory for queued events (`maxmemory`). The pod's limit is 1.6 times as much and 64Mi.
    #[serde(default = "defaults::redis_memory")]
    #[schemars(schema_with = "bounds::quantity")]
    pub memory: String,
    /// Size of the volume, at least twice `memory`. It can grow where the storage class allows it.
    #[serde(default = "defaults::redis_storage")]
    #[schemars(schema_with = "bounds::quantity")]
    pub storage_size: String,
    /// Storage class of the volume. Absent: the cluster's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::object_name")]
    pub storage_class_name: Option<String>,
    /// The pod.
    #[serde(flatten)]
    pub component: Component,
}

/// When an event is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Durability {
    /// Within a second or two.
    #[default]
    EverySecond,
    /// Before it is acknowledged.
    Always,
}

/// PostgreSQL: people and API keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.external) || (!has(self.image) && !has(self.resources) && !has(self.storageClassName) && !has(self.nodeSelector) && !has(self.tolerations) && !has(self.topologySpread) && !has(self.labels) && !has(self.annotations) && self.storageSize == '1Gi')").message("`external` may not be combined with `image`, `storageSize`, `resources`, `storageClassName` or where pods run: only a managed PostgreSQL has these"))]
#[x_kube(validation = Rule::new("has(self.external) == has(oldSelf.external)").message("`external` may not be added or removed: people and API keys would be left behind"))]
#[x_kube(validation = Rule::new("quantity(self.storageSize).compareTo(quantity(oldSelf.storageSize)) >= 0").message("`storageSize` may not be reduced: volumes can only grow"))]
#[x_kube(validation = Rule::new("(has(self.storageClassName) ? self.storageClassName : '') == (has(oldSelf.storageClassName) ? oldSelf.storageClassName : '')").message("`storageClassName` may not be changed: the volume would have to move"))]
#[x_kube(validation = Rule::new("quantity(self.storageSize).isGreaterThan(quantity('0')) && quantity(self.storageSize).isLessThan(quantity('1Pi'))").message("`storageSize` must be above 0 and below 1Pi"))]
pub struct Postgres {
    /// PostgreSQL of somebody else, 15 or newer, in place of a managed one. Key `url` of the Secret: `postgres://`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// Size of the volume. It can grow where the storage class allows it.
    #[serde(default = "defaults::postgres_storage")]
    #[schemars(schema_with = "bounds::quantity")]
    pub storage_size: String,
    /// Storage class of the volume. Absent: the cluster's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::object_name")]
    pub storage_class_name: Option<String>,
    /// The pod.
    #[serde(flatten)]
    pub component: Component,
}

block_defaults!(Redis, Postgres);
