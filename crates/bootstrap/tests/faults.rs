//! A fault at every command, and whoever acts killed at every step: it always ends ready, each set initiated once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod cluster;

use std::collections::BTreeSet;
use std::time::Duration;

use bootstrap::Error;
use bson::{Document, doc};
use cluster::{Cluster, Programs};
use plan::mongo::{Class, Step};
use tokio::time::{Instant, sleep, timeout};

/// What passes by itself, whatever was asked.
const RETRY_SOON: &[i32] = &[
    6, 7, 24, 46, 50, 74, 89, 91, 94, 95, 109, 112, 117, 133, 134, 164, 189, 203, 216, 262, 308, 414, 9001,
    10058, 10107, 11600, 11602, 13388, 13435, 13436, 56846,
];
/// Every command that changes something. `updateUser` and `collMod` have a test of their
/// own; `enableSharding` is for servers before MongoDB 6.
const ACTIONS: [&str; 7] = [
    "replSetInitiate",
    "createUser",
    "setDefaultRWConcern",
    "addShard",
    "shardCollection",
    "createIndexes",
    "record",
];
const READS_OF_MEMBERS: [&str; 6] =
    ["ping", "hello", "replSetGetStatus", "replSetGetConfig", "usersInfo", "saslContinue"];
const READS_OF_ROUTERS: [&str; 7] =
    ["ping", "hello", "listShards", "getDefaultRWConcern", "find", "listIndexes", "saslContinue"];
const PATIENCE: Duration = Duration::from_mins(2);

/// The command of a step and who is asked.
fn target(cluster: &Cluster, step: &Step) -> Option<(&'static str, String)> {
    let router = || cluster.wanted.routers[0].clone();
    Some(match step {
        Step::Initiate { via, .. } => ("replSetInitiate", via.clone()),
        Step::CreateUser { primary, .. } => ("createUser", primary.clone()),
        Step::UpdateUser { primary, .. } => ("updateUser", primary.clone()),
        Step::SetDefaultConcern { .. } => ("setDefaultRWConcern", router()),
        Step::AddShard { .. } => ("addShard", router()),
        Step::EnableSharding { .. } => ("enableSharding", router()),
        Step::CreateIndex { .. } => ("createIndexes", router()),
        Step::ShardCollection { .. } => ("shardCollection", router()),
        Step::ChangeTtl { .. } => ("collMod", router()),
        Step::Record { .. } | Step::Wait(_) | Step::Refused(_) | Step::Ready => return None,
    })
}

/// Goes up the ladder; `before` has its way with every action before it is done.
async fn climb(
    cluster: &mut Cluster,
    mut before: impl AsyncFnMut(&mut Cluster, &Step),
) -> BTreeSet<&'static str> {
    let deadline = Instant::now() + PATIENCE;
    let mut done = BTreeSet::new();
    loop {
        assert!(Instant::now() < deadline, "it is not ready in time\n{}", cluster.logs());
        let step = cluster.next().await;
        match &step {
            Step::Ready => return done,
            Step::Refused(refusal) => panic!("{refusal}"),
            Step::Wait(_) => sleep(Duration::from_millis(20)).await,
            Step::Record { .. } => {
                done.insert("record");
                before(cluster, &step).await;
                cluster.act(&step).await.unwrap();
            }
            _ => {
                done.extend(target(cluster, &step).map(|(command, _)| command));
                before(cluster, &step).await;
                // After a lost answer it may be done already; the next look tells.
                if let Err(error) = cluster.act(&step).await {
                    assert_ne!(error.class(), Class::Permanent, "{error}");
                }
            }
        }
    }
}

/// Strikes every action once with a fault that leaves no answer.
async fn strike(data: Document) {
    let mut cluster = Cluster::start(Programs::Double).await;
    let done = climb(&mut cluster, async |cluster, step| {
        let Some((command, address)) = target(cluster, step) else { return };
        cluster.fault(&address, &[command], data.clone()).await;
        let error = cluster.act(step).await.unwrap_err();
        assert_eq!(error.class(), Class::RetrySoon, "{error}");
        assert!(error.to_string().contains(&address), "{error}");
    });
    let done = done.await;
    assert_eq!(done, BTreeSet::from(ACTIONS));
    cluster.assert_ready().await;
}

#[tokio::test]
async fn every_command_may_be_lost_before_it_is_done() {
    strike(doc! {"closeConnection": true}).await;
}

#[tokio::test]
async fn every_answer_may_be_lost_after_the_command_was_done() {
    strike(doc! {"closeAfter": true}).await;
}

/// Refuses every command with each of these codes, once; what it is then is what `class` says, and it is asked for again.
async fn refuse(codes: &[i32], class: fn(&str, i32) -> Option<Class>) {
    let mut cluster = Cluster::start(Programs::Double).await;
    let mut struck = BTreeSet::new();
    climb(&mut cluster, async |cluster, step| {
        let Some((command, address)) = target(cluster, step) else { return };
        if !struck.insert(command) {
            return;
        }
        for code in codes {
            cluster.fault(&address, &[command], doc! {"errorCode": code}).await;
            let error = cluster.act(step).await.err();
            assert_eq!(error.as_ref().map(Error::class), class(command, *code), "{command} with {code}");
            assert!(error.is_none_or(|error| error.to_string().contains(&code.to_string())), "{code}");
        }
        assert_eq!(cluster.next().await.to_string(), step.to_string());
    })
    .await;
    cluster.assert_ready().await;
}

#[tokio::test]
async fn every_command_may_be_refused_with_every_code_that_passes_by_itself() {
    refuse(RETRY_SOON, |_, _| Some(Class::RetrySoon)).await;
}

