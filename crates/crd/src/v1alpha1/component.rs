//! What every part that has pods may set. A handful of fields, not a whole pod: that is what keeps the definition
//! small, and what lets the operator promise that every pod meets Pod Security `restricted`.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::defaults::number;

/// The pods of one part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// In place of the image of the operator's release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::image")]
    pub image: Option<String>,
    /// CPU and memory of a pod. Absent: small requests and a memory limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Labels that a pod's node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "bounds::labels")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that pods put up with, as in a pod's spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub tolerations: Vec<Toleration>,
    /// How pods are spread, as in a pod's spec. Absent: over nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub topology_spread: Vec<TopologySpread>,
    /// Added to the pods; `app.kubernetes.io/…` stay the operator's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "bounds::labels")]
    pub labels: BTreeMap<String, String>,
    /// Annotations added to the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "bounds::annotations")]
    pub annotations: BTreeMap<String, String>,
}

/// CPU and memory of one container, such as `cpu: 250m` (a quarter of a core) and `memory: 512Mi`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// What the scheduler sets aside.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "bounds::amounts")]
    pub requests: BTreeMap<String, String>,
    /// Above its memory a container is killed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "bounds::amounts")]
    pub limits: BTreeMap<String, String>,
}

/// A taint that is put up with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.value) || self.operator != 'Exists'").message("`value` may not be set when `operator` is Exists"))]
pub struct Toleration {
    /// Key of the taint. Absent, with operator `Exists`: every taint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 316))]
    pub key: Option<String>,
    /// Whether the taint must have this value, or only exist.
    #[serde(default)]
    pub operator: TolerationOperator,
    /// Value of the taint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub value: Option<String>,
    /// Effect of the taint. Absent: every effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::toleration_effect")]
    pub effect: Option<String>,
    /// How long a pod stays on a node that gets such a `NoExecute` taint. Absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86_400))]
    pub toleration_seconds: Option<i32>,
}

/// How a taint is matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TolerationOperator {
    /// Key and value are the same.
    #[default]
    Equal,
    /// The key is there.
    Exists,
}

/// How pods are spread over one kind of place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopologySpread {
    /// Label of nodes that names the place, such as `topology.kubernetes.io/zone`.
    #[schemars(length(max = 316))]
    pub topology_key: String,
    /// By how many pods two places may differ.
    #[serde(default = "number::<1>")]
    #[schemars(range(min = 1, max = 100))]
    pub max_skew: i32,
    /// What happens to a pod that cannot be placed so.
    #[serde(default)]
    pub when_unsatisfiable: WhenUnsatisfiable,
}

/// What happens to a pod that would break the spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WhenUnsatisfiable {
    /// It is placed all the same.
    #[default]
    ScheduleAnyway,
    /// It waits.
    DoNotSchedule,
}
