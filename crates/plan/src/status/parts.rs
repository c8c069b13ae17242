//! The conditions of the parts.

use crd::conditions::reasons;

use super::observed::{Answer, Mongodb, Pods, Store};
use super::verdict::Verdict;
use crate::validate::ValidatedPipeline;

/// Redis or PostgreSQL. A pod that is ready is not enough where the store itself was asked.
pub fn store(name: &str, external: bool, store: &Store) -> Verdict {
    match &store.answer {
        Answer::Refused(why) => Verdict::no(
            reasons::AUTHENTICATION_FAILED,
            format!("{name} refuses the operator: {why}; correct user and password in its Secret"),
        ),
        Answer::Full(why) => Verdict::no(reasons::STORE_FULL, format!("{name} {why}")),
        Answer::Unsuitable(why) => Verdict::no(reasons::STORE_UNSUITABLE, format!("{name}: {why}")),
        Answer::Unreachable(why) if external || store.pods.all_ready() => {
            Verdict::no(reasons::UNREACHABLE, format!("{name} cannot be reached: {why}"))
        }
        Answer::Answered if external => Verdict::yes(reasons::EXTERNAL_AVAILABLE, format!("{name} answers")),
        Answer::NotAsked if external => {
            Verdict::unknown(reasons::NOT_OBSERVED, format!("{name} was not asked yet"))
        }
        _ => pods(name, &store.pods),
    }
}

fn pods(name: &str, pods: &Pods) -> Verdict {
    if let Some(trouble) = &pods.trouble {
        return Verdict::no(trouble.reason, trouble.message.clone());
    }
    let counted = format!("{} of {} pods are ready", pods.ready, pods.wanted);
    if pods.all_ready() {
        Verdict::yes(reasons::AVAILABLE, counted)
    } else if pods.exists {
        Verdict::no(reasons::NOT_AVAILABLE, format!("{name}: {counted}"))
    } else {
        Verdict::no(reasons::NOT_AVAILABLE, format!("{name} is not created yet"))
    }
}

/// The sharded cluster as a whole.
pub fn mongodb(pipeline: &ValidatedPipeline, mongodb: &Mongodb) -> Verdict {
    if pipeline.spec.mongodb.external.is_some() {
        return store("MongoDB", true, &Store { pods: Pods::default(), answer: mongodb.answer.clone() });
    }
    if let Some(refusal) = &mongodb.refusal {
        return Verdict::no(refusal.reason, refusal.message.clone());
    }
    let mut parts = [&mongodb.config, &mongodb.members, &mongodb.routers].into_iter();
    let trouble = parts.find_map(|pods| pods.trouble.as_ref());
    if mongodb.serves && !mongodb.settled {
        // A member of a set is away, or a shard is added: events are stored all the same.
        let left = trouble.map_or(&mongodb.message, |trouble| &trouble.message);
        return Verdict::yes(reasons::BOOTSTRAPPED, format!("events are stored; still to come: {left}"));
    }
    if let Some(trouble) = trouble {
        return Verdict::no(trouble.reason, trouble.message.clone());
    }
    if mongodb.step.is_empty() {
        return Verdict::unknown(reasons::NOT_OBSERVED, "MongoDB was not looked at yet");
    }
    if mongodb.settled {
        let shards = mongodb.shards.len();
        let counted = if shards == 1 { "1 shard".to_owned() } else { format!("{shards} shards") };
        return Verdict::yes(reasons::BOOTSTRAPPED, format!("{counted}, both collections sharded"));
    }
    Verdict::no(reasons::BOOTSTRAPPING, format!("{}: {}", mongodb.step, mongodb.message))
}

/// Its shards.
pub fn shards(pipeline: &ValidatedPipeline, mongodb: &Mongodb) -> Verdict {
    if pipeline.spec.mongodb.external.is_some() {
        return Verdict::yes(reasons::EXTERNAL, "MongoDB is external; its shards are not looked at");
    }
    if mongodb.shards.is_empty() {
        return Verdict::unknown(reasons::NOT_OBSERVED, "the shards were not looked at yet");
    }
    let lacking = |added: bool| {
        let list = mongodb.shards.iter().filter(move |shard| !shard.is_ready() && shard.added == added);
        list.map(|shard| format!("{} is {}", shard.name, shard.state)).collect::<Vec<_>>().join(", ")
    };
    let (missing, degraded) = (lacking(false), lacking(true));
    let wanted = usize::try_from(pipeline.spec.mongodb.shards).unwrap_or_default();
    if !missing.is_empty() {
        Verdict::no(reasons::SHARD_NOT_ADDED, missing)
    } else if mongodb.shards.len() < wanted {
        let there = mongodb.shards.len();
        Verdict::no(reasons::SHARD_NOT_ADDED, format!("{there} of {wanted} shards are there"))
    } else if !degraded.is_empty() {
        Verdict::no(reasons::SHARD_DEGRADED, degraded)
    } else {
        Verdict::yes(reasons::ALL_SHARDS_ADDED, format!("{wanted} of {wanted} shards are ready"))
    }
}

/// The API: one pod is enough to take events.
pub fn api(api: &Pods) -> Verdict {
    if api.exists && api.ready > 0 {
        let counted = format!("{} of {} pods are ready", api.ready, api.wanted);
        let but =
            api.trouble.as_ref().map_or_else(String::new, |trouble| format!("; but {}", trouble.message));
        return Verdict::yes(reasons::AVAILABLE, counted + &but);
    }
    pods("the API", api)
}

/// The workers. None are asked for while the pipeline is paused or sleeps: then none missing is all there.
pub fn workers(workers: &Pods) -> Verdict {
    if !workers.exists {
        let message = "workers are created once both collections are sharded";
        return Verdict::no(reasons::WORKERS_NOT_CREATED, message);
    }
    if workers.wanted == 0 {
        return Verdict::yes(reasons::AVAILABLE, "no worker is asked for");
    }
    pods("workers", workers)
}

/// Dead letters. True is the bad state.
pub fn dead_letters(count: Option<i64>) -> Verdict {
    match count {
        None => Verdict::unknown(reasons::NOT_OBSERVED, "the dead letters could not be counted"),
        Some(0) => Verdict::no(reasons::NO_DEAD_LETTERS, "no event was refused"),
        Some(count) => Verdict::yes(
            reasons::DEAD_LETTERS,
            format!("{count} events were refused by MongoDB; GET /api/v1/dlq shows why"),
        ),
    }
}
