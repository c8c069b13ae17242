//! What the conditions say, from nothing there to ready, and back when something breaks.

mod common;

use common::valid;
use crd::conditions::{reasons, types};
use crd::{Certainty, EventPipelineStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use plan::status::{
    Answer, CollectionSeen, Mongodb, Observed, Pods, ScalingSeen, ShardSeen, Store, Trouble, invalid,
    refused, scaling_active, status,
};

fn time(text: &str) -> Time {
    serde_json::from_value(serde_json::json!(text)).expect(text)
}

fn noon() -> Time {
    time("2026-01-01T12:00:00Z")
}

fn pods(count: i32) -> Pods {
    Pods { exists: true, wanted: count, present: count, ready: count, up_to_date: true, trouble: None }
}

fn shard(index: i32, state: &str) -> ShardSeen {
    let added = !matches!(state, "NotAdded" | "Uninitiated");
    ShardSeen { name: format!("clicks-shard-{index}"), host: "set/host".into(), state: state.into(), added }
}

/// Everything is as it should be.
fn well() -> Observed {
    let collection = |name: &str| CollectionSeen { name: name.into(), sharded: Some(true) };
    Observed {
        redis: Store { pods: pods(1), answer: Answer::Answered },
        postgres: Store { pods: pods(1), answer: Answer::NotAsked },
        mongodb: Mongodb {
            config: pods(1),
            members: pods(2),
            routers: pods(1),
            step: "Ready".into(),
            message: "ready".into(),
            settled: true,
            serves: true,
            shards: vec![shard(0, "Ready"), shard(1, "Ready")],
            collections: vec![collection("events"), collection("events_dlq")],
            ..Mongodb::default()
        },
        api: pods(2),
        worker: pods(1),
        lag: Some((Some(0), Certainty::Known)),
        dead_letters: Some(0),
        ..Observed::default()
    }
}

fn of(observed: &Observed) -> EventPipelineStatus {
    status(&valid("{}"), observed, &[], &noon())
}

fn condition<'a>(status: &'a EventPipelineStatus, kind: &str) -> &'a Condition {
    status.conditions.iter().find(|condition| condition.type_ == kind).expect(kind)
}

fn says(status: &EventPipelineStatus, kind: &str) -> (String, String) {
    let condition = condition(status, kind);
    (condition.status.clone(), condition.reason.clone())
}

fn pair(status: &str, reason: &str) -> (String, String) {
    (status.into(), reason.into())
}

#[test]
fn a_pipeline_that_is_well_says_so_in_every_condition() {
    let status = of(&well());
    insta::assert_snapshot!(serde_yaml::to_string(&status).unwrap());
    assert_eq!(says(&status, types::READY), pair("True", reasons::ALL_COMPONENTS_READY));
    assert!(!status.conditions.iter().any(|c| c.type_ == types::SCALING_ACTIVE), "the autoscaler's");
    assert!(status.scaling.is_none(), "the autoscaler's");
}

#[test]
fn every_condition_is_there_from_the_first_pass_and_none_vouches_for_what_was_not_seen() {
    let status = of(&Observed::default());
    let kinds: Vec<&str> = status.conditions.iter().map(|c| c.type_.as_str()).collect();
    let expected: Vec<&str> = types::ALL.into_iter().filter(|kind| *kind != types::SCALING_ACTIVE).collect();
    assert_eq!(kinds, expected);
    assert_eq!(says(&status, types::READY), pair("False", reasons::WAITING_FOR_STORES));
    assert_eq!(says(&status, types::RECONCILING), pair("True", reasons::ROLLING_OUT));
    assert_eq!(says(&status, types::STALLED), pair("False", reasons::PROGRESSING));
    assert_eq!(says(&status, types::MONGODB_READY), pair("Unknown", reasons::NOT_OBSERVED));
    assert_eq!(says(&status, types::DEAD_LETTERS_PRESENT), pair("Unknown", reasons::NOT_OBSERVED));
    assert!(status.lag.is_none() && status.dead_letters.is_none(), "unknown is not 0");
}

