//! The workers and how their number follows the consumer lag.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Component;
use crate::defaults::{block_defaults, number};

/// The workers: read events from Redis, write them to MongoDB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.minReplicas <= self.maxReplicas").message("`minReplicas` must be less than or equal to `maxReplicas`"))]
pub struct Workers {
    /// What sets the number of workers: the consumer lag, or `replicas`. `DryRun`: `replicas`, and what the lag would
    /// have asked for is reported in `status.scaling`.
    #[serde(default)]
    pub scaling: Scaling,
    /// Workers while `scaling` is Manual or `DryRun`. Not obeyed while it is Lag.
    #[serde(default = "number::<1>")]
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: i32,
    /// Workers at least. 0: none while nothing arrives, the first event wakes them.
    #[serde(default = "number::<1>")]
    #[schemars(range(min = 0, max = 1000))]
    pub min_replicas: i32,
    /// Workers at most.
    #[serde(default = "number::<10>")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_replicas: i32,
    /// Within this time a backlog should be worked off.
    #[serde(default = "number::<60>")]
    #[schemars(range(min = 5, max = 3600))]
    pub drain_target_seconds: i32,
    /// How busy workers are at a steady load. The rest is headroom that is always paid: at 80 a steady load costs 25 %
    /// more workers than its minimum, at 95 it costs 5 %.
    #[serde(default = "number::<80>")]
    #[schemars(range(min = 10, max = 100))]
    pub target_utilization_percent: i32,
    /// Age of the oldest queued event that is aimed at. Above it `scaleUp.stabilizationSeconds` is skipped.
    #[serde(default = "number::<120>")]
    #[schemars(range(min = 5, max = 86_400))]
    pub max_age_seconds: i32,
    /// Time between two looks at the lag.
    #[serde(default = "number::<5>")]
    #[schemars(range(min = 1, max = 60))]
    pub poll_period_seconds: i32,
    /// How fast the number of workers rises.
    #[serde(default)]
    pub scale_up: ScaleUp,
    /// How fast the number of workers falls.
    #[serde(default)]
    pub scale_down: ScaleDown,
    /// With `minReplicas: 0`, time without an arrival until there are no workers.
    #[serde(default = "number::<300>")]
    #[schemars(range(min = 10, max = 86_400))]
    pub idle_after_seconds: i32,
    /// Events of one insert into MongoDB, at most.
    #[serde(default = "number::<1000>")]
    #[schemars(range(min = 512, max = 10_000))]
    pub batch_events: i32,
    /// Above this many deliveries events are worked on alone, and those that MongoDB refuses become dead letters.
    #[serde(default = "number::<5>")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_deliveries: i32,
    /// Events of a worker that gave no sign for this long are taken over by others.
    #[serde(default = "number::<30>")]
    #[schemars(range(min = 1, max = 3600))]
    pub claim_idle_seconds: i32,
    /// How long a worker that is stopped may finish what it has in hand before it hands the rest back.
    #[serde(default = "number::<60>")]
    #[schemars(range(min = 1, max = 3600))]
    pub drain_timeout_seconds: i32,
    /// The pods.
    #[serde(flatten)]
    pub component: Component,
}

/// What sets the number of workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Scaling {
    /// The consumer lag.
    #[default]
    Lag,
    /// `replicas`.
    Manual,
    /// `replicas`; what the lag would have asked for is reported.
    DryRun,
}

/// How fast the number of workers rises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleUp {
    /// The smallest number asked for within this time is taken.
    #[serde(default)]
    #[schemars(range(min = 0, max = 3600))]
    pub stabilization_seconds: i32,
    /// One step goes at most to this share of the present number: 400 is four times as many.
    #[serde(default = "number::<400>")]
    #[schemars(range(min = 100, max = 10_000))]
    pub max_factor_percent: i32,
    /// Workers that one step may add, whatever `maxFactorPercent` says.
    #[serde(default = "number::<4>")]
    #[schemars(range(min = 1, max = 1000))]
    pub min_step: i32,
}

/// How fast the number of workers falls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleDown {
    /// The highest arrival rate within this time stays paid for.
    #[serde(default = "number::<180>")]
    #[schemars(range(min = 0, max = 3600))]
    pub stabilization_seconds: i32,
    /// Share of the workers that may go within `periodSeconds`; one may always go.
    #[serde(default = "number::<50>")]
    #[schemars(range(min = 1, max = 100))]
    pub max_percent: i32,
    /// Time between two steps down.
    #[serde(default = "number::<60>")]
    #[schemars(range(min = 1, max = 3600))]
    pub period_seconds: i32,
}

block_defaults!(Workers, ScaleUp, ScaleDown);
