//! The Kubernetes API of `EventPipeline`: its fields with their bounds, its rules, its conditions and their reasons.
//!
//! The doc comments of the fields are what `kubectl explain eventpipeline` prints. This crate knows nothing of how a
//! pipeline is run, and names no client.

mod bounds;
mod compact;
pub mod conditions;
mod defaults;
pub mod v1alpha1;

pub use v1alpha1::*;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{CustomResourceExt, Resource};

/// The group of the API.
pub const GROUP: &str = "eventpipeline.dev";
/// Group and version, as in a manifest.
pub const API_VERSION: &str = "eventpipeline.dev/v1alpha1";
/// The kind, as in a manifest.
pub const KIND: &str = "EventPipeline";
/// Every insert of the workers waits this many milliseconds. For tests of the autoscaler; see `examples/e2e.yaml`.
pub const SLOW_INSERTS_ANNOTATION: &str = "eventpipeline.dev/slow-inserts-ms";
/// Held by pipelines with `deletionPolicy: Delete` only.
pub const FINALIZER: &str = "eventpipeline.dev/delete-data";

/// The definition that the API server is given: `crds/eventpipelines.yaml`.
pub fn definition() -> CustomResourceDefinition {
    compact::definition(EventPipeline::crd())
}

/// What makes an object the pipeline's own: Kubernetes deletes it with the pipeline. `None` before the API server has
/// stored the pipeline, since there is no uid then.
pub fn owner_reference(pipeline: &EventPipeline) -> Option<OwnerReference> {
    pipeline.controller_owner_ref(&())
}