#[test]
fn what_is_waited_for_is_named_in_the_order_of_a_start() {
    let mut seen = well();
    seen.worker = Pods::default();
    assert_eq!(says(&of(&seen), types::READY), pair("False", reasons::WAITING_FOR_WORKERS));
    assert_eq!(says(&of(&seen), types::WORKERS_AVAILABLE), pair("False", reasons::WORKERS_NOT_CREATED));
    seen.api.ready = 0;
    assert_eq!(says(&of(&seen), types::READY), pair("False", reasons::WAITING_FOR_API));
    let (step, message) = ("AddShards".into(), "add shard b".into());
    seen.mongodb = Mongodb { settled: false, serves: false, step, message, ..seen.mongodb };
    seen.mongodb.shards[1] = shard(1, "NotAdded");
    let status = of(&seen);
    assert_eq!(says(&status, types::READY), pair("False", reasons::WAITING_FOR_MONGODB));
    assert_eq!(says(&status, types::RECONCILING), pair("True", reasons::BOOTSTRAPPING));
    assert_eq!(says(&status, types::SHARDS_READY), pair("False", reasons::SHARD_NOT_ADDED));
    assert_eq!(status.mongodb.as_ref().unwrap().shards_ready.as_deref(), Some("1/2"));
    assert!(condition(&status, types::MONGODB_READY).message.contains("AddShards: add shard b"));
    seen.redis.pods.ready = 0;
    assert_eq!(says(&of(&seen), types::READY), pair("False", reasons::WAITING_FOR_STORES));
}

#[test]
fn fewer_workers_than_asked_for_are_slower_but_ready_and_none_asked_for_is_not_a_lack() {
    let mut seen = well();
    seen.worker = Pods { wanted: 4, present: 4, ready: 1, ..pods(4) };
    assert_eq!(says(&of(&seen), types::WORKERS_AVAILABLE), pair("False", reasons::NOT_AVAILABLE));
    assert_eq!(says(&of(&seen), types::READY), pair("True", reasons::ALL_COMPONENTS_READY));
    seen.worker = pods(0);
    assert_eq!(says(&of(&seen), types::READY), pair("True", reasons::ALL_COMPONENTS_READY));
}

#[test]
fn what_needs_a_person_stalls_with_its_reason_and_all_of_its_words() {
    let mut seen = well();
    let trouble = |reason, message: &str| Some(Trouble { reason, message: message.into() });
    seen.api.trouble = trouble(reasons::IMAGE_PULL_FAILED, "clicks-api: no such tag");
    seen.mongodb.refusal = trouble(reasons::DATA_LOST, "every volume of clicks-shard-0 is empty");
    let status = of(&seen);
    assert_eq!(says(&status, types::STALLED), pair("True", reasons::DATA_LOST));
    let words = &condition(&status, types::STALLED).message;
    assert!(words.contains("clicks-shard-0") && words.contains("no such tag"), "{words}");
    assert_eq!(says(&status, types::MONGODB_READY), pair("False", reasons::DATA_LOST));
    assert_eq!(says(&status, types::READY), pair("False", reasons::WAITING_FOR_MONGODB));

    let mut seen = well();
    seen.trouble = trouble(reasons::SECRET_MISSING, "Secret accounts is not there");
    assert_eq!(says(&of(&seen), types::READY), pair("False", reasons::SECRET_MISSING));
    assert_eq!(says(&of(&seen), types::STALLED), pair("True", reasons::SECRET_MISSING));

    let mut seen = well();
    seen.redis.answer = Answer::Refused("WRONGPASS".into());
    assert_eq!(says(&of(&seen), types::REDIS_READY), pair("False", reasons::AUTHENTICATION_FAILED));
    assert_eq!(says(&of(&seen), types::STALLED), pair("True", reasons::AUTHENTICATION_FAILED));
}

#[test]
fn a_member_away_or_a_shard_to_come_keeps_nothing_from_being_stored() {
    for (state, reason) in [("Degraded", reasons::SHARD_DEGRADED), ("NotAdded", reasons::SHARD_NOT_ADDED)] {
        let mut seen = well();
        seen.mongodb.shards[1] = shard(1, state);
        let (step, message) = ("Members".into(), "a member is not up yet".into());
        seen.mongodb = Mongodb { settled: false, step, message, ..seen.mongodb };
        let status = of(&seen);
        assert_eq!(says(&status, types::READY), pair("True", reasons::ALL_COMPONENTS_READY), "{state}");
        assert_eq!(says(&status, types::MONGODB_READY), pair("True", reasons::BOOTSTRAPPED));
        assert!(condition(&status, types::MONGODB_READY).message.contains("a member is not up yet"));
        assert_eq!(says(&status, types::SHARDS_READY), pair("False", reason));
        assert_eq!(says(&status, types::RECONCILING), pair("True", reasons::BOOTSTRAPPING));
    }
    let mut seen = well();
    seen.mongodb.shards[1] = shard(1, "NoPrimary");
    let message = "no primary".into();
    seen.mongodb = Mongodb { settled: false, serves: false, message, ..seen.mongodb };
    let status = of(&seen);
    assert_eq!(says(&status, types::READY), pair("False", reasons::WAITING_FOR_MONGODB));
    assert_eq!(says(&status, types::SHARDS_READY), pair("False", reasons::SHARD_DEGRADED));
}

