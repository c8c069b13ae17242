//! The ladder, rung by rung and broken in every way that the servers showed: what is done next, and what is not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod mongo_common;

use mongo_common::*;
use plan::mongo::observed::{DefaultConcern, Fault, Login, Observed, RouterState, State};
use plan::mongo::progress::ShardState;
use plan::mongo::{Pace, Step, next_step, progress};

#[test]
fn a_cluster_as_wanted_is_ready() {
    for members in [1, 3] {
        assert_eq!(step_of(&wanted(members), |_| ()), Step::Ready);
    }
}

#[test]
fn the_config_set_is_initiated_first_with_all_its_members() {
    let wanted = wanted(3);
    let step = next_step(&wanted, &fresh(&wanted));
    let hosts = wanted.config.hosts.clone();
    let via = hosts[0].clone();
    assert_eq!(step, Step::Initiate { set: "config-set".into(), via, hosts, config_server: true });
}

#[test]
fn an_initiated_set_is_recorded_before_anything_else_is_done() {
    let wanted = wanted(3);
    let mut observed = fresh(&wanted);
    elect(&mut observed, &wanted.config);
    members(&mut observed, "config-set").iter_mut().for_each(|member| member.state = State::Other);
    let record = Step::Record { set: "config-set".into(), replica_set_id: id_of("config-set") };
    assert_eq!(next_step(&wanted, &observed), record);
}

#[test]
fn a_recorded_shard_comes_before_the_initiation_of_the_next() {
    let wanted = wanted(1);
    let step = step_of(&wanted, |o| {
        o.record.remove("shard-1");
        o.record.remove("shard-0");
        empty(o, "shard-0");
        o.cluster = None;
    });
    assert_eq!(step, Step::Record { set: "shard-1".into(), replica_set_id: id_of("shard-1") });
}

#[test]
fn a_shard_is_initiated_while_another_waits_for_its_election() {
    let step = step_after(|o| {
        members(o, "shard-0")[0].state = State::Other;
        empty(o, "shard-1");
        o.record.remove("shard-1");
        o.cluster = None;
    });
    assert!(
        matches!(&step, Step::Initiate { set, config_server: false, .. } if set == "shard-1"),
        "{step:?}"
    );
}

#[test]
fn no_shard_is_initiated_while_one_before_it_may_be_initiated_and_unrecorded() {
    let step = step_after(|o| {
        members(o, "shard-0")[0].state = unreachable();
        members(o, "shard-0")[0].config = None;
        empty(o, "shard-1");
        o.record.remove("shard-0");
        o.record.remove("shard-1");
        o.cluster = None;
    });
    assert_waits(&step, Pace::Soon, "shard-0 waits for all its members");
}

#[test]
fn users_are_made_one_by_one_on_the_primary_of_the_config_set() {
    let step = step_after(|o| users(o).clear());
    let primary = "config-set-0.config-set:27017";
    assert!(
        matches!(&step, Step::CreateUser { primary: p, user } if p == primary && user.name == "operator")
    );
    let step = step_after(|o| drop(users(o).remove("services")));
    assert!(matches!(&step, Step::CreateUser { user, .. } if user.name == "services"));
}

#[test]
fn a_user_with_another_password_or_fewer_roles_gets_ours() {
    let step = step_after(|o| users(o).get_mut("services").unwrap().login = Login::Refused);
    assert!(matches!(&step, Step::UpdateUser { user, .. } if user.name == "services"));
    let step = step_after(|o| drop(users(o).get_mut("operator").unwrap().roles.pop()));
    assert!(matches!(&step, Step::UpdateUser { user, .. } if user.name == "operator"));
    let unknown = Login::Unknown(Fault::of_network("reset"));
    assert_eq!(step_after(|o| users(o).get_mut("services").unwrap().login = unknown), Step::Ready);
}

#[test]
fn users_that_cannot_be_read_are_not_made() {
    let step = step_after(|o| o.users = Some(Err(Fault::of_server(13, "Unauthorized", "not allowed"))));
    assert_waits(&step, Pace::Slowly, "users could not be read");
}

