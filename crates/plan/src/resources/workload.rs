//! Deployments and StatefulSets around pod templates.

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment, StatefulSet,
    StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec, StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, PodTemplateSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::labels::{self, Map};
use crate::names::Part;
use crate::validate::ValidatedPipeline;

/// Old ReplicaSets and revisions that are kept: enough to look at the last change.
const HISTORY: i32 = 2;
/// Between two members of a set in a roll-out: an election takes up to 12 seconds, and a member that listens may still
/// catch up.
const MEMBERS_APART_SECONDS: i32 = 15;
/// Name of the volume of every store; with the pod's name it is the name of the claim.
pub const DATA: &str = "data";

/// A Deployment. `replicas: None` leaves the number to whoever else sets it.
pub fn deployment(
    pipeline: &ValidatedPipeline,
    part: Part,
    replicas: Option<i32>,
    max_surge: IntOrString,
    template: PodTemplateSpec,
) -> Deployment {
    Deployment {
        metadata: labels::metadata(pipeline, pipeline.names.of(part), part),
        spec: Some(DeploymentSpec {
            replicas,
            revision_history_limit: Some(HISTORY),
            selector: labels::matching(labels::selector(pipeline, part)),
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: Some(max_surge),
                    // What runs goes only when its successor is ready.
                    max_unavailable: Some(IntOrString::Int(0)),
                }),
            }),
            template,
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}

/// A store's StatefulSet and its volumes.
pub struct Store<'a> {
    /// Its name, that of its headless Service, too.
    pub name: String,
    /// Its part.
    pub part: Part,
    /// What selects its pods.
    pub selector: Map,
    /// Its pods.
    pub replicas: i32,
    /// Size of a volume.
    pub storage_size: &'a str,
    /// Class of the volumes.
    pub storage_class_name: Option<&'a String>,
}

/// A StatefulSet. Volumes outlive it: it may be deleted and made again without harm, and who deletes data says so.
pub fn stateful_set(
    pipeline: &ValidatedPipeline,
    store: Store<'_>,
    template: PodTemplateSpec,
) -> StatefulSet {
    let keep = || Some("Retain".to_owned());
    let mut claim_labels = store.selector.clone();
    claim_labels.insert(labels::MANAGED_BY.to_owned(), labels::MANAGER.to_owned());
    let claim = PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(DATA.to_owned()),
            labels: Some(claim_labels),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: store.storage_class_name.cloned(),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), Quantity(store.storage_size.to_owned()))].into()),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    };
    let mut metadata = labels::metadata(pipeline, store.name.clone(), store.part);
    if let Some(all) = &mut metadata.labels {
        all.extend(store.selector.clone());
    }
    StatefulSet {
        metadata,
        spec: Some(StatefulSetSpec {
            service_name: Some(store.name),
            replicas: Some(store.replicas),
            min_ready_seconds: (store.replicas > 1).then_some(MEMBERS_APART_SECONDS),
            revision_history_limit: Some(HISTORY),
            // Members become ready together, or not at all.
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                ..StatefulSetUpdateStrategy::default()
            }),
            persistent_volume_claim_retention_policy: Some(StatefulSetPersistentVolumeClaimRetentionPolicy {
                when_deleted: keep(),
                when_scaled: keep(),
            }),
            selector: labels::matching(store.selector),
            template,
            volume_claim_templates: Some(vec![claim]),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}