#[test]
fn a_full_store_is_told_of_and_needs_no_person() {
    let mut seen = well();
    seen.redis.answer = Answer::Full("is full: 483183820 bytes wait in 536870912".into());
    let status = of(&seen);
    assert_eq!(says(&status, types::REDIS_READY), pair("False", reasons::STORE_FULL));
    assert_eq!(says(&status, types::READY), pair("False", reasons::WAITING_FOR_STORES));
    assert_eq!(says(&status, types::STALLED), pair("False", reasons::PROGRESSING));
}

#[test]
fn a_store_that_is_away_for_a_moment_neither_stalls_nor_reconciles() {
    let mut seen = well();
    seen.redis.answer = Answer::Unreachable("clicks-redis: connection refused".into());
    let status = of(&seen);
    assert_eq!(says(&status, types::REDIS_READY), pair("False", reasons::UNREACHABLE));
    assert_eq!(says(&status, types::READY), pair("False", reasons::WAITING_FOR_STORES));
    assert_eq!(says(&status, types::STALLED), pair("False", reasons::PROGRESSING));
    assert_eq!(says(&status, types::RECONCILING), pair("False", reasons::UP_TO_DATE));
}

#[test]
fn paused_and_stopped_are_what_was_asked_for() {
    let mut seen = well();
    seen.worker = pods(0);
    for (state, reason) in [("Paused", reasons::PAUSED), ("Stopped", reasons::STOPPED)] {
        let status = status(&valid(&format!("{{desiredState: {state}}}")), &seen, &[], &noon());
        assert_eq!(says(&status, types::READY), pair("True", reason));
        assert_eq!(says(&status, types::PAUSED), pair("True", reason));
    }
}

#[test]
fn external_stores_are_ready_when_they_answer() {
    let pipeline = valid("{redis: {external: {secretName: r}}, mongodb: {external: {secretName: m}}}");
    let mut seen = well();
    seen.redis = Store { pods: Pods::default(), answer: Answer::Answered };
    seen.mongodb = Mongodb { answer: Answer::Answered, ..Mongodb::default() };
    let good = status(&pipeline, &seen, &[], &noon());
    assert_eq!(says(&good, types::READY), pair("True", reasons::ALL_COMPONENTS_READY));
    assert_eq!(says(&good, types::REDIS_READY), pair("True", reasons::EXTERNAL_AVAILABLE));
    assert_eq!(says(&good, types::RECONCILING), pair("False", reasons::UP_TO_DATE));
    assert!(good.mongodb.is_none());
    seen.mongodb.answer = Answer::NotAsked;
    let unasked = status(&pipeline, &seen, &[], &noon());
    assert_eq!(says(&unasked, types::MONGODB_READY), pair("Unknown", reasons::NOT_OBSERVED));
    assert_eq!(says(&unasked, types::READY), pair("False", reasons::WAITING_FOR_MONGODB));
}

#[test]
fn times_move_only_with_the_status_and_an_unchanged_pipeline_changes_nothing() {
    let first = of(&well());
    let later = time("2026-01-01T13:00:00Z");
    assert_eq!(status(&valid("{}"), &well(), &first.conditions, &later), first);
    let mut seen = well();
    seen.redis.pods.ready = 0;
    let broken = status(&valid("{}"), &seen, &first.conditions, &later);
    assert_eq!(condition(&broken, types::REDIS_READY).last_transition_time, later);
    assert_eq!(condition(&broken, types::POSTGRES_READY).last_transition_time, noon());
}

#[test]
fn an_invalid_spec_is_said_and_what_was_known_of_the_parts_stays() {
    let faults = common::of_spec("{mongodb: {shards: 0}}").unwrap_err();
    let known = of(&well()).conditions;
    let status = invalid(&faults, 2, &known, &time("2026-01-01T13:00:00Z"));
    assert_eq!(status.observed_generation, Some(2));
    for (kind, state) in [(types::READY, "False"), (types::STALLED, "True"), (types::RECONCILING, "False")] {
        assert_eq!(says(&status, kind), pair(state, reasons::INVALID_SPEC));
        assert!(condition(&status, kind).message.contains("spec.mongodb.shards"));
    }
    assert_eq!(
        condition(&status, types::REDIS_READY),
        known.iter().find(|c| c.type_ == types::REDIS_READY).unwrap()
    );
    let fresh = refused(reasons::MISSING_PERMISSION, "create services", 1, &[], &noon());
    assert_eq!(fresh.conditions.len(), types::ALL.len() - 1);
    assert_eq!(says(&fresh, types::API_AVAILABLE), pair("Unknown", reasons::NOT_OBSERVED));
}

