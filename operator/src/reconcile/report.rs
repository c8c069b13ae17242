//! What a pass tells: the status, when it changed, and an Event when a condition turned.

use crd::conditions::{reasons, types};
use crd::{EventPipeline, EventPipelineStatus};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::runtime::events::EventType;
use kube::{Api, Resource, ResourceExt};
use plan::names::Part;
use plan::status::{Mongodb, Observed, Store};
use plan::validate::{Fault, ValidatedPipeline};
use serde_json::{Value, json};

use super::live::Live;
use super::mongo::Look;
use super::outside::Answers;
use super::pods;
use crate::context::{Context, Memory};
use crate::error::{Error, call};
use crate::events;

/// The field manager of everything here.
const MANAGER: &str = "eventpipeline-status";
/// Conditions whose turning people want to be told of.
const TOLD: &[&str] = &[types::READY, types::STALLED, types::MONGODB_READY];

/// Puts together what was seen.
pub fn observed(
    valid: &ValidatedPipeline,
    live: &Live,
    mongo: &Look,
    outside: Answers,
    memory: &mut Memory,
) -> Observed {
    let now = Timestamp::now();
    memory.absences.see(pods::absent(live), now);
    let pods = |part| pods::of(valid, live, part, &memory.absences, now);
    Observed {
        redis: Store { pods: pods(Part::Redis), answer: outside.redis },
        postgres: Store { pods: pods(Part::Postgres), answer: outside.postgres },
        mongodb: Mongodb {
            config: pods(Part::Config),
            members: pods(Part::Shard),
            routers: pods(Part::Router),
            answer: outside.mongodb,
            ..mongo.observed()
        },
        api: pods(Part::Api),
        worker: pods(Part::Worker),
        lag: memory.lag,
        dead_letters: memory.dead_letters,
        ..Observed::default()
    }
}

/// Writes the status of a valid pipeline, if it changed.
pub async fn status(
    pipeline: &EventPipeline,
    valid: &ValidatedPipeline,
    observed: &Observed,
    context: &Context,
) -> Result<(), Error> {
    let next = plan::status::status(valid, observed, previous(pipeline), &now());
    write(pipeline, next, context).await
}

/// Writes the status of a pipeline whose spec cannot be built.
pub async fn invalid(pipeline: &EventPipeline, faults: &[Fault], context: &Context) -> Result<(), Error> {
    let generation = pipeline.metadata.generation.unwrap_or_default();
    let next = plan::status::invalid(faults, generation, previous(pipeline), &now());
    write(pipeline, beside_parts(pipeline, next), context).await
}

/// Writes why a pass could not go on, where only a person can help; what passes by itself is in the log.
pub async fn given_up(pipeline: &EventPipeline, error: &Error, context: &Context) {
    let Some(trouble) = error.trouble() else { return };
    let generation = pipeline.metadata.generation.unwrap_or_default();
    let (reason, message) = (trouble.reason, &trouble.message);
    let next = plan::status::refused(reason, message, generation, previous(pipeline), &now());
    if let Err(error) = write(pipeline, beside_parts(pipeline, next), context).await {
        tracing::debug!(%error, "the status of a pass that failed was not written");
    }
}

/// Its parts run on as they were: what is known of them stays.
fn beside_parts(pipeline: &EventPipeline, next: EventPipelineStatus) -> EventPipelineStatus {
    let known = pipeline.status.clone().unwrap_or_default();
    EventPipelineStatus {
        observed_generation: next.observed_generation,
        conditions: next.conditions,
        ..known
    }
}

fn now() -> Time {
    Time(Timestamp::now())
}

fn previous(pipeline: &EventPipeline) -> &[Condition] {
    pipeline.status.as_ref().map_or(&[], |status| &status.conditions)
}

/// What of a status is ours: the scaler's part is not.
fn ours(status: &EventPipelineStatus) -> Value {
    let mut status = status.clone();
    status.scaling = None;
    status.conditions.retain(|condition| condition.type_ != types::SCALING_ACTIVE);
    status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    serde_json::to_value(status).unwrap_or_default()
}

