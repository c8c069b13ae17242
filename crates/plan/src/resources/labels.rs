//! Labels, selectors and metadata: what makes an object this pipeline's.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde_json::Value;

use crate::names::Part;
use crate::validate::ValidatedPipeline;

/// `app.kubernetes.io/name` of every object.
pub const APP: &str = "eventpipeline";
/// `app.kubernetes.io/managed-by` of every object.
pub const MANAGER: &str = "eventpipeline-operator";
/// Label key of the application.
pub const NAME: &str = "app.kubernetes.io/name";
/// Label key of the pipeline's name.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// Label key of the part.
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// Label key of who manages the object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label key of a shard's number.
pub const SHARD: &str = "eventpipeline.dev/shard";

/// Labels, or the like.
pub type Map = BTreeMap<String, String>;

/// All labels of an object of a part.
pub fn all(pipeline: &ValidatedPipeline, part: Part) -> Map {
    let mut labels = selector(pipeline, part);
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    labels
}

/// The labels that select the pods of a part. A Deployment's selector can never be changed: nothing is ever added here.
pub fn selector(pipeline: &ValidatedPipeline, part: Part) -> Map {
    [(NAME, APP), (INSTANCE, pipeline.names.pipeline()), (COMPONENT, part.word())]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// The same for one shard.
pub fn shard_selector(pipeline: &ValidatedPipeline, shard: i32) -> Map {
    let mut labels = selector(pipeline, Part::Shard);
    labels.insert(SHARD.to_owned(), shard.to_string());
    labels
}

/// A selector in one text, as `kubectl --selector` takes it.
pub fn text(selector: &Map) -> String {
    selector.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// What selects every object of a pipeline: for finding orphans, Secrets and volumes.
pub fn of_pipeline(pipeline: &str) -> String {
    format!("{MANAGED_BY}={MANAGER},{NAME}={APP},{INSTANCE}={pipeline}")
}

/// Whether an object has the labels by which a pipeline's are selected.
pub fn are_of(labels: &Value, pipeline: &str) -> bool {
    labels[MANAGED_BY] == MANAGER && labels[NAME] == APP && labels[INSTANCE] == pipeline
}

/// Metadata of an owned object.
pub fn metadata(pipeline: &ValidatedPipeline, name: String, part: Part) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(pipeline.names.namespace().to_owned()),
        labels: Some(all(pipeline, part)),
        owner_references: Some(vec![pipeline.owner.clone()]),
        ..ObjectMeta::default()
    }
}

/// Selects by labels.
pub fn matching(labels: Map) -> LabelSelector {
    LabelSelector { match_labels: Some(labels), ..LabelSelector::default() }
}

/// A map that is absent when it is empty: an empty one would make every apply a change.
pub fn some(map: Map) -> Option<Map> {
    (!map.is_empty()).then_some(map)
}
