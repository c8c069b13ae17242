//! What the scaler tells: `status.scaling` and `ScalingActive`, when they say something new, and an Event for each
//! change of the number of workers.

use std::time::Duration;

use crd::{Certainty, EventPipeline, ScalingStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::runtime::events::EventType;
use kube::{Api, Resource, ResourceExt};
use plan::scaling::{ClampBy, Decision, State, still_told};
use plan::status::{ScalingSeen, scaling_active, scaling_invalid};
use plan::validate::{Fault, ValidatedPipeline};
use serde_json::{Value, json};
use stream::decisions::Mode;
use tokio::time::Instant;

use super::SCALER;
use crate::context::Context;
use crate::error::{Error, call};
use crate::events;

/// While events flow the numbers are written this often; without traffic they do not change and are not written.
const REFRESH: Duration = Duration::from_secs(30);

/// What was written last.
#[derive(Default)]
pub struct Reported {
    said: Option<Value>,
    at: Option<Instant>,
    changed_at: Option<Timestamp>,
}

impl Reported {
    /// The number of workers was changed just now.
    pub fn changed(&mut self) {
        self.changed_at = Some(Timestamp::now());
    }
}

/// There are no workers yet.
pub async fn waiting(
    pipeline: &EventPipeline,
    valid: &ValidatedPipeline,
    reported: &mut Reported,
    context: &Context,
) -> Result<(), Error> {
    let seen = ScalingSeen { workers_exist: false, certainty: Certainty::Unknown, at_maximum: false };
    undecided(pipeline, &condition(pipeline, valid, &seen), reported, context).await
}

/// Nobody knows how many workers there should be.
pub async fn invalid(
    pipeline: &EventPipeline,
    faults: &[Fault],
    reported: &mut Reported,
    context: &Context,
) -> Result<(), Error> {
    let generation = pipeline.metadata.generation.unwrap_or_default();
    let condition = scaling_invalid(faults, generation, previous(pipeline), &Time(Timestamp::now()));
    undecided(pipeline, &condition, reported, context).await
}

/// Why nothing is decided, beside the last decision.
async fn undecided(
    pipeline: &EventPipeline,
    condition: &Condition,
    reported: &mut Reported,
    context: &Context,
) -> Result<(), Error> {
    let said = json!(["undecided", condition.reason, condition.message, pipeline.metadata.generation]);
    if reported.said.as_ref() == Some(&said) && still_told(pipeline.status.as_ref(), None, condition) {
        return Ok(());
    }
    let kept = pipeline.status.as_ref().and_then(|status| status.scaling.clone());
    write(pipeline, kept.as_ref(), condition, said, reported, context).await
}

/// A decision, and whether it is obeyed.
pub async fn decision(
    pipeline: &EventPipeline,
    valid: &ValidatedPipeline,
    mode: Mode,
    decision: &Decision,
    state: &State,
    reported: &mut Reported,
    context: &Context,
) -> Result<(), Error> {
    let before = pipeline.status.as_ref().and_then(|status| status.scaling.as_ref());
    let changed_at = reported.changed_at.map(Time).or_else(|| before?.changed_at.clone());
    let clamps: Vec<&ClampBy> = decision.clamps.iter().map(|clamp| &clamp.by).collect();
    let seen = ScalingSeen {
        workers_exist: true,
        certainty: decision.certainty,
        at_maximum: clamps.contains(&&ClampBy::MaxReplicas),
    };
    let condition = condition(pipeline, valid, &seen);
    let mut status = decision.status(state, changed_at);
    status.message = mode.tell(status.message);
    let quiet = decision.rates.arrival <= 0.0 && decision.backlog_events.unwrap_or(0.0) <= 0.0;
    // What makes it worth a write at once; numbers alone wait for the refresh. That it became quiet is told, too: the
    // last numbers would stand there for ever.
    let said = json!([
        quiet,
        decision.desired,
        decision.current,
        decision.reason,
        decision.certainty,
        condition.status,
        condition.reason,
        condition.message,
        pipeline.metadata.generation,
    ]);
    let due = !quiet && reported.at.is_none_or(|at| at.elapsed() >= REFRESH);
    let stands = still_told(pipeline.status.as_ref(), Some(&status), &condition);
    if reported.said.as_ref() == Some(&said) && stands && !due {
        return Ok(());
    }
    write(pipeline, Some(&status), &condition, said, reported, context).await
}

fn condition(pipeline: &EventPipeline, valid: &ValidatedPipeline, seen: &ScalingSeen) -> Condition {
    scaling_active(valid, seen, previous(pipeline), &Time(Timestamp::now()))
}

fn previous(pipeline: &EventPipeline) -> &[Condition] {
    pipeline.status.as_ref().map_or(&[], |status| &status.conditions)
}

async fn write(
    pipeline: &EventPipeline,
    scaling: Option<&ScalingStatus>,
    condition: &Condition,
    said: Value,
    reported: &mut Reported,
    context: &Context,
) -> Result<(), Error> {
    let name = pipeline.name_any();
    let mut status = json!({"conditions": [condition]});
    if let (Some(scaling), Some(status)) = (scaling, status.as_object_mut()) {
        status.insert("scaling".into(), serde_json::to_value(scaling).unwrap_or_default());
    }
    let body = json!({"apiVersion": crd::API_VERSION, "kind": crd::KIND, "metadata": {"name": name}, "status": status});
    let api: Api<EventPipeline> =
        Api::namespaced(context.client.clone(), &pipeline.namespace().unwrap_or_default());
    let how = PatchParams::apply(SCALER).force();
    call(format!("write the scaling of {name}"), async {
        api.patch_status(&name, &how, &Patch::Apply(&body)).await
    })
    .await?;
    context.metrics.writes.inc();
    reported.said = Some(said);
    reported.at = Some(Instant::now());
    Ok(())
}

/// Tells of a change of the number of workers, with its numbers.
pub async fn event(pipeline: &EventPipeline, decision: &Decision, context: &Context) {
    let told = ("Scale", decision.reason.word());
    events::publish(EventType::Normal, told, &decision.sentence(), &pipeline.object_ref(&()), context).await;
}