/// What does not pass by itself, or is done already; what the table says of it whichever command got it.
fn class_of_others(command: &str, code: i32) -> Option<Class> {
    match (command, code) {
        ("replSetInitiate", 23) | ("createUser", 51003) => None,
        ("shardCollection", 26 | 70 | 72) | ("createIndexes", 85 | 86) => Some(Class::RetrySoon),
        ("replSetInitiate", 93) | (_, 13 | 18 | 26 | 70 | 85 | 86 | 96 | 51003) => Some(Class::RetrySlowly),
        _ => Some(Class::Permanent),
    }
}

#[tokio::test]
async fn every_command_may_be_refused_with_every_other_code_and_is_done_once_that_is_mended() {
    const OTHERS: &[i32] = &[
        2, 9, 13, 18, 20, 23, 26, 48, 59, 70, 72, 73, 76, 85, 86, 93, 96, 103, 104, 108, 110, 163, 188, 332,
        400, 10334, 11000, 13297, 28769, 40414, 40415, 51003,
    ];
    refuse(OTHERS, class_of_others).await;
}

#[tokio::test]
async fn a_changed_password_and_retention_are_mended_through_every_fault() {
    let mut cluster = Cluster::start(Programs::Double).await;
    cluster.converge().await.unwrap();
    let config = cluster.client(&cluster.host("config-set"));
    let change = doc! {"updateUser": "services", "pwd": "changed by someone"};
    config.database("admin").run_command(change).await.unwrap();
    cluster.wanted.collections[0].indexes[1].expire_after_seconds = Some(7 * 86400);
    let done = climb(&mut cluster, async |cluster, step| {
        let Some((command, address)) = target(cluster, step) else { return };
        for code in RETRY_SOON {
            cluster.fault(&address, &[command], doc! {"errorCode": code}).await;
            assert_eq!(cluster.act(step).await.unwrap_err().class(), Class::RetrySoon);
        }
        for lost in ["closeConnection", "closeAfter"] {
            cluster.fault(&address, &[command], doc! {lost: true}).await;
            assert_eq!(cluster.act(step).await.unwrap_err().class(), Class::RetrySoon);
        }
    })
    .await;
    assert_eq!(done, BTreeSet::from(["updateUser", "collMod"]));
    cluster.assert_ready().await;
}

#[tokio::test]
async fn a_majority_that_did_not_confirm_is_looked_at_again() {
    let mut cluster = Cluster::start(Programs::Double).await;
    climb(&mut cluster, async |cluster, step| {
        let Some((command, address)) = target(cluster, step) else { return };
        for code in [64, 100] {
            cluster.fault(&address, &[command], doc! {"errorCode": code}).await;
            assert_eq!(cluster.act(step).await.unwrap_err().class(), Class::AppliedNotDurable);
        }
    })
    .await;
    cluster.assert_ready().await;
}

#[tokio::test]
async fn every_read_may_fail_at_every_step_and_nothing_wrong_is_done() {
    let mut cluster = Cluster::start(Programs::Double).await;
    let faults = [doc! {"closeConnection": true}, doc! {"errorCode": 91}, doc! {"errorCode": 10107}];
    let mut struck = BTreeSet::new();
    let mut turns = faults.iter().cycle();
    climb(&mut cluster, async |cluster, step| {
        // Another fault at every step: there are more steps than faults.
        let fault = turns.next().unwrap();
        let members: Vec<String> = cluster.wanted.sets().map(|set| set.hosts[0].clone()).collect();
        let router = cluster.wanted.routers.clone();
        let router_knows_us = !matches!(
            step,
            Step::Initiate { .. } | Step::Record { .. } | Step::CreateUser { .. } | Step::UpdateUser { .. }
        );
        let mut strikes = Vec::new();
        let mut add = |address: &String, read| strikes.push((address.clone(), read));
        members.iter().for_each(|member| READS_OF_MEMBERS.iter().for_each(|read| add(member, *read)));
        if router_knows_us {
            READS_OF_ROUTERS.iter().for_each(|read| add(&router[0], *read));
        }
        for (address, read) in strikes {
            let before = cluster.disarm(&address).await;
            cluster.fault(&address, &[read], fault.clone()).await;
            let next = cluster.next().await;
            if cluster.disarm(&address).await > before {
                struck.insert((read, router.contains(&address)));
            }
            let harmless = next == *step || matches!(next, Step::Wait(_) | Step::UpdateUser { .. });
            assert!(harmless, "{step} became {next} when {read} failed with {fault}");
        }
    })
    .await;
    cluster.assert_ready().await;
    let all = READS_OF_MEMBERS.map(|read| (read, false)).into_iter();
    let all = all.chain(READS_OF_ROUTERS.map(|read| (read, true)));
    assert_eq!(struck, all.collect::<BTreeSet<_>>());
}

#[tokio::test]
async fn whoever_acts_may_be_killed_at_every_step() {
    let mut cluster = Cluster::start(Programs::Double).await;
    climb(&mut cluster, async |cluster, step| {
        for ms in [0, 1, 2, 5, 10, 20] {
            let _ = timeout(Duration::from_millis(ms), cluster.act(step)).await;
        }
    })
    .await;
    cluster.assert_ready().await;
}

#[tokio::test]
async fn the_loop_may_be_killed_and_started_anew_at_any_moment() {
    let mut cluster = Cluster::start(Programs::Double).await;
    let deadline = Instant::now() + PATIENCE;
    // Odd lengths that grow, so that it is cut somewhere else each time.
    let mut length = Duration::from_millis(7);
    while timeout(length, cluster.converge()).await.is_err() {
        assert!(Instant::now() < deadline, "it is not ready in time\n{}", cluster.logs());
        cluster.observe().await;
        length = length.mul_f64(1.13);
    }
    cluster.assert_ready().await;
}
