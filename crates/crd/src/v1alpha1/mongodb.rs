//! MongoDB: a sharded cluster of config servers, shards and routers.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{Component, External, Resources};
use crate::bounds;
use crate::defaults::{self, block_defaults, number};

/// MongoDB: where events stay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.external) || (!has(self.image) && !has(self.resources) && !has(self.configResources) && !has(self.routerResources) && !has(self.storageClassName) && !has(self.nodeSelector) && !has(self.tolerations) && !has(self.topologySpread) && !has(self.labels) && !has(self.annotations) && self.shards == 2 && self.membersPerShard == 1 && self.configMembers == 1 && self.routers == 1 && self.storageSize == '5Gi' && self.configStorageSize == '1Gi')").message("`external` may not be combined with `image`, `shards`, `membersPerShard`, `configMembers`, `routers`, `storageSize`, `configStorageSize`, `resources`, `storageClassName` or where pods run: only a managed MongoDB has these"))]
#[x_kube(validation = Rule::new("has(self.external) == has(oldSelf.external)").message("`external` may not be added or removed: stored events would be left behind"))]
#[x_kube(validation = Rule::new("self.membersPerShard % 2 == 1").message("`membersPerShard` must be odd, so that a primary can be elected"))]
#[x_kube(validation = Rule::new("self.configMembers % 2 == 1").message("`configMembers` must be odd, so that a primary can be elected"))]
#[x_kube(validation = Rule::new("self.shards >= oldSelf.shards").message("`shards` may not be reduced: their events would be left behind"))]
#[x_kube(validation = Rule::new("self.membersPerShard == oldSelf.membersPerShard").message("`membersPerShard` may not be changed yet"))]
#[x_kube(validation = Rule::new("self.configMembers == oldSelf.configMembers").message("`configMembers` may not be changed yet"))]
#[x_kube(validation = Rule::new("quantity(self.storageSize).compareTo(quantity(oldSelf.storageSize)) >= 0").message("`storageSize` may not be reduced: volumes can only grow"))]
#[x_kube(validation = Rule::new("quantity(self.configStorageSize).compareTo(quantity(oldSelf.configStorageSize)) >= 0").message("`configStorageSize` may not be reduced: volumes can only grow"))]
#[x_kube(validation = Rule::new("(has(self.storageClassName) ? self.storageClassName : '') == (has(oldSelf.storageClassName) ? oldSelf.storageClassName : '')").message("`storageClassName` may not be changed: the volumes would have to move"))]
#[x_kube(validation = Rule::new("quantity(self.storageSize).isGreaterThan(quantity('0')) && quantity(self.storageSize).isLessThan(quantity('1Pi'))").message("`storageSize` must be above 0 and below 1Pi"))]
#[x_kube(validation = Rule::new("quantity(self.configStorageSize).isGreaterThan(quantity('0')) && quantity(self.configStorageSize).isLessThan(quantity('1Pi'))").message("`configStorageSize` must be above 0 and below 1Pi"))]
pub struct Mongodb {
    /// MongoDB of somebody else, 6.0 or newer, in place of a managed one. Key `url` of the Secret: `mongodb://` or
    /// `mongodb+srv://`. Its collections are not sharded by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// Shards that events are spread over, by user. More may be added at any time.
    #[serde(default = "number::<2>")]
    #[schemars(range(min = 1, max = 32))]
    pub shards: i32,
    /// Members of each shard's replica set; odd. One has no standby: while its pod is away, its events are.
    #[serde(default = "number::<1>")]
    #[schemars(range(min = 1, max = 7))]
    pub members_per_shard: i32,
    /// Members of the config servers' replica set; odd.
    #[serde(default = "number::<1>")]
    #[schemars(range(min = 1, max = 7))]
    pub config_members: i32,
    /// Routers (mongos) between services and shards.
    #[serde(default = "number::<1>")]
    #[schemars(range(min = 1, max = 32))]
    pub routers: i32,
    /// Days that events are kept, from when they were received.
    #[serde(default = "number::<30>")]
    #[schemars(range(min = 1, max = 36_500))]
    pub retention_days: i32,
    /// Size of the volume of each shard's member. It can grow where the storage class allows it.
    #[serde(default = "defaults::mongodb_storage")]
    #[schemars(schema_with = "bounds::quantity")]
    pub storage_size: String,
    /// Size of the volume of each config server.
    #[serde(default = "defaults::mongodb_config_storage")]
    #[schemars(schema_with = "bounds::quantity")]
    pub config_storage_size: String,
    /// Storage class of all these volumes. Absent: the cluster's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::object_name")]
    pub storage_class_name: Option<String>,
    /// CPU and memory of a config server; `resources` are those of a shard's member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_resources: Option<Resources>,
    /// CPU and memory of a router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router_resources: Option<Resources>,
    /// The pods of config servers, shards and routers.
    #[serde(flatten)]
    pub component: Component,
}

block_defaults!(Mongodb);
