//! Assertion 3: slowed workers let a backlog grow, the backlog brings workers, and they go when it is gone.

use std::time::Duration;

use crd::{SLOW_INSERTS_ANNOTATION, ScalingStatus};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::events::v1::Event;

use crate::cluster::{Look, is_ready, until, when};
use crate::error::{Error, Result};
use crate::load;
use crate::pipeline::Pipeline;
use crate::report::{Report, note, scenario};
use crate::world::World;

/// Each insert waits so long: a worker with two inserts of 1,000 events at once stores 667 a second.
const SLOW_MS: u32 = 3_000;
/// One worker would need 90 s for them, six times the drain target of the example.
const EVENTS: u64 = 60_000;
/// Far fewer than a worker was seen to store, so that it is not the arrivals that ask for more workers.
const EVENTS_PER_SECOND: u64 = 3_000;
/// After other scenarios the backlog asks; when workers never were busy before, the law still tries what they do.
const FOR_BACKLOG: [&str; 2] = ["BacklogAboveTarget", "LearningCapacity"];
const RUN: &str = "scaling";
/// Workers were learned as fast, so events have to be older than `maxAgeSeconds` (30 s) before one more is tried; by
/// itself the backlog is gone after 90 s.
const RISE_TIMEOUT: Duration = Duration::from_secs(85);
/// A new worker has to start.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// New pods beside the old ones, and the old ones finish what they have in hand.
const ROLL_OUT_TIMEOUT: Duration = Duration::from_mins(3);
/// From four to one in steps of `periodSeconds`, after the windows of the example and the last roll-out.
const FALL_TIMEOUT: Duration = Duration::from_mins(5);
/// An Event is written right after the status.
const EVENT_TIMEOUT: Duration = Duration::from_secs(15);

/// Carries it out.
pub async fn run(world: &mut World, report: &mut Report) {
    let pipeline = world.pipeline.clone();
    scenario("3. Workers follow the backlog");
    let what = "at rest there are minReplicas workers";
    if report.check(what, at_minimum(&pipeline)).await.is_none() {
        return;
    }
    let what = format!("{SLOW_INSERTS_ANNOTATION}={SLOW_MS} reaches the workers");
    if report.check(&what, slow(&pipeline, Some(SLOW_MS))).await.is_none() {
        return;
    }
    let sent = async {
        let numbers: Vec<u64> = (0..EVENTS).collect();
        let outcome = load::send_paced(&world.sender().await?, RUN, &numbers, EVENTS_PER_SECOND).await?;
        outcome.all_acknowledged(numbers.len())?;
        Ok(outcome)
    };
    // Looking begins before the first event: the decision may stand in the status for one period only.
    let (outcome, decision) = tokio::join!(sent, rise(&pipeline));
    let Some(outcome) = report.check("60,000 events are acknowledged meanwhile", async { outcome }).await
    else {
        return;
    };
    let what = "for the backlog status.scaling has a decision for more workers, with its numbers";
    if let Some(decision) = report.check(what, async { decision }).await {
        note(&format!("{}: {}", decision.reason, decision.message));
        let what = "an Event of the EventPipeline tells the same decision";
        report.check(what, told(&pipeline, &decision)).await;
        report.check("more than one worker is ready", more_than_one(&pipeline)).await;
    }
    report.check("without the annotation workers are fast again", slow(&pipeline, None)).await;
    if let Some(figures) = report.check("nothing is lost or stored twice", world.stored_once(outcome)).await {
        note(&figures);
    }
    report.check("with the backlog gone the workers return to minReplicas", at_minimum(&pipeline)).await;
}