async fn write(pipeline: &EventPipeline, next: EventPipelineStatus, context: &Context) -> Result<(), Error> {
    let body = ours(&next);
    if pipeline.status.as_ref().is_some_and(|status| ours(status) == body) {
        return Ok(());
    }
    let name = pipeline.name_any();
    let api: Api<EventPipeline> =
        Api::namespaced(context.client.clone(), &pipeline.namespace().unwrap_or_default());
    let body = json!({"apiVersion": crd::API_VERSION, "kind": crd::KIND, "metadata": {"name": name}, "status": body});
    let how = PatchParams::apply(MANAGER).force();
    call(format!("write the status of {name}"), async {
        api.patch_status(&name, &how, &Patch::Apply(&body)).await
    })
    .await?;
    context.metrics.writes.inc();
    for condition in turned(previous(pipeline), &next.conditions) {
        tell(pipeline, condition, context).await;
    }
    Ok(())
}

/// Conditions that turned. What is not there yet is no news, only what was there and is gone; of a standstill every
/// new reason is.
fn turned<'a>(before: &'a [Condition], now: &'a [Condition]) -> impl Iterator<Item = &'a Condition> {
    now.iter().filter(move |condition| {
        let old = before.iter().find(|old| old.type_ == condition.type_);
        let was = |status: &str| old.is_some_and(|old| old.status == status);
        let is = |status: &str| condition.status == status;
        let news = if condition.type_ == types::STALLED {
            is("True") && old.is_none_or(|old| old.status != "True" || old.reason != condition.reason)
        } else {
            is("True") != was("True")
        };
        TOLD.contains(&condition.type_.as_str()) && news
    })
}

/// Tells whose changes were undone: who made them sees why they did not last.
pub async fn undone(pipeline: &EventPipeline, objects: &[String], context: &Context) {
    if objects.is_empty() {
        return;
    }
    let note = format!(
        "{} differed from what the spec asks for and is put right; change the EventPipeline instead",
        objects.join(", ")
    );
    publish(EventType::Normal, reasons::CHANGE_UNDONE, &note, &pipeline.object_ref(&()), context).await;
}

/// Tells of an object that this operator cannot read, and so cannot give a status.
pub async fn unreadable(object: &ObjectReference, why: &str, context: &Context) {
    let note = format!("it cannot be read: {why}; correct the field, or install the operator that knows it");
    publish(EventType::Warning, reasons::INVALID_SPEC, &note, object, context).await;
}

async fn tell(pipeline: &EventPipeline, condition: &Condition, context: &Context) {
    let bad = (condition.type_ == types::STALLED) == (condition.status == "True");
    let type_ = if bad { EventType::Warning } else { EventType::Normal };
    publish(type_, &condition.reason, &condition.message, &pipeline.object_ref(&()), context).await;
}

async fn publish(type_: EventType, reason: &str, note: &str, object: &ObjectReference, context: &Context) {
    events::publish(type_, ("Reconcile", reason), note, object, context).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(kind: &str, status: &str, reason: &str) -> Condition {
        Condition {
            type_: kind.into(),
            status: status.into(),
            reason: reason.into(),
            message: String::new(),
            observed_generation: None,
            last_transition_time: now(),
        }
    }

    #[test]
    fn people_are_told_what_turned_and_not_what_never_was() {
        let ready = |status| condition(types::READY, status, "R");
        let stalled = |status, reason| condition(types::STALLED, status, reason);
        for (before, now, told) in [
            (vec![], ready("False"), false),
            (vec![ready("Unknown")], ready("False"), false),
            (vec![ready("False")], ready("True"), true),
            (vec![ready("True")], ready("True"), false),
            (vec![ready("True")], ready("False"), true),
            (vec![], stalled("False", "Progressing"), false),
            (vec![], stalled("True", "ImagePullFailed"), true),
            (vec![stalled("True", "ImagePullFailed")], stalled("True", "ImagePullFailed"), false),
            (vec![stalled("True", "ImagePullFailed")], stalled("True", "DataLost"), true),
            (vec![stalled("True", "DataLost")], stalled("False", "Progressing"), false),
        ] {
            assert_eq!(
                turned(&before, std::slice::from_ref(&now)).count() == 1,
                told,
                "{before:?} → {now:?}"
            );
        }
    }
}
