//! The root of the API: `EventPipeline` and its `spec`.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Api, Console, EventPipelineStatus, Ingress, Mongodb, NetworkPolicyMode, Observability, Postgres, Redis,
    Workers,
};

/// A pipeline: takes events over HTTP, keeps every one it acknowledged, and stores each once in a sharded MongoDB.
#[derive(Clone, Debug, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "eventpipeline.dev",
    version = "v1alpha1",
    kind = "EventPipeline",
    plural = "eventpipelines",
    shortname = "epl",
    category = "eventpipeline",
    namespaced,
    doc = "A pipeline: takes events over HTTP, keeps every one it acknowledged, and stores each once in a sharded MongoDB. `spec: {}` is a working one.",
    status = "EventPipelineStatus",
    derive = "PartialEq",
    scale(
        spec_replicas_path = ".spec.workers.replicas",
        status_replicas_path = ".status.workers.replicas",
        label_selector_path = ".status.workers.selector"
    ),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#, description = "Whether events are taken and stored"),
    printcolumn(name = "Status", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#, description = "Why"),
    printcolumn(name = "Workers", type_ = "integer", json_path = ".status.workers.replicas", description = "Workers that there are"),
    printcolumn(name = "Lag", type_ = "integer", json_path = ".status.lag.events", description = "Events that wait; empty when that is not known"),
    printcolumn(name = "DLQ", type_ = "integer", json_path = ".status.deadLetters", description = "Dead letters"),
    printcolumn(name = "Shards", type_ = "string", json_path = ".status.mongodb.shardsReady", description = "Shards that are ready, of those asked for"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "API", type_ = "string", json_path = ".status.endpoints.api", priority = 1, description = "Where events are sent to"),
    printcolumn(name = "Message", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].message"#, priority = 1, description = "What to do next"),
    validation = Rule::new("size(self.metadata.name) <= 40").message("`metadata.name` must be at most 40 characters so that the names of its objects fit"),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message("`metadata.name` must begin with a small letter and have only small letters, digits and hyphens: Services are named after it")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.ingress) || self.api.authentication != 'None'").message("`ingress` may not be combined with `api.authentication: None`: anyone could send and read events"))]
pub struct EventPipelineSpec {
    /// Whether the pipeline runs. `Paused`: workers go away, events are taken and queue up. `Stopped`: events are
    /// refused with 503, too.
    #[serde(default)]
    pub desired_state: DesiredState,
    /// What happens to volumes and generated Secrets when the pipeline is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Where images come from.
    #[serde(default)]
    pub image: Image,
    /// The HTTP API.
    #[serde(default)]
    pub api: Api,
    /// The workers and how many there are.
    #[serde(default)]
    pub workers: Workers,
    /// The queue.
    #[serde(default)]
    pub redis: Redis,
    /// People and API keys.
    #[serde(default)]
    pub postgres: Postgres,
    /// Where events stay.
    #[serde(default)]
    pub mongodb: Mongodb,
    /// Pages for people.
    #[serde(default)]
    pub console: Console,
    /// A host for API and console. Absent: they are reached through their Services only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Ingress>,
    /// Whether network policies close what needs not be open.
    #[serde(default)]
    pub network_policy: NetworkPolicyMode,
    /// Metrics and traces.
    #[serde(default)]
    pub observability: Observability,
}

/// Whether the pipeline runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DesiredState {
    /// Events are taken and stored.
    #[default]
    Running,
    /// Events are taken and queue up.
    Paused,
    /// Events are refused.
    Stopped,
}

/// What happens to data when the pipeline is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Volumes and generated Secrets stay; a pipeline of the same name finds them again.
    #[default]
    Retain,
    /// Volumes and generated Secrets are deleted.
    Delete,
}

/// Where images come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// Registry, with a path if need be, that all images of the pipeline are pulled from, such as
    /// `registry.example.com/mirror`. Absent: the registries of the operator's release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-zA-Z0-9][-a-zA-Z0-9._:/]*[a-zA-Z0-9]$"))]
    pub registry: Option<String>,
    /// Tag of the API's and the workers' image. Absent: the operator's own release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"))]
    pub tag: Option<String>,
    /// When images are pulled.
    #[serde(default)]
    pub pull_policy: PullPolicy,
}

/// When images are pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PullPolicy {
    /// If the node has them not.
    #[default]
    IfNotPresent,
    /// At every start of a pod.
    Always,
    /// Never.
    Never,
}