fn replicas(workers: &Deployment) -> i32 {
    workers.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

async fn at_minimum(pipeline: &Pipeline) -> Result<()> {
    until("there are minReplicas workers", FALL_TIMEOUT, async || {
        let (object, workers) = (pipeline.get().await?, pipeline.workers().await?);
        let least = object.spec.workers.min_replicas;
        let status = object.status.unwrap_or_default();
        let (there, lag) = (status.workers.unwrap_or_default(), status.lag);
        let at_rest = replicas(&workers) == least && there.replicas == least && there.ready == least;
        Ok(when(at_rest && lag.as_ref().is_none_or(|lag| lag.events == Some(0)), || {
            let message = status.scaling.as_ref().map(|scaling| scaling.message.clone());
            format!("{} of {least} asked for, {there:?}, {lag:?}, {message:?}", replicas(&workers))
        }))
    })
    .await
}

/// Sets or removes the annotation and waits until all workers have it.
async fn slow(pipeline: &Pipeline, ms: Option<u32>) -> Result<()> {
    let change =
        ms.map_or(format!("{SLOW_INSERTS_ANNOTATION}-"), |ms| format!("{SLOW_INSERTS_ANNOTATION}={ms}"));
    pipeline.kubectl(&["annotate", "--overwrite", "epl", &pipeline.name, &change], None).await?;
    let wanted = ms.map(|ms| ms.to_string());
    until("the workers are rolled out", ROLL_OUT_TIMEOUT, async || {
        let workers = pipeline.workers().await?;
        let (has, out) = (slowness(&workers), rolled_out(&workers));
        Ok(when(has == wanted && out, || format!("slowed by {has:?} ms, rolled out: {out}")))
    })
    .await
}

fn slowness(workers: &Deployment) -> Option<String> {
    let container = workers.spec.as_ref()?.template.spec.as_ref()?.containers.first()?;
    container.env.as_ref()?.iter().find(|variable| variable.name == "SLOW_INSERTS_MS")?.value.clone()
}

fn rolled_out(workers: &Deployment) -> bool {
    let Some(status) = &workers.status else { return false };
    let wanted = Some(replicas(workers));
    status.observed_generation == workers.metadata.generation
        && status.updated_replicas == wanted
        && status.replicas == wanted
        && status.ready_replicas == wanted
}

/// The first decision for more workers that the backlog asked for and that stands in the status.
async fn rise(pipeline: &Pipeline) -> Result<ScalingStatus> {
    until("a decision asks for more workers", RISE_TIMEOUT, async || {
        let status = pipeline.get().await?.status.unwrap_or_default();
        let scaling = status.scaling.unwrap_or_default();
        let complete = || {
            let mut missing = Vec::new();
            let mut have = |what, there: bool| {
                if !there {
                    missing.push(what);
                }
            };
            have("reason", !scaling.reason.is_empty());
            have("certainty", scaling.certainty.is_some());
            have("lagEvents", scaling.lag_events.is_some());
            have("arrivalsPerSecond", scaling.arrivals_per_second.is_some());
            have("numbers in the message", scaling.message.contains(|c: char| c.is_ascii_digit()));
            missing
        };
        let for_backlog = FOR_BACKLOG.contains(&scaling.reason.as_str()) && scaling.lag_events > Some(0);
        if for_backlog && scaling.desired > scaling.current.max(1) && complete().is_empty() {
            return Ok(Look::There(scaling));
        }
        Ok(Look::NotYet(format!("{} (lacks {:?})", scaling.message, complete())))
    })
    .await
}

async fn told(pipeline: &Pipeline, decision: &ScalingStatus) -> Result<()> {
    until("its Event is there", EVENT_TIMEOUT, async || {
        let events = pipeline.cluster.list::<Event>(&pipeline.namespace, "").await?;
        let of_pipeline = |event: &&Event| {
            let regarding = event.regarding.as_ref();
            regarding.is_some_and(|object| {
                object.kind.as_deref() == Some(crd::KIND) && object.name.as_ref() == Some(&pipeline.name)
            })
        };
        let scalings: Vec<&Event> = events.iter().filter(of_pipeline).collect();
        let same = |event: &&Event| {
            event.reason.as_ref() == Some(&decision.reason)
                && event.note.as_ref().is_some_and(|note| decision.message.starts_with(note.as_str()))
        };
        Ok(when(scalings.iter().copied().any(|event| same(&event)), || {
            let notes: Vec<_> = scalings.iter().filter_map(|event| event.note.clone()).collect();
            format!("{notes:?}")
        }))
    })
    .await
}

async fn more_than_one(pipeline: &Pipeline) -> Result<()> {
    until("two workers are ready", START_TIMEOUT, async || {
        let pods =
            pipeline.pods(Some("worker")).await.map_err(|error| Error::Otherwise(error.to_string()))?;
        let ready = pods.iter().filter(|pod| is_ready(pod)).count();
        let there = pipeline.get().await?.status.and_then(|status| status.workers).unwrap_or_default();
        Ok(when(ready > 1 && there.replicas > 1, || {
            format!("{ready} pods of {}, status {there:?}", pods.len())
        }))
    })
    .await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workers(slow: Option<&str>, replicas: i32, updated: i32, there: i32) -> Deployment {
        let env = slow.map(|ms| json!([{"name": "SLOW_INSERTS_MS", "value": ms}])).unwrap_or(json!([]));
        serde_json::from_value(json!({
            "metadata": {"generation": 2},
            "spec": {"replicas": replicas, "selector": {}, "template": {"spec": {"containers": [{"name": "worker", "env": env}]}}},
            "status": {"observedGeneration": 2, "updatedReplicas": updated, "replicas": there, "readyReplicas": there},
        }))
        .unwrap()
    }

    #[test]
    fn workers_are_rolled_out_when_no_old_one_is_left() {
        assert!(rolled_out(&workers(None, 2, 2, 2)));
        assert!(!rolled_out(&workers(None, 2, 1, 2)), "one is of the old template");
        assert!(!rolled_out(&workers(None, 2, 2, 3)), "an old one still ends");
    }

    #[test]
    fn slowness_is_read_from_the_template() {
        assert_eq!(slowness(&workers(Some("3000"), 1, 1, 1)).as_deref(), Some("3000"));
        assert_eq!(slowness(&workers(None, 1, 1, 1)), None);
    }
}
