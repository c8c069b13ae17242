//! The workers. Their number is the autoscaler's alone: this Deployment never mentions `replicas`, since two writers
//! of one field undo each other.

use crd::{DesiredState, Scaling};
use k8s_openapi::api::core::v1::{Container, EnvVar, PodSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::env::{self, plain};
use super::object::{After, Object};
use super::pod::{self, Patience, http_probe};
use super::{labels, workload};
use crate::names::{INSIDE_PORT, Part};
use crate::validate::ValidatedPipeline;

/// After its time to finish, a worker needs some more to hand back what is left.
const STOP_SLACK_SECONDS: i64 = 15;
/// New workers beside the old ones in a roll-out.
const MAX_SURGE: &str = "25%";

const STARTUP: Patience = Patience { period_seconds: 1, failures: 120 };
const READY: Patience = Patience { period_seconds: 2, failures: 3 };
const LIVE: Patience = Patience { period_seconds: 10, failures: 6 };

/// Who says how many workers there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerReplicas {
    /// So many.
    Fixed(i32),
    /// The lag; a Deployment that is new begins with so many.
    ByLag {
        /// Workers of a new Deployment.
        first: i32,
    },
}

/// Who says how many workers there are, after `desiredState` and `scaling`.
pub fn replicas(pipeline: &ValidatedPipeline) -> WorkerReplicas {
    let workers = &pipeline.spec.workers;
    match (pipeline.spec.desired_state, workers.scaling) {
        (DesiredState::Paused | DesiredState::Stopped, _) => WorkerReplicas::Fixed(0),
        (DesiredState::Running, Scaling::Manual | Scaling::DryRun) => WorkerReplicas::Fixed(workers.replicas),
        // Nothing is known yet: with one worker the first backlog is measured at once.
        (DesiredState::Running, Scaling::Lag) => WorkerReplicas::ByLag { first: workers.min_replicas.max(1) },
    }
}

/// The Deployment, once events have a place to go.
pub fn deployment(pipeline: &ValidatedPipeline) -> Object {
    let workers = &pipeline.spec.workers;
    let selector = labels::selector(pipeline, Part::Worker);
    let container = Container {
        name: "worker".to_owned(),
        image: Some(workers.component.image.clone().unwrap_or_else(|| pipeline.images.worker.clone())),
        command: Some(vec!["eventpipeline-worker".to_owned()]),
        env: Some(settings(pipeline)),
        ports: Some(vec![pod::port("inside", INSIDE_PORT)]),
        resources: Some(pod::resources(workers.component.resources.as_ref(), "50m", "128Mi", "512Mi")),
        startup_probe: Some(http_probe("inside", "/livez", STARTUP)),
        readiness_probe: Some(http_probe("inside", "/readyz", READY)),
        liveness_probe: Some(http_probe("inside", "/livez", LIVE)),
        ..Container::default()
    };
    let spec = PodSpec {
        containers: vec![container],
        termination_grace_period_seconds: Some(i64::from(workers.drain_timeout_seconds) + STOP_SLACK_SECONDS),
        ..PodSpec::default()
    };
    let template = pod::template(pipeline, &selector, true, &workers.component, spec);
    let surge = IntOrString::String(MAX_SURGE.to_owned());
    let object: Object = workload::deployment(pipeline, Part::Worker, None, surge, template).into();
    object.after(if pipeline.spec.mongodb.external.is_some() {
        After::Nothing
    } else {
        After::CollectionsSharded
    })
}

fn settings(pipeline: &ValidatedPipeline) -> Vec<EnvVar> {
    let workers = &pipeline.spec.workers;
    let mut list = env::common(pipeline);
    list.extend([
        plain("RETENTION_DAYS", pipeline.spec.mongodb.retention_days),
        plain("BATCH_EVENTS", workers.batch_events),
        plain("MAX_DELIVERIES", workers.max_deliveries),
        plain("CLAIM_IDLE_SECONDS", workers.claim_idle_seconds),
        plain("SHUTDOWN_SECONDS", workers.drain_timeout_seconds),
    ]);
    list.extend(pipeline.slow_inserts_ms.map(|ms| plain("SLOW_INSERTS_MS", ms)));
    list.extend(env::redis(pipeline));
    list.extend(env::mongodb(pipeline));
    list
}