#[test]
fn a_router_that_refuses_the_login_is_waited_for_and_the_user_is_not_made_again() {
    let step = step_after(|o| {
        o.routers[0].state = RouterState::Failed(Fault::of_server(18, "AuthenticationFailed", "no"));
        o.cluster = None;
    });
    assert_waits(&step, Pace::Slowly, "refuses the operator");
    let step = step_after(|o| {
        o.routers[0].state = RouterState::Unreachable(Fault::of_network("connection refused"));
        o.cluster = None;
    });
    assert_waits(&step, Pace::Soon, "no router is ready");
}

#[test]
fn a_member_in_the_place_of_a_router_is_said() {
    let step = step_after(|o| {
        o.routers[0].state = RouterState::NotARouter;
        o.cluster = None;
    });
    assert_refuses(&step, "InvalidTopology", "should be a router");
}

#[test]
fn the_default_concern_is_set_before_a_shard_is_added() {
    let step = step_after(|o| {
        cluster(o).default_concern = Ok(DefaultConcern { write_majority: true, read_majority: false });
        cluster(o).shards = Ok(vec![]);
    });
    assert_eq!(step, Step::SetDefaultConcern { router: "router:27017".into() });
}

#[test]
fn shards_are_added_one_at_a_time_with_all_their_hosts() {
    let wanted = wanted(3);
    let step = step_of(&wanted, |o| drop(cluster(o).shards.as_mut().unwrap().remove(0)));
    let connection = wanted.shards[0].connection();
    assert_eq!(connection.matches(',').count(), 2);
    assert_eq!(step, Step::AddShard { router: "router:27017".into(), name: "shard-0".into(), connection });
}

#[test]
fn a_shard_without_a_primary_is_not_added() {
    let step = step_after(|o| {
        cluster(o).shards = Ok(vec![]);
        members(o, "shard-1")[0].state = State::Secondary;
    });
    assert_waits(&step, Pace::Soon, "shard-1 has no primary");
}

#[test]
fn a_list_of_shards_that_cannot_be_read_adds_none() {
    let step = step_after(|o| cluster(o).shards = Err(Fault::of_server(50, "MaxTimeMSExpired", "time")));
    assert_waits(&step, Pace::Soon, "list of shards");
}

#[test]
fn both_collections_are_sharded_before_any_index_is_made() {
    let step = step_after(|o| {
        seen(o, "events").indexes.clear();
        seen(o, "events_dlq").shard_key = None;
        seen(o, "events_dlq").has_documents = false;
    });
    let namespace = "eventpipeline.events_dlq".to_owned();
    let hashed_field = "userId".to_owned();
    assert_eq!(step, Step::ShardCollection { router: "router:27017".into(), namespace, hashed_field });
}

#[test]
fn a_collection_with_documents_gets_the_hashed_index_first() {
    let unshard = |o: &mut Observed| seen(o, "events").shard_key = None;
    let step = step_after(|o| {
        unshard(o);
        seen(o, "events").indexes.clear();
    });
    assert!(matches!(&step, Step::CreateIndex { name, .. } if name == "userId_hashed"), "{step:?}");
    assert!(matches!(step_after(unshard), Step::ShardCollection { .. }));
}

#[test]
fn a_database_that_does_not_know_sharding_yet_is_told() {
    let step = step_after(|o| {
        seen(o, "events").shard_key = None;
        cluster(o).sharding_enabled = Ok(false);
    });
    assert_eq!(
        step,
        Step::EnableSharding { router: "router:27017".into(), database: "eventpipeline".into() }
    );
    let once_all_are_sharded = step_after(|o| cluster(o).sharding_enabled = Ok(false));
    assert_eq!(once_all_are_sharded, Step::Ready);
}

#[test]
fn a_collection_sharded_by_another_key_is_left_alone() {
    let step = step_after(|o| {
        seen(o, "events").shard_key = Some(keys(&[("userId", "1")]));
        seen(o, "events_dlq").shard_key = None;
    });
    assert_refuses(&step, "ShardedOtherwise", "userId: 1");
    assert_refuses(&step_after(|o| seen(o, "events").unique = true), "ShardedOtherwise", "unique");
}

#[test]
fn a_missing_index_is_made_and_another_ttl_is_changed() {
    let step = step_after(|o| drop(seen(o, "events").indexes.remove(0)));
    assert!(matches!(&step, Step::CreateIndex { name, .. } if name == "userId_1_timestamp_-1"), "{step:?}");
    let step = step_after(|o| seen(o, "events").indexes[1].expire_after_seconds = Some(60));
    assert!(
        matches!(&step, Step::ChangeTtl { expire_after_seconds, .. } if *expire_after_seconds == TTL_DAYS * 86400),
        "{step:?}"
    );
}

