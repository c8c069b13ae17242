//! Values that tests of the ladder start from.

#![allow(dead_code, reason = "each test file uses some of these")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use plan::mongo::observed::{
    Cluster, CollectionSeen, DefaultConcern, Fault, IndexSeen, Initiated, Login, Member, Observed, Router,
    RouterState, SetConfig, ShardRow, State, UserSeen,
};
use plan::mongo::topology::{Collection, Index, ReplicaSet};
use plan::mongo::{Pace, Step, Wanted, next_step};

pub const TTL_DAYS: u64 = 30;

pub fn set(name: &str, members: usize) -> ReplicaSet {
    let hosts = (0..members).map(|n| format!("{name}-{n}.{name}:27017")).collect();
    ReplicaSet { name: name.to_owned(), hosts }
}

/// Two shards; every set with this many members.
pub fn wanted(members: usize) -> Wanted {
    Wanted {
        config: set("config-set", members),
        shards: vec![set("shard-0", members), set("shard-1", members)],
        routers: vec!["router:27017".into()],
        database: "eventpipeline".into(),
        collections: vec![
            Collection {
                name: "events".into(),
                hashed_field: "userId".into(),
                indexes: vec![
                    Index::on(&[("userId", 1), ("timestamp", -1)]),
                    Index::expiring("receivedAt", TTL_DAYS),
                ],
            },
            Collection { name: "events_dlq".into(), hashed_field: "userId".into(), indexes: vec![] },
        ],
        operator: Wanted::operator_user("operator"),
        application: Wanted::application_user("services", "eventpipeline"),
    }
}

pub fn id_of(set: &str) -> String {
    format!("id-of-{set}")
}

pub fn config_of(set: &ReplicaSet) -> SetConfig {
    SetConfig { id: set.name.clone(), replica_set_id: id_of(&set.name), hosts: set.hosts.clone() }
}

pub fn keys(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(field, way)| ((*field).to_owned(), (*way).to_owned())).collect()
}

pub fn hashed() -> Vec<(String, String)> {
    keys(&[("userId", "hashed")])
}

pub fn index_seen(index: &Index) -> IndexSeen {
    let keys = index.keys.iter().map(|(field, way)| (field.clone(), way.to_string())).collect();
    IndexSeen { name: index.name(), keys, expire_after_seconds: index.expire_after_seconds }
}

/// Every member is up and empty; nothing else is there.
pub fn fresh(wanted: &Wanted) -> Observed {
    let ghosts = |set: &ReplicaSet| {
        let ghost = |host: &String| Member { host: host.clone(), state: State::Ghost, config: None };
        (set.name.clone(), set.hosts.iter().map(ghost).collect())
    };
    let routers = wanted.routers.iter();
    Observed {
        sets: wanted.sets().map(ghosts).collect(),
        users: None,
        routers: routers.map(|a| Router { address: a.clone(), state: RouterState::NotAsked }).collect(),
        cluster: None,
        record: Initiated::new(),
    }
}

/// Everything is as wanted.
pub fn ready(wanted: &Wanted) -> Observed {
    let mut observed = fresh(wanted);
    for set in wanted.sets() {
        elect(&mut observed, set);
        observed.record.insert(set.name.clone(), id_of(&set.name));
    }
    let user = |user: &plan::mongo::topology::User| {
        (user.name.clone(), UserSeen { roles: user.roles.clone(), login: Login::Accepted })
    };
    observed.users = Some(Ok(wanted.users().into_iter().map(user).collect()));
    observed.routers.iter_mut().for_each(|router| router.state = RouterState::Ready);
    let collection = |collection: &Collection| {
        let mut indexes: Vec<IndexSeen> = collection.indexes.iter().map(index_seen).collect();
        indexes.push(IndexSeen { name: "userId_hashed".into(), keys: hashed(), expire_after_seconds: None });
        let seen = CollectionSeen { shard_key: Some(hashed()), unique: false, has_documents: true, indexes };
        (collection.name.clone(), Ok(seen))
    };
    observed.cluster = Some(Cluster {
        router: wanted.routers[0].clone(),
        default_concern: Ok(DefaultConcern { write_majority: true, read_majority: true }),
        shards: Ok(wanted
            .shards
            .iter()
            .map(|shard| ShardRow { id: shard.name.clone(), host: shard.connection(), draining: false })
            .collect()),
        sharding_enabled: Ok(true),
        collections: wanted.collections.iter().map(collection).collect(),
    });
    observed
}

/// Gives a set its configuration and its first member the lead.
pub fn elect(observed: &mut Observed, set: &ReplicaSet) {
    for (n, member) in observed.sets.get_mut(&set.name).unwrap().iter_mut().enumerate() {
        member.state = if n == 0 { State::Primary } else { State::Secondary };
        member.config = Some(config_of(set));
    }
}

pub fn unreachable() -> State {
    State::Unreachable(Fault::of_network("connection refused"))
}

pub fn refused(code: i32) -> State {
    State::Failed(Fault::of_server(code, "Name", "words of the server"))
}

pub fn cluster(observed: &mut Observed) -> &mut Cluster {
    observed.cluster.as_mut().unwrap()
}

pub fn seen<'a>(observed: &'a mut Observed, name: &str) -> &'a mut CollectionSeen {
    cluster(observed).collections.get_mut(name).unwrap().as_mut().unwrap()
}

pub fn users(observed: &mut Observed) -> &mut BTreeMap<String, UserSeen> {
    observed.users.as_mut().unwrap().as_mut().unwrap()
}

/// Starts from a ready cluster with one member a set.
pub fn step_after(spoil: impl FnOnce(&mut Observed)) -> Step {
    step_of(&wanted(1), spoil)
}

pub fn step_of(wanted: &Wanted, spoil: impl FnOnce(&mut Observed)) -> Step {
    let mut observed = ready(wanted);
    spoil(&mut observed);
    next_step(wanted, &observed)
}

pub fn members<'a>(observed: &'a mut Observed, set: &str) -> &'a mut Vec<Member> {
    observed.sets.get_mut(set).unwrap()
}

pub fn empty(observed: &mut Observed, set: &str) {
    for member in members(observed, set) {
        member.state = State::Ghost;
        member.config = None;
    }
}

pub fn assert_waits(step: &Step, pace: Pace, words: &str) {
    let Step::Wait(wait) = step else { panic!("{step:?} is no wait") };
    assert_eq!(wait.pace, pace, "{}", wait.message);
    assert!(wait.message.contains(words), "{:?} does not say {words:?}", wait.message);
}

pub fn assert_refuses(step: &Step, reason: &str, words: &str) {
    let Step::Refused(refusal) = step else { panic!("{step:?} is no refusal") };
    assert_eq!(refusal.reason(), reason);
    assert!(refusal.to_string().contains(words), "{refusal} does not say {words:?}");
}
