//! What the scaler tells: `status.scaling` and `ScalingActive`, when they say something new, and an Event for each
//! change of the number of workers.

use std::time::Duration;

use crd::{Certainty, EventPipeline, ScalingStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::runtime::events::{Event, EventType};
use kube::{Api, Resource, ResourceExt};
use plan::scaling::{ClampBy, Decision, State};
use plan::status::{ScalingSeen, scaling_active};
use plan::validate::ValidatedPipeline;
use serde_json::{Value, json};
use stream::decisions::Mode;
use tokio::time::Instant;

use super::SCALER;
use crate::context::Context;
use crate::error::{Error, call};

/// While events flow the numbers are written this often; without traffic they do not change and are not written.
const REFRESH: Duration = Duration::from_secs(30);

/// What was written last.
#[derive(Default)]
pub struct Reported {
    said: Option<Value>,
    at: Option<Instant>,
    changed_at: Option<Timestamp>,
}

/// There are no workers yet.
pub async fn waiting(
    pipeline: &EventPipeline,
    valid: &ValidatedPipeline,
    reported: &mut Reported,
    context: &Context,
) -> Result<(), Error> {
    let seen = ScalingSeen { workers_exist: false, certainty: Certainty::Unknown, at_maximum: false };
    let condition = condition(pipeline, valid, &seen);
    let said = json!(["waiting", condition.reason, condition.message, pipeline.metadata.generation]);
    if reported.said.as_ref() == Some(&said) {
        return Ok(());
    }
    let kept = pipeline.status.as_ref().and_then(|status| status.scaling.clone());
    write(pipeline, kept.as_ref(), &condition, said, reported, context).await
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
    if mode == Mode::Lag && decision.is_change() {
        reported.changed_at = Some(Timestamp::now());
    }
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
    if reported.said.as_ref() == Some(&said) && !due {
        return Ok(());
    }
    write(pipeline, Some(&status), &condition, said, reported, context).await
}

fn condition(pipeline: &EventPipeline, valid: &ValidatedPipeline, seen: &ScalingSeen) -> Condition {
    let previous = pipeline.status.as_ref().map_or(&[][..], |status| &status.conditions);
    scaling_active(valid, seen, previous, &Time(Timestamp::now()))
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
    let reason = json!(decision.reason).as_str().unwrap_or_default().to_owned();
    let event = Event {
        type_: EventType::Normal,
        reason,
        note: Some(decision.sentence().chars().take(900).collect()),
        action: "Scale".into(),
        secondary: None,
    };
    if let Err(error) = context.recorder.publish(&event, &pipeline.object_ref(&())).await {
        tracing::debug!(%error, "an Event was not written");
    }
}