#[test]
fn an_index_in_the_way_is_not_dropped() {
    let step = step_after(|o| seen(o, "events").indexes[0].expire_after_seconds = Some(60));
    assert_refuses(&step, "IndexConflict", "deletes documents after 60 s");
    let step = step_after(|o| seen(o, "events").indexes[0].keys = keys(&[("type", "1")]));
    assert_refuses(&step, "IndexConflict", "type: 1");
}

#[test]
fn a_half_initiated_set_is_waited_for_and_never_initiated_again() {
    let wanted = wanted(3);
    let mut observed = fresh(&wanted);
    observed.record.insert("config-set".into(), id_of("config-set"));
    members(&mut observed, "config-set")[1].config = Some(config_of(&wanted.config));
    members(&mut observed, "config-set")[1].state = State::Other;
    assert_waits(&next_step(&wanted, &observed), Pace::Soon, "config-set has no primary");
}

#[test]
fn a_set_is_not_initiated_while_a_member_is_away_or_refuses_the_key() {
    let wanted = wanted(3);
    let mut observed = fresh(&wanted);
    members(&mut observed, "config-set")[2].state = unreachable();
    assert_waits(&next_step(&wanted, &observed), Pace::Soon, "waits for all its members");
    members(&mut observed, "config-set")[2].state = refused(18);
    assert_waits(&next_step(&wanted, &observed), Pace::Slowly, "refuses the key");
}

#[test]
fn a_member_without_replication_is_a_fault_of_its_arguments() {
    let wanted = wanted(1);
    let mut observed = fresh(&wanted);
    members(&mut observed, "config-set")[0].state = refused(76);
    assert_refuses(&next_step(&wanted, &observed), "InvalidTopology", "--replSet config-set");
}

#[test]
fn a_known_shard_that_is_down_is_waited_for() {
    let step = step_after(|o| {
        members(o, "shard-0")[0].state = unreachable();
        members(o, "shard-0")[0].config = None;
    });
    assert_waits(&step, Pace::Soon, "is known (recorded as id-of-shard-0), and no member shows its data");
}

#[test]
fn people_read_the_step_the_shards_and_the_collections() {
    let wanted = wanted(1);
    let fresh = fresh(&wanted);
    let first = progress(&wanted, &fresh, &next_step(&wanted, &fresh));
    assert_eq!(first.step, "ConfigServers");
    assert_eq!(first.message, "initiate replica set config-set of config-set-0.config-set:27017");
    assert!(!first.all_sharded() && !first.config_has_primary && !first.is_ready());
    assert_eq!(first.shards[0].state, ShardState::Uninitiated);
    assert_eq!(first.collections[0].sharded, None);

    let ready_now = ready(&wanted);
    let last = progress(&wanted, &ready_now, &next_step(&wanted, &ready_now));
    assert!(last.all_sharded() && last.config_has_primary && last.is_ready());
    assert_eq!(last.shards[1].state, ShardState::Ready);
    assert_eq!(last.shards[1].host, "shard-1/shard-1-0.shard-1:27017");

    let mut wiped = ready(&wanted);
    empty(&mut wiped, "shard-0");
    let said = progress(&wanted, &wiped, &next_step(&wanted, &wiped));
    assert_eq!(said.step, "DataLost");
    assert!(said.message.contains("Restore the volumes"), "{}", said.message);
}

#[test]
fn a_member_that_copies_data_is_told_apart_from_one_that_is_away_and_from_an_election() {
    let wanted = wanted(3);
    let catching_up = |spoil: fn(&mut Observed)| {
        let mut observed = ready(&wanted);
        spoil(&mut observed);
        progress(&wanted, &observed, &next_step(&wanted, &observed)).catching_up
    };
    assert!(!catching_up(|_| ()));
    assert!(catching_up(|o| members(o, "shard-0")[2].state = State::Other));
    assert!(!catching_up(|o| members(o, "shard-0")[2].state = unreachable()));
    let electing = |o: &mut Observed| members(o, "shard-0").iter_mut().for_each(|m| m.state = State::Other);
    assert!(!catching_up(electing));
}
