//! What the ladder will not do until a person decides, and what it says of it: data lost, volumes of others, names changed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod mongo_common;

use mongo_common::*;
use plan::mongo::observed::{Observed, RouterState, ShardRow, State};
use plan::mongo::{Pace, Refusal, Wanted, next_step};

#[test]
fn an_empty_set_that_was_recorded_has_lost_its_data() {
    let step = step_after(|o| empty(o, "shard-0"));
    assert_refuses(&step, "DataLost", "recorded as id-of-shard-0");
    let step = step_after(|o| empty(o, "config-set"));
    assert_refuses(&step, "DataLost", "Restore the volumes of config-set-0.config-set:27017");
}

#[test]
fn an_empty_set_that_the_cluster_lists_has_lost_its_data_whatever_the_record_says() {
    let step = step_after(|o| {
        empty(o, "shard-0");
        o.record.remove("shard-0");
    });
    assert_refuses(&step, "DataLost", "the cluster lists it as shard-0/");
}

#[test]
fn an_empty_config_set_beside_shards_with_data_has_lost_its_data_whatever_the_record_says() {
    let step = step_after(|o| {
        empty(o, "config-set");
        o.record.clear();
    });
    assert_refuses(&step, "DataLost", "shard shard-0 was made with it");
}

#[test]
fn one_wiped_member_of_three_is_waited_for_since_the_others_fill_it_again() {
    let step = step_of(&wanted(3), |o| {
        members(o, "shard-0")[2].state = State::Ghost;
        members(o, "shard-0")[2].config = None;
    });
    assert_waits(&step, Pace::Soon, "shard-0-2.shard-0:27017 is not up yet");
}

#[test]
fn a_volume_of_another_set_is_reported_and_not_used() {
    let foreign = |o: &mut Observed| {
        members(o, "shard-0")[0].config.as_mut().unwrap().replica_set_id = "another".into();
    };
    assert_refuses(&step_after(foreign), "VolumeConflict", "recorded is id-of-shard-0");
    let step = step_of(&wanted(3), |o| {
        members(o, "shard-0")[1].config.as_mut().unwrap().replica_set_id = "another".into();
        o.record.remove("shard-0");
    });
    assert_refuses(&step, "VolumeConflict", "another member's is id-of-shard-0");
    let step = step_after(|o| members(o, "shard-0")[0].config.as_mut().unwrap().id = "shard-1".into());
    assert_refuses(&step, "VolumeConflict", "it says shard-1");
}

#[test]
fn hosts_are_never_renamed() {
    let rename = |o: &mut Observed| {
        members(o, "shard-0")[0].config.as_mut().unwrap().hosts = vec!["elsewhere:27017".into()];
    };
    assert_refuses(&step_after(rename), "InvalidTopology", "elsewhere:27017");
    let step = step_after(|o| cluster(o).shards.as_mut().unwrap()[0].host = "shard-0/elsewhere:27017".into());
    assert_refuses(&step, "InvalidTopology", "hosts are never renamed");
    let step = step_after(|o| cluster(o).shards.as_mut().unwrap()[0].id = "other".into());
    assert_refuses(&step, "InvalidTopology", "as shard other already");
}

#[test]
fn a_member_that_does_not_find_itself_is_asked_whether_its_name_resolves() {
    let step = step_after(|o| members(o, "shard-0")[0].state = State::Removed);
    assert_waits(&step, Pace::Soon, "does its own name resolve");
}

#[test]
fn ready_means_every_member_and_router_and_nothing_that_is_not_wanted() {
    let row = ShardRow { id: "shard-2".into(), host: "shard-2/h:1".into(), draining: false };
    let step = step_after(|o| cluster(o).shards.as_mut().unwrap().push(row));
    assert_refuses(&step, "InvalidTopology", "shard-2 that is not wanted");
    let step = step_after(|o| cluster(o).shards.as_mut().unwrap()[1].draining = true);
    assert_waits(&step, Pace::Slowly, "shard-1 is being drained");
    let mut two_routers = wanted(1);
    two_routers.routers.push("second:27017".into());
    let step = step_of(&two_routers, |o| o.routers[1].state = RouterState::NotAsked);
    assert_waits(&step, Pace::Soon, "router second:27017 is not ready yet");
    let grown = wanted(3);
    let step = step_of(&grown, |o| {
        for member in members(o, "shard-1") {
            member.config.as_mut().unwrap().hosts.truncate(2);
        }
    });
    assert_refuses(&step, "InvalidTopology", "one at a time");
}

#[test]
fn a_topology_that_cannot_be_is_refused_before_anything_is_read() {
    type Spoil = fn(&mut Wanted);
    let spoilers: [(Spoil, &str); 8] = [
        (|w| w.shards.clear(), "at least one shard"),
        (|w| w.config.hosts = set("config-set", 8).hosts, "8 members"),
        (|w| w.shards[1].name = "shard-0".into(), "two replica sets are called shard-0"),
        (|w| w.shards[1].hosts = w.shards[0].hosts.clone(), "is a member twice"),
        (|w| w.shards[0].name = "config".into(), "no shard may be called config"),
        (|w| w.database = "admin".into(), "cannot be the database"),
        (|w| w.collections[1].name = "events".into(), "wanted twice"),
        (|w| w.application.name = "operator".into(), "different users"),
    ];
    for (spoil, words) in spoilers {
        let mut wanted = wanted(1);
        let observed = fresh(&wanted);
        spoil(&mut wanted);
        assert_refuses(&next_step(&wanted, &observed), "InvalidTopology", words);
    }
}

#[test]
fn a_refusal_names_what_to_do() {
    let all = [
        Refusal::DataLost { set: "s".into(), evidence: "e".into(), hosts: "h".into() },
        Refusal::VolumeConflict { set: "s".into(), host: "h".into(), found: "f".into() },
        Refusal::ShardedOtherwise { namespace: "n".into(), found: "f".into(), wanted: "w".into() },
        Refusal::IndexConflict { namespace: "n".into(), name: "i".into(), found: "f".into() },
    ];
    for (refusal, advice) in all.iter().zip(["Restore", "Give h the volume", "reshard it by hand", "Drop it"])
    {
        assert!(refusal.to_string().contains(advice), "{refusal}");
    }
}
