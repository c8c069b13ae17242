//! The API and the console, which one service answers on two ports.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Component;
use crate::bounds;
use crate::defaults::{block_defaults, number};

/// The HTTP API: takes events and answers queries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.nodePort) || self.serviceType != 'ClusterIP'").message("`nodePort` may only be set when `serviceType` is NodePort or LoadBalancer"))]
pub struct Api {
    /// Pods of the API.
    #[serde(default = "number::<2>")]
    #[schemars(range(min = 1, max = 100))]
    pub replicas: i32,
    /// Who may send and read events: holders of an API key, or everyone who reaches the port.
    #[serde(default)]
    pub authentication: Authentication,
    /// Bytes of a request's body on the wire, at most.
    #[serde(default = "number::<5_242_880>")]
    #[schemars(range(min = 1024, max = 67_108_864))]
    pub max_body_bytes: i32,
    /// Events of one batch, at most.
    #[serde(default = "number::<1000>")]
    #[schemars(range(min = 1, max = 5000))]
    pub max_batch_events: i32,
    /// Rate of API keys that have none of their own.
    #[serde(default)]
    pub rate_limit: RateLimit,
    /// Exact origins that browsers may call from, such as `https://app.example.com`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::origins")]
    #[x_kube(validation = Rule::new("self.all(origin, origin.matches('^https?://[^/*?# ]+$'))").message("`allowedOrigins` must be exact origins such as https://app.example.com, without a path and without *"))]
    pub allowed_origins: Vec<String>,
    /// Kind of the Service NAME-api, which answers on port 3001.
    #[serde(default)]
    pub service_type: ServiceType,
    /// Port of every node that leads to the API. Absent: one that the cluster chooses, if `serviceType` has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::node_port")]
    pub node_port: Option<i32>,
    /// The pods.
    #[serde(flatten)]
    pub component: Component,
}

/// Who may send and read events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Authentication {
    /// Holders of an API key.
    #[default]
    APIKey,
    /// Everyone who reaches the port.
    None,
}

/// Rate of API keys that have none of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// Events a second of one API key. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub events_per_second: Option<i32>,
}

/// Kind of a Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// Reached from within the cluster.
    #[default]
    ClusterIP,
    /// Reached at a port of every node, too.
    NodePort,
    /// Reached through a load balancer of the cloud, too.
    LoadBalancer,
}

/// The console: pages for people, and the whole API behind them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.nodePort) || self.serviceType != 'ClusterIP'").message("`nodePort` may only be set when `serviceType` is NodePort or LoadBalancer"))]
pub struct Console {
    /// What people may do. `ReadOnly`: look, change nothing. `Disabled`: no console, no Service.
    #[serde(default)]
    pub access: ConsoleAccess,
    /// Kind of the Service NAME-console, which answers on port 3000.
    #[serde(default)]
    pub service_type: ServiceType,
    /// Port of every node that leads to the console. Absent: one that the cluster chooses, if `serviceType` has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::node_port")]
    pub node_port: Option<i32>,
}

/// What people may do in the console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConsoleAccess {
    /// Everything that their role allows.
    #[default]
    ReadWrite,
    /// Look, and change nothing: the API refuses every change by a person.
    ReadOnly,
    /// There is no console.
    Disabled,
}

block_defaults!(Api, Console);
