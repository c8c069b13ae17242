//! What lies around a pipeline: ingress, network policies, monitoring.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::defaults::{block_defaults, number};

/// A host under which the API, and the console if there is one, are reached from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ingress {
    /// Host name, such as `events.example.com`.
    #[schemars(schema_with = "bounds::object_name")]
    pub host: String,
    /// Ingress class. Absent: the cluster's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::object_name")]
    pub class_name: Option<String>,
    /// Secret of the same namespace with the certificate of `host`. Absent: no TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::object_name")]
    pub tls_secret_name: Option<String>,
}

/// Whether network policies close what needs not be open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NetworkPolicyMode {
    /// Every part is reached only by those that need it.
    Enabled,
    /// No network policies.
    #[default]
    Disabled,
}

/// Metrics and traces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Observability {
    /// Whether a `PodMonitor` tells Prometheus of the pods. `Auto`: if the cluster has that kind.
    #[serde(default)]
    pub pod_monitor: PodMonitorMode,
    /// Traces from request to insert.
    #[serde(default)]
    pub tracing: Tracing,
}

/// Whether there is a `PodMonitor`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PodMonitorMode {
    /// If the cluster has that kind.
    #[default]
    Auto,
    /// No.
    Disabled,
}

/// Traces from request to insert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tracing {
    /// Where traces are sent by OTLP, such as `http://collector.monitoring:4317`. Absent: no traces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub endpoint: Option<String>,
    /// Share of the requests that are traced.
    #[serde(default = "number::<5>")]
    #[schemars(range(min = 0, max = 100))]
    pub sampling_percent: i32,
}

block_defaults!(Observability, Tracing);
