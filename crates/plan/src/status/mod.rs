//! What the status says, from what was observed. Nothing is read back from the status but the times of conditions, so
//! it can be erased and comes back.
//!
//! `status.scaling` and `ScalingActive` are the autoscaler's and are not made here; [`scaling_active`] is for it.

mod observed;
mod overall;
mod parts;
mod scaling;
mod verdict;

pub use observed::{Answer, CollectionSeen, Mongodb, Observed, Pods, ShardSeen, Store, Trouble};
pub use scaling::{ScalingSeen, scaling_active, scaling_invalid};
pub use verdict::{State, Verdict, merged};

use crd::conditions::{reasons, types};
use crd::{
    CollectionStatus, ConsoleAccess, DesiredState, Endpoints, EventPipelineStatus, LagStatus, MongodbStatus,
    ShardStatus, WorkersStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::names::{API_PORT, CONSOLE_PORT, Part};
use crate::resources::labels;
use crate::validate::{Fault, ValidatedPipeline};

/// The status of a pipeline whose spec is valid. `previous` are the conditions that the status has now; `now` is taken
/// for those that change.
pub fn status(
    pipeline: &ValidatedPipeline,
    observed: &Observed,
    previous: &[Condition],
    now: &Time,
) -> EventPipelineStatus {
    let verdicts = verdicts(pipeline, observed);
    let mongodb = &observed.mongodb;
    let managed = pipeline.spec.mongodb.external.is_none();
    EventPipelineStatus {
        observed_generation: Some(pipeline.generation),
        conditions: merged(&verdicts, pipeline.generation, previous, now),
        workers: Some(WorkersStatus {
            replicas: observed.worker.present,
            ready: observed.worker.ready,
            selector: labels::text(&labels::selector(pipeline, Part::Worker)),
        }),
        lag: observed.lag.map(|(events, certainty)| LagStatus { events, certainty }),
        scaling: None,
        dead_letters: observed.dead_letters,
        mongodb: managed.then(|| MongodbStatus {
            step: (!mongodb.step.is_empty()).then(|| mongodb.step.clone()),
            shards_ready: Some(shards_ready(pipeline, mongodb)),
            shards: mongodb.shards.iter().map(shard_status).collect(),
            collections: mongodb.collections.iter().filter_map(collection_status).collect(),
        }),
        endpoints: Some(endpoints(pipeline)),
    }
}

/// Every condition but `ScalingActive`, with what it says.
fn verdicts(pipeline: &ValidatedPipeline, observed: &Observed) -> Vec<(&'static str, Verdict)> {
    let mut list = vec![
        (types::REDIS_READY, parts::store("Redis", pipeline.spec.redis.external.is_some(), &observed.redis)),
        (
            types::POSTGRES_READY,
            parts::store("PostgreSQL", pipeline.spec.postgres.external.is_some(), &observed.postgres),
        ),
        (types::MONGODB_READY, parts::mongodb(pipeline, &observed.mongodb)),
        (types::SHARDS_READY, parts::shards(pipeline, &observed.mongodb)),
        (types::API_AVAILABLE, parts::api(&observed.api)),
        (types::WORKERS_AVAILABLE, parts::workers(&observed.worker)),
        (types::DEAD_LETTERS_PRESENT, parts::dead_letters(observed.dead_letters)),
        (types::PAUSED, paused(pipeline)),
    ];
    let ready = overall::ready(pipeline, observed, &list);
    list.push((types::READY, ready));
    list.push((types::RECONCILING, overall::reconciling(pipeline, observed)));
    list.push((types::STALLED, overall::stalled(observed)));
    list
}

/// The status of a pipeline whose spec cannot be built. What was known of its parts stays as it was.
pub fn invalid(faults: &[Fault], generation: i64, previous: &[Condition], now: &Time) -> EventPipelineStatus {
    let words: Vec<String> = faults.iter().map(ToString::to_string).collect();
    refused(reasons::INVALID_SPEC, &words.join("; "), generation, previous, now)
}

/// The status of a pipeline that a pass gave up on before it could look at it: no permission, an internal error.
pub fn refused(
    reason: &'static str,
    message: &str,
    generation: i64,
    previous: &[Condition],
    now: &Time,
) -> EventPipelineStatus {
    let mut verdicts = vec![
        (types::READY, Verdict::no(reason, message)),
        (types::RECONCILING, Verdict::no(reason, message)),
        (types::STALLED, Verdict::yes(reason, message)),
    ];
    for kind in types::ALL {
        let known = kind == types::SCALING_ACTIVE || verdicts.iter().any(|(there, _)| *there == kind);
        if !known && !previous.iter().any(|condition| condition.type_ == kind) {
            verdicts.push((kind, Verdict::unknown(reasons::NOT_OBSERVED, "not looked at yet")));
        }
    }
    let mut conditions = merged(&verdicts, generation, previous, now);
    let kept = previous.iter().filter(|old| {
        old.type_ != types::SCALING_ACTIVE && !conditions.iter().any(|new| new.type_ == old.type_)
    });
    let kept: Vec<Condition> = kept.cloned().collect();
    conditions.extend(kept);
    verdict::sort(&mut conditions);
    EventPipelineStatus {
        observed_generation: Some(generation),
        conditions,
        ..EventPipelineStatus::default()
    }
}

fn paused(pipeline: &ValidatedPipeline) -> Verdict {
    match pipeline.spec.desired_state {
        DesiredState::Running => Verdict::no(reasons::RUNNING, "events are taken and stored"),
        DesiredState::Paused => Verdict::yes(
            reasons::PAUSED,
            "events are taken and queue up until Redis is full; set `desiredState: Running` to store them",
        ),
        DesiredState::Stopped => Verdict::yes(
            reasons::STOPPED,
            "events are refused with 503; set `desiredState: Running` to take them",
        ),
    }
}

fn shards_ready(pipeline: &ValidatedPipeline, mongodb: &Mongodb) -> String {
    let ready = mongodb.shards.iter().filter(|shard| shard.is_ready()).count();
    format!("{ready}/{}", pipeline.spec.mongodb.shards)
}

fn shard_status(shard: &ShardSeen) -> ShardStatus {
    ShardStatus { name: shard.name.clone(), host: shard.host.clone(), state: shard.state.clone() }
}

/// A collection of which nobody knows is left out rather than called unsharded.
fn collection_status(collection: &CollectionSeen) -> Option<CollectionStatus> {
    collection.sharded.map(|sharded| CollectionStatus { name: collection.name.clone(), sharded })
}

fn endpoints(pipeline: &ValidatedPipeline) -> Endpoints {
    let names = &pipeline.names;
    let console = pipeline.spec.console.access != ConsoleAccess::Disabled;
    let inside = |part, port: i32| format!("http://{}:{port}", names.host(&names.of(part)));
    let outside = pipeline.spec.ingress.as_ref().map(|ingress| {
        let scheme = if ingress.tls_secret_name.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", ingress.host)
    });
    Endpoints {
        api: outside.clone().unwrap_or_else(|| inside(Part::Api, API_PORT)),
        console: console.then(|| outside.unwrap_or_else(|| inside(Part::Console, CONSOLE_PORT))),
        credentials_secret: names.credentials(),
    }
}
