//! What is. Derived from the cluster and the stores: erase it and it comes back, `scaling.learned` excepted.
//!
//! Two writers share it: `scaling` and the condition `ScalingActive` are the autoscaler's, the rest is the
//! reconciler's. No time stands here that moves while nothing changes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventPipelineStatus {
    /// Generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// What holds and what does not, each with a reason and what to do next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<WorkersStatus>,
    /// Events that wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<LagStatus>,
    /// The last decision about the number of workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<ScalingStatus>,
    /// Dead letters. Absent: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub dead_letters: Option<i64>,
    /// The sharded cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mongodb: Option<MongodbStatus>,
    /// Where to find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Endpoints>,
}

/// The workers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkersStatus {
    /// Workers that there are, those that start or stop included.
    #[schemars(range(min = 0))]
    pub replicas: i32,
    /// Workers that are ready.
    #[schemars(range(min = 0))]
    pub ready: i32,
    /// Selector of their pods.
    #[schemars(length(max = 512))]
    pub selector: String,
}

/// Events that wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LagStatus {
    /// Events that are not stored yet. Absent: not known, which is not 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub events: Option<i64>,
    /// How sure that number is.
    pub certainty: Certainty,
}

/// How sure a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Certainty {
    /// Counted.
    Known,
    /// Worked out from other numbers.
    Estimated,
    /// Nothing is known.
    Unknown,
}

impl Certainty {
    /// As people read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Known => "Known",
            Self::Estimated => "Estimated",
            Self::Unknown => "Unknown",
        }
    }
}

/// The last decision about the number of workers, and what the autoscaler learned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScalingStatus {
    /// Workers that there were to be, before the decision.
    #[schemars(range(min = 0))]
    pub current: i32,
    /// Workers that the decision asks for.
    #[schemars(range(min = 0))]
    pub desired: i32,
    /// The line of the law that answered, such as `BacklogAboveTarget`.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// The decision in a sentence, with its numbers.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// Events that waited. Absent: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub lag_events: Option<i64>,
    /// How sure that number was. Absent: not looked at yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub certainty: Option<String>,
    /// Age of the oldest event that waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub oldest_seconds: Option<i64>,
    /// Arrivals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub arrivals_per_second: Option<i64>,
    /// Events a second of one busy worker, as learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub worker_events_per_second: Option<i64>,
    /// Events a second that MongoDB takes at most, as learned. Absent: no such limit was met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub sink_ceiling_per_second: Option<i64>,
    /// Time from a decision to ready workers, as measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub startup_seconds: Option<i64>,
    /// What the terms of the law asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<ScalingTerms>,
    /// What cut the answer short.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub clamps: Vec<Clamp>,
    /// When the number was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Time>,
    /// What the autoscaler remembers over a restart of the operator; not for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub learned: Option<String>,
}

/// What the terms of the law asked for, in thousandths of a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScalingTerms {
    /// For the arrivals, with headroom.
    #[schemars(range(min = 0))]
    pub steady_milli: i64,
    /// So that nothing that waits gets too old.
    #[schemars(range(min = 0))]
    pub deadline_milli: i64,
    /// So that the backlog is worked off.
    #[schemars(range(min = 0))]
    pub drain_milli: i64,
}

/// A limit that cut the answer short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Clamp {
    /// The limit, such as `maxReplicas`.
    #[schemars(length(max = 64))]
    pub by: String,
    /// Workers before it.
    #[schemars(range(min = 0))]
    pub from: i32,
    /// Workers after it.
    #[schemars(range(min = 0))]
    pub to: i32,
}

/// The sharded cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct MongodbStatus {
    /// What is being done to set it up, or `Ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub step: Option<String>,
    /// Shards that are ready, of those asked for, such as `2/2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub shards_ready: Option<String>,
    /// The shards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub shards: Vec<ShardStatus>,
    /// The collections.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub collections: Vec<CollectionStatus>,
}

/// A shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShardStatus {
    /// Its name.
    #[schemars(length(max = 128))]
    pub name: String,
    /// Its replica set and members, as the config servers know them.
    #[schemars(length(max = 2048))]
    pub host: String,
    /// `Ready`, or what it lacks, such as `Uninitiated` or `NotAdded`.
    #[schemars(length(max = 32))]
    pub state: String,
}

/// A collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CollectionStatus {
    /// Its name.
    #[schemars(length(max = 128))]
    pub name: String,
    /// Whether it is spread over the shards.
    pub sharded: bool,
}

/// Where to find the pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    /// Where events are sent to.
    #[schemars(length(max = 512))]
    pub api: String,
    /// The console. Absent: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub console: Option<String>,
    /// Secret with the first API key and the first administrator: `api-key`, `admin-email`, `admin-password`.
    #[schemars(length(max = 253))]
    pub credentials_secret: String,
}