#[test]
fn messages_are_cut_at_a_bound() {
    let mut seen = well();
    seen.redis.answer = Answer::Unreachable("ä".repeat(5000));
    let status = of(&seen);
    assert!(status.conditions.iter().all(|c| c.message.chars().count() <= 1024));
}

#[test]
fn scaling_says_whether_it_follows_the_lag_and_what_is_not_obeyed() {
    let seen = |certainty, at_maximum| ScalingSeen { workers_exist: true, certainty, at_maximum };
    let known = seen(Certainty::Known, false);
    for (spec, seen, state, reason) in [
        ("{}", known.clone(), "True", reasons::LAG_KNOWN),
        ("{}", seen(Certainty::Estimated, false), "True", reasons::LAG_ESTIMATED),
        ("{}", seen(Certainty::Unknown, true), "False", reasons::LAG_UNKNOWN),
        ("{}", seen(Certainty::Known, true), "True", reasons::AT_MAXIMUM),
        ("{}", ScalingSeen { workers_exist: false, ..known.clone() }, "False", reasons::WORKERS_NOT_CREATED),
        ("{workers: {scaling: Manual}}", known.clone(), "False", reasons::SCALING_MANUAL),
        ("{workers: {scaling: DryRun}}", known.clone(), "False", reasons::DRY_RUN),
        ("{desiredState: Paused}", known.clone(), "False", reasons::PAUSED),
    ] {
        let condition = scaling_active(&valid(spec), &seen, &[], &noon());
        assert_eq!(
            (condition.status.as_str(), condition.reason.as_str()),
            (state, reason),
            "{spec} {seen:?}"
        );
        assert!(!condition.message.contains("not obeyed"));
    }
    let scaled = scaling_active(&valid("{workers: {replicas: 7}}"), &known, &[], &noon());
    assert!(
        scaled.message.contains("`workers.replicas: 7` is not obeyed while `scaling` is Lag"),
        "{}",
        scaled.message
    );
}

#[test]
fn troubles_are_told_together() {
    let trouble = |reason, message: &str| Trouble { reason, message: message.into() };
    assert_eq!(Trouble::all([]), None);
    let all = Trouble::all([trouble(reasons::PODS_REFUSED, "a"), trouble(reasons::INVALID_SPEC, "b")]);
    assert_eq!(all, Some(trouble(reasons::PODS_REFUSED, "a; b")));
}

#[test]
fn pods_that_fail_for_different_reasons_are_told_of_each_and_the_same_is_told_once() {
    let trouble = |reason, message: &str| Trouble { reason, message: message.into() };
    let all = Trouble::by_reason([
        trouble(reasons::IMAGE_PULL_FAILED, "shard-0 cannot pull"),
        trouble(reasons::IMAGE_PULL_FAILED, "shard-1 cannot pull"),
        trouble(reasons::POD_UNSCHEDULABLE, "no node takes shard-2"),
    ]);
    assert_eq!(all, Some(trouble(reasons::IMAGE_PULL_FAILED, "shard-0 cannot pull; no node takes shard-2")));
}

#[test]
fn a_new_pod_of_the_api_that_cannot_start_is_told_of_beside_those_that_serve() {
    let mut seen = well();
    seen.api.up_to_date = false;
    seen.api.trouble =
        Some(Trouble { reason: reasons::IMAGE_PULL_FAILED, message: "clicks-api-b cannot pull".into() });
    let status = of(&seen);
    assert_eq!(says(&status, types::API_AVAILABLE), pair("True", reasons::AVAILABLE));
    let words = &condition(&status, types::API_AVAILABLE).message;
    assert_eq!(words, "2 of 2 pods are ready; but clicks-api-b cannot pull");
    assert_eq!(says(&status, types::RECONCILING), pair("True", reasons::ROLLING_OUT));
    assert_eq!(says(&status, types::STALLED), pair("True", reasons::IMAGE_PULL_FAILED));
}

#[test]
fn sets_that_wait_for_their_turn_are_named_until_all_are_changed() {
    let seen = Observed { waiting: vec!["clicks-shard-1".into(), "clicks-router".into()], ..well() };
    let status = of(&seen);
    assert_eq!(says(&status, types::RECONCILING), pair("True", reasons::ROLLING_OUT));
    let words = &condition(&status, types::RECONCILING).message;
    assert_eq!(
        words,
        "clicks-shard-1, clicks-router: sets of MongoDB change one after the other, and a Redis gets less memory once \
         what it holds fits"
    );
}
