//! What changes pods that run: a Secret with other values, and MongoDB's sets one after the other.

mod common;

use common::valid;
use plan::resources::turns::{Turns, is_rolled_out};
use plan::resources::{self, Kind, Object, marks};
use serde_json::{Value, json};

const OF_API: &str = "clicks-api";

/// The mark on the pods of a Deployment, when Secrets hold `held` and the Deployment stands as `living`.
fn mark_of(name: &str, held: &str, living: Option<&Value>, trusted: bool) -> Option<String> {
    let pipeline = valid("{}");
    let mut objects = resources::objects(&pipeline);
    let value = |secret: &str, key: &str| {
        Some(if secret == "clicks-postgres" { held.to_owned() } else { format!("{secret} {key}") })
    };
    marks::mark(&pipeline, &mut objects, value, |_| living, trusted);
    let object = objects.iter().find(|o| o.kind == Kind::Deployment && o.name == name).expect(name);
    Some(object.body["spec"]["template"]["metadata"]["annotations"][marks::MARK].as_str()?.to_owned())
}

fn marked(mark: Option<&str>, ready: u8) -> Value {
    json!({
        "spec": {"template": {"metadata": {"annotations": mark.map(|mark| json!({marks::MARK: mark}))}}},
        "status": {"readyReplicas": ready},
    })
}

#[test]
fn another_value_in_a_secret_makes_other_pods_of_those_that_read_it() {
    let of = |name, held| mark_of(name, held, None, true).unwrap();
    assert_eq!(of(OF_API, "a"), of(OF_API, "a"));
    assert_ne!(of(OF_API, "a"), of(OF_API, "b"));
    assert_eq!(of("clicks-worker", "a"), of("clicks-worker", "b"), "workers have nothing of PostgreSQL");
    assert_eq!(mark_of("clicks-router", "a", None, true), None, "its servers keep the old key");
    assert_eq!(of(OF_API, "a").len(), 4, "too short to try passwords against");
}

#[test]
fn pods_that_serve_do_not_give_way_to_a_value_that_a_store_refuses() {
    let good = mark_of(OF_API, "good", None, true);
    let serving = marked(good.as_deref(), 1);
    assert_eq!(mark_of(OF_API, "wrong", Some(&serving), false), good);
    assert_ne!(mark_of(OF_API, "newer", Some(&serving), true), good, "the store took it");
    let ended = marked(good.as_deref(), 0);
    assert_ne!(mark_of(OF_API, "wrong", Some(&ended), false), good, "there is nothing to keep");
    assert_eq!(mark_of(OF_API, "wrong", Some(&marked(None, 1)), false), None, "made by an older operator");
}

/// A workload with one pod, as its controller tells of it.
fn standing(updated: u8, ready: u8) -> Value {
    let revision = if updated == 1 { "new" } else { "old" };
    json!({
        "metadata": {"generation": 2},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": 2, "replicas": 1, "updatedReplicas": updated, "readyReplicas": ready,
            "currentRevision": revision, "updateRevision": "new"},
    })
}

/// Which of MongoDB's workloads would be changed in one pass.
fn changed_in_one_pass(living: impl Fn(&str) -> Value) -> Vec<String> {
    changed_while(false, living)
}

fn changed_while(catching_up: bool, living: impl Fn(&str) -> Value) -> Vec<String> {
    let objects = resources::objects(&valid("{}"));
    let mut turns = Turns::new(catching_up);
    let change = |object: &&Object| {
        let held = turns.holds_back(object, &living(&object.name));
        turns.passed(object, &living(&object.name), !held);
        !held
    };
    let workloads =
        objects.iter().filter(|object| matches!(object.kind, Kind::StatefulSet | Kind::Deployment));
    workloads.filter(change).map(|object| object.name.clone()).collect()
}

#[test]
fn sets_of_mongodb_change_one_after_the_other_and_nothing_else_waits() {
    let rest = ["clicks-redis", "clicks-postgres"];
    assert_eq!(
        changed_in_one_pass(|_| standing(1, 1)),
        [rest[0], rest[1], "clicks-config", OF_API, "clicks-worker"],
        "the config servers come first"
    );
}

#[test]
fn a_set_without_a_ready_pod_waits_for_nobody() {
    let broken = |name: &str| if name == "clicks-shard-1" { standing(1, 0) } else { standing(1, 1) };
    let changed = changed_in_one_pass(broken);
    assert!(changed.contains(&"clicks-shard-1".to_owned()), "{changed:?}");
    assert!(!changed.contains(&"clicks-shard-0".to_owned()), "{changed:?}");
}

#[test]
fn while_a_member_copies_data_no_server_of_mongodb_is_started_anew_unless_nothing_of_it_is_ready() {
    let all = changed_while(true, |_| standing(1, 1));
    assert_eq!(all, ["clicks-redis", "clicks-postgres", OF_API, "clicks-worker"]);
    let broken = |name: &str| if name == "clicks-shard-1" { standing(1, 0) } else { standing(1, 1) };
    assert!(changed_while(true, broken).contains(&"clicks-shard-1".to_owned()));
}

#[test]
fn a_roll_out_is_over_when_no_pod_of_the_old_template_is_left() {
    let with = |kind, key: &str, value: Value| {
        let mut living = standing(1, 1);
        living["status"][key] = value;
        is_rolled_out(kind, &living)
    };
    assert!(
        is_rolled_out(Kind::Deployment, &standing(1, 1)) && is_rolled_out(Kind::StatefulSet, &standing(1, 1))
    );
    assert!(!with(Kind::Deployment, "replicas", json!(2)), "the old pod serves while the new one starts");
    assert!(!with(Kind::Deployment, "observedGeneration", json!(1)));
    assert!(!with(Kind::StatefulSet, "currentRevision", json!("old")));
    assert!(!with(Kind::Deployment, "updatedReplicas", json!(0)));
}

#[test]
fn a_redis_keeps_its_memory_until_what_it_holds_fits_into_less() {
    let of = |memory: &str| {
        let objects =
            resources::objects(&valid(&format!("{{redis: {{memory: {memory}, storageSize: 4Gi}}}}")));
        objects.into_iter().find(|o| o.kind == Kind::StatefulSet && o.name == "clicks-redis").unwrap()
    };
    let (small, large) = (of("128Mi"), of("1Gi"));
    let waits = |wanted: &Object, living: &Object, used| {
        resources::redis::gets_less_than_it_uses(wanted, &living.body, used)
    };
    assert!(waits(&small, &large, Some(400 << 20)));
    assert!(waits(&small, &large, None), "it did not say");
    assert!(!waits(&small, &large, Some(100 << 20)));
    assert!(!waits(&large, &small, Some(400 << 20)) && !waits(&small, &small, None));
    let postgres =
        resources::objects(&valid("{}")).into_iter().find(|o| o.name == "clicks-postgres").unwrap();
    assert!(!waits(&postgres, &postgres, None));
}
