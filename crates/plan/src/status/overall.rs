//! `Ready`, `Reconciling` and `Stalled`: the pipeline in one word each.

use crd::DesiredState;
use crd::conditions::{reasons, types};

use super::observed::{Answer, Observed, Pods};
use super::verdict::{State, Verdict};
use crate::validate::ValidatedPipeline;

/// Whether what `desiredState` asks for is there. What is furthest from the user's events comes first: nothing that
/// waits for a store can be ready before it.
pub fn ready(
    pipeline: &ValidatedPipeline,
    observed: &Observed,
    parts: &[(&'static str, Verdict)],
) -> Verdict {
    if let Some(trouble) = &observed.trouble {
        return Verdict::no(trouble.reason, trouble.message.clone());
    }
    let lacking = |kinds: &[&str]| {
        let list =
            parts.iter().filter(|(kind, verdict)| kinds.contains(kind) && verdict.state != State::True);
        list.map(|(_, verdict)| verdict.message.clone()).collect::<Vec<_>>().join("; ")
    };
    // Shards that are added, or lack a member, keep nothing from being stored: `ShardsReady` tells of them.
    let mongodb: &[&str] = &[types::MONGODB_READY];
    let workers: &[&str] = &[types::WORKERS_AVAILABLE];
    // With some workers events are stored, if slower; only with none of those asked for they are not.
    let stores_nothing =
        !observed.worker.exists || (observed.worker.wanted > 0 && observed.worker.ready == 0);
    for (kinds, reason) in [
        (&[types::REDIS_READY, types::POSTGRES_READY][..], reasons::WAITING_FOR_STORES),
        (mongodb, reasons::WAITING_FOR_MONGODB),
        (&[types::API_AVAILABLE][..], reasons::WAITING_FOR_API),
        (if stores_nothing { workers } else { &[] }, reasons::WAITING_FOR_WORKERS),
    ] {
        let words = lacking(kinds);
        if !words.is_empty() {
            return Verdict::no(reason, words);
        }
    }
    match pipeline.spec.desired_state {
        DesiredState::Running => Verdict::yes(reasons::ALL_COMPONENTS_READY, "events are taken and stored"),
        DesiredState::Paused => Verdict::yes(reasons::PAUSED, "events are taken and queue up, as asked for"),
        DesiredState::Stopped => Verdict::yes(reasons::STOPPED, "events are refused with 503, as asked for"),
    }
}

/// Whether something is being changed.
pub fn reconciling(pipeline: &ValidatedPipeline, observed: &Observed) -> Verdict {
    let mongodb = &observed.mongodb;
    let managed = |external: bool, pods: &'_ Pods| !external && (!pods.exists || !pods.up_to_date);
    let spec = &pipeline.spec;
    let own = spec.mongodb.external.is_some();
    let rolling: Vec<&str> = [
        ("redis", managed(spec.redis.external.is_some(), &observed.redis.pods)),
        ("postgres", managed(spec.postgres.external.is_some(), &observed.postgres.pods)),
        ("config", managed(own, &mongodb.config)),
        ("shards", managed(own, &mongodb.members)),
        ("router", managed(own, &mongodb.routers)),
        ("api", managed(false, &observed.api)),
        ("worker", managed(false, &observed.worker)),
    ]
    .into_iter()
    .filter_map(|(name, rolls)| rolls.then_some(name))
    .collect();
    if !own && !mongodb.settled && mongodb.refusal.is_none() && !mongodb.step.is_empty() {
        return Verdict::yes(reasons::BOOTSTRAPPING, format!("MongoDB: {}", mongodb.message));
    }
    let changed = (!rolling.is_empty()).then(|| format!("pods are being changed: {}", rolling.join(", ")));
    let waiting = (!observed.waiting.is_empty())
        .then(|| {
            let names = observed.waiting.join(", ");
            format!("{names}: sets of MongoDB change one after the other, and a Redis gets less memory once what it holds fits")
        });
    let words: Vec<String> = changed.into_iter().chain(waiting).collect();
    if !words.is_empty() {
        return Verdict::yes(reasons::ROLLING_OUT, words.join("; "));
    }
    Verdict::no(reasons::UP_TO_DATE, "everything is as the spec says")
}

/// Whether nothing moves until somebody does something.
pub fn stalled(observed: &Observed) -> Verdict {
    let mongodb = &observed.mongodb;
    let of_pods = [
        &observed.redis.pods,
        &observed.postgres.pods,
        &mongodb.config,
        &mongodb.members,
        &mongodb.routers,
        &observed.api,
        &observed.worker,
    ]
    .into_iter()
    .filter_map(|pods| pods.trouble.as_ref());
    let trouble = observed.trouble.iter().chain(&mongodb.refusal).chain(of_pods);
    let mut all: Vec<(&str, String)> =
        trouble.map(|trouble| (trouble.reason, trouble.message.clone())).collect();
    for (name, answer) in [
        ("Redis", &observed.redis.answer),
        ("PostgreSQL", &observed.postgres.answer),
        ("MongoDB", &mongodb.answer),
    ] {
        match answer {
            Answer::Refused(why) => {
                let words =
                    format!("{name} refuses the operator: {why}; correct user and password in its Secret");
                all.push((reasons::AUTHENTICATION_FAILED, words));
            }
            Answer::Unsuitable(why) => all.push((reasons::STORE_UNSUITABLE, format!("{name}: {why}"))),
            Answer::NotAsked | Answer::Answered | Answer::Full(_) | Answer::Unreachable(_) => (),
        }
    }
    if let Some((reason, _)) = all.first() {
        let words: Vec<&str> = all.iter().map(|(_, message)| message.as_str()).collect();
        return Verdict::yes(reason, words.join("; "));
    }
    Verdict::no(reasons::PROGRESSING, "nothing needs a person")
}
