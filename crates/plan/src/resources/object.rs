//! A desired object, ready to be applied, and what must hold before it is created.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::Serialize;
use serde_json::Value;

/// A kind that pipelines are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are those of Kubernetes")]
pub enum Kind {
    ConfigMap,
    Service,
    NetworkPolicy,
    PodDisruptionBudget,
    StatefulSet,
    Deployment,
    Ingress,
    PodMonitor,
}

impl Kind {
    /// All of them, in the order in which they are applied.
    pub const ALL: [Self; 8] = [
        Self::ConfigMap,
        Self::Service,
        Self::NetworkPolicy,
        Self::PodDisruptionBudget,
        Self::StatefulSet,
        Self::Deployment,
        Self::Ingress,
        Self::PodMonitor,
    ];

    /// As in a manifest.
    pub fn word(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Service => "Service",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::StatefulSet => "StatefulSet",
            Self::Deployment => "Deployment",
            Self::Ingress => "Ingress",
            Self::PodMonitor => "PodMonitor",
        }
    }

    /// Group and version; the group is empty for the core ones.
    pub fn group_version(self) -> (&'static str, &'static str) {
        match self {
            Self::ConfigMap | Self::Service => ("", "v1"),
            Self::NetworkPolicy | Self::Ingress => ("networking.k8s.io", "v1"),
            Self::PodDisruptionBudget => ("policy", "v1"),
            Self::StatefulSet | Self::Deployment => ("apps", "v1"),
            Self::PodMonitor => ("monitoring.coreos.com", "v1"),
        }
    }

    /// As in an address.
    pub fn plural(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmaps",
            Self::Service => "services",
            Self::NetworkPolicy => "networkpolicies",
            Self::PodDisruptionBudget => "poddisruptionbudgets",
            Self::StatefulSet => "statefulsets",
            Self::Deployment => "deployments",
            Self::Ingress => "ingresses",
            Self::PodMonitor => "podmonitors",
        }
    }
}

/// What must hold before an object is created. One that exists is applied all the same: a config set that is without
/// a primary for a moment must not take the routers away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    #[default]
    Nothing,
    /// The config set has a primary: a router does not listen before.
    ConfigPrimary,
    /// Both collections are sharded: what is written before lands on one shard.
    CollectionsSharded,
}

/// What holds now, for [`Object::may_be_applied`]. With an external MongoDB all of it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The config set has a primary.
    pub config_primary: bool,
    /// Both collections are sharded.
    pub collections_sharded: bool,
    /// A member of a replica set copies the data of its primary.
    pub catching_up: bool,
}

/// A desired object.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What must hold before it is created.
    pub after: After,
    /// The whole object, with `apiVersion` and `kind`, for a server-side apply.
    pub body: Value,
}

impl Object {
    /// Whether it may be applied now.
    pub fn may_be_applied(&self, exists: bool, progress: Progress) -> bool {
        exists
            || match self.after {
                After::Nothing => true,
                After::ConfigPrimary => progress.config_primary,
                After::CollectionsSharded => progress.collections_sharded,
            }
    }

    pub(super) fn after(self, after: After) -> Self {
        Self { after, ..self }
    }

    pub(super) fn pod_monitor(body: Value) -> Self {
        Self::of(Kind::PodMonitor, body)
    }

    fn of(kind: Kind, body: Value) -> Self {
        let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        Self { kind, name, after: After::Nothing, body }
    }

    fn typed(kind: Kind, object: &impl Serialize) -> Self {
        Self::of(kind, serde_json::to_value(object).expect("objects of Kubernetes are JSON"))
    }
}

macro_rules! from {
    ($($kind:ident),+) => {
        $(impl From<$kind> for Object {
            fn from(object: $kind) -> Self {
                Self::typed(Kind::$kind, &object)
            }
        })+
    };
}

from!(ConfigMap, Service, NetworkPolicy, PodDisruptionBudget, StatefulSet, Deployment, Ingress);
