//! A simulated cluster: commands are lost before or after they are done, servers go away, whoever acts forgets
//! everything at any time. It always ends ready, and no set is ever initiated twice.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod mongo_common;

use std::collections::{BTreeMap, BTreeSet};

use mongo_common::*;
use plan::mongo::observed::{
    Cluster, CollectionSeen, DefaultConcern, Fault, IndexSeen, Initiated, Login, Member, Observed, Router,
    RouterState, SetConfig, ShardRow, State, UserSeen,
};
use plan::mongo::{Step, Wanted, next_step};
use proptest::prelude::*;

/// What befalls one command.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Done,
    LostBefore,
    LostAfter,
}

/// What befalls one look and the step after it.
#[derive(Clone, Debug)]
struct Turn {
    fate: Fate,
    /// This member cannot be reached.
    away: Option<usize>,
    router_away: bool,
}

#[derive(Default)]
struct World {
    configs: BTreeMap<String, SetConfig>,
    elected: BTreeSet<String>,
    initiations: BTreeMap<String, usize>,
    users: BTreeMap<String, UserSeen>,
    concern: DefaultConcern,
    shards: Vec<ShardRow>,
    enabled: bool,
    collections: BTreeMap<String, CollectionSeen>,
    record: Initiated,
}

impl World {
    fn observe(&self, wanted: &Wanted, turn: &Turn) -> Observed {
        let mut observed = fresh(wanted);
        observed.record = self.record.clone();
        let mut nth = 0;
        for set in wanted.sets() {
            if let Some(config) = self.configs.get(&set.name) {
                elect(&mut observed, set);
                for member in observed.sets.get_mut(&set.name).unwrap() {
                    member.config = Some(config.clone());
                    if !self.elected.contains(&set.name) {
                        member.state = State::Secondary;
                    }
                }
            }
            for member in observed.sets.get_mut(&set.name).unwrap() {
                if turn.away == Some(nth) {
                    *member = Member { host: member.host.clone(), state: unreachable(), config: None };
                }
                nth += 1;
            }
        }
        let Some(_) = observed.primary(&wanted.config.name) else { return observed };
        observed.users = Some(Ok(self.users.clone()));
        if !self.users.contains_key(&wanted.operator.name) {
            return observed;
        }
        if turn.router_away {
            observed.routers[0].state = RouterState::Unreachable(Fault::of_network("reset"));
            return observed;
        }
        observed.routers = vec![Router { address: wanted.routers[0].clone(), state: RouterState::Ready }];
        let read = |name: &String| self.collections.get(name).cloned().unwrap_or_default();
        let names = wanted.collections.iter().map(|collection| &collection.name);
        observed.cluster = Some(Cluster {
            router: wanted.routers[0].clone(),
            default_concern: Ok(self.concern),
            shards: Ok(self.shards.clone()),
            sharding_enabled: Ok(self.enabled),
            collections: names.map(|name| (name.clone(), Ok(read(name)))).collect(),
        });
        observed
    }

    /// Does a step as a server would, with its preconditions.
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Initiate { set, hosts, .. } => {
                assert!(!self.configs.contains_key(set), "{set} is initiated a second time");
                let count = self.initiations.entry(set.clone()).or_default();
                *count += 1;
                let replica_set_id = format!("{set} number {count}");
                let config = SetConfig { id: set.clone(), replica_set_id, hosts: hosts.clone() };
                self.configs.insert(set.clone(), config);
            }
            Step::Record { set, replica_set_id } => {
                let before = self.record.insert(set.clone(), replica_set_id.clone());
                assert!(before.is_none(), "{set} is recorded twice");
            }
            Step::CreateUser { user, .. } | Step::UpdateUser { user, .. } => {
                let seen = UserSeen { roles: user.roles.clone(), login: Login::Accepted };
                self.users.insert(user.name.clone(), seen);
            }
            Step::SetDefaultConcern { .. } => {
                assert!(self.shards.is_empty(), "a shard was added before the default concern");
                self.concern = DefaultConcern { write_majority: true, read_majority: true };
            }
            Step::AddShard { name, connection, .. } => {
                assert!(self.elected.contains(name) && self.record.contains_key(name));
                self.shards.push(ShardRow { id: name.clone(), host: connection.clone(), draining: false });
            }
            Step::EnableSharding { .. } => self.enabled = true,
            Step::CreateIndex { collection, name, keys, expire_after_seconds, .. } => {
                self.collections.entry(collection.clone()).or_default().indexes.push(IndexSeen {
                    name: name.clone(),
                    keys: keys.clone(),
                    expire_after_seconds: *expire_after_seconds,
                });
            }
            Step::ShardCollection { namespace, .. } => {
                let name = namespace.rsplit('.').next().unwrap();
                let seen = self.collections.entry(name.to_owned()).or_default();
                let has_index = seen.indexes.iter().any(|index| index.keys == hashed());
                assert!(has_index || !seen.has_documents, "72");
                seen.shard_key = Some(hashed());
            }
            Step::ChangeTtl { collection, keys, expire_after_seconds, .. } => {
                let indexes = &mut self.collections.get_mut(collection).unwrap().indexes;
                let index = indexes.iter_mut().find(|index| index.keys == *keys).unwrap();
                index.expire_after_seconds = Some(*expire_after_seconds);
            }
            Step::Wait(_) => self.elected.extend(self.configs.keys().cloned()),
            Step::Refused(refusal) => panic!("{refusal}"),
            Step::Ready => (),
        }
    }
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let fate = prop_oneof![Just(Fate::Done), Just(Fate::LostBefore), Just(Fate::LostAfter)];
    let turn = (fate, prop::option::of(0_usize..9), any::<bool>())
        .prop_map(|(fate, away, router_away)| Turn { fate, away, router_away });
    prop::collection::vec(turn, 0..60)
}

const CALM: Turn = Turn { fate: Fate::Done, away: None, router_away: false };

proptest! {
    #[test]
    fn from_any_crash_point_it_ends_ready_and_every_set_was_initiated_once(
        turns in turns(),
        members in prop_oneof![Just(1_usize), Just(3)],
        populated in any::<bool>(),
    ) {
        let wanted = wanted(members);
        let mut world = World::default();
        if populated {
            let index = IndexSeen {
                name: "receivedAt_1".into(),
                keys: keys(&[("receivedAt", "1")]),
                expire_after_seconds: Some(5),
            };
            let seen = CollectionSeen { has_documents: true, indexes: vec![index], ..CollectionSeen::default() };
            world.collections.insert("events".into(), seen);
        }
        // Nothing is kept between two turns but the world: every turn is a new start after a crash.
        for turn in turns.iter().chain(std::iter::repeat_n(&CALM, 40)) {
            let step = next_step(&wanted, &world.observe(&wanted, turn));
            match (turn.fate, step.is_action()) {
                (Fate::LostBefore, true) => (),
                _ => world.apply(&step),
            }
        }
        prop_assert_eq!(next_step(&wanted, &world.observe(&wanted, &CALM)), Step::Ready);
        for set in wanted.sets() {
            prop_assert_eq!(world.initiations[&set.name], 1);
            prop_assert_eq!(&world.record[&set.name], &world.configs[&set.name].replica_set_id);
        }
    }
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![
        4 => Just(State::Ghost),
        1 => Just(unreachable()),
        1 => prop_oneof![Just(18), Just(13), Just(76), Just(11600)].prop_map(refused),
        1 => Just(State::Primary),
        1 => Just(State::Secondary),
        1 => Just(State::Other),
        1 => Just(State::Removed),
    ]
}

/// Anything at all, most of it ghosts, so that initiations are near.
fn observed() -> impl Strategy<Value = Observed> {
    let wanted = wanted(2);
    let member = (state(), prop::option::weighted(0.15, 0_u8..3));
    let part = (any::<bool>(), any::<bool>(), any::<bool>());
    (prop::collection::vec(member, 6), prop::collection::vec(prop::option::weighted(0.2, 0_u8..2), 3), part)
        .prop_map(move |(members, records, (with_users, with_cluster, listed))| {
            let mut observed = if with_cluster { ready(&wanted) } else { fresh(&wanted) };
            observed.record.clear();
            let mut members = members.into_iter();
            for (set, record) in wanted.sets().zip(records) {
                for member in observed.sets.get_mut(&set.name).unwrap() {
                    let (state, config) = members.next().unwrap();
                    member.state = state;
                    member.config = config.map(|n| SetConfig {
                        replica_set_id: format!("{}-{}", id_of(&set.name), n % 2),
                        id: if n == 2 { "foreign".into() } else { set.name.clone() },
                        hosts: set.hosts.clone(),
                    });
                }
                if let Some(n) = record {
                    observed.record.insert(set.name.clone(), format!("{}-{n}", id_of(&set.name)));
                }
            }
            if !with_users {
                observed.users = None;
            }
            if let Some(cluster) = observed.cluster.as_mut().filter(|_| !listed) {
                cluster.shards = Ok(vec![]);
            }
            observed
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn nothing_is_initiated_where_a_member_has_a_configuration_or_the_set_is_known(observed in observed()) {
        let wanted = wanted(2);
        if let Step::Initiate { set, hosts, .. } = next_step(&wanted, &observed) {
            let members = observed.members(&set);
            prop_assert!(members.iter().all(|member| member.config.is_none()));
            prop_assert!(members.iter().all(|member| member.state == State::Ghost));
            prop_assert!(!observed.record.contains_key(&set));
            prop_assert!(observed.listed(&set).is_none());
            let mut before = wanted.sets().take_while(|other| other.name != set);
            prop_assert!(before.all(|other| observed.record.contains_key(&other.name)));
            prop_assert_eq!(hosts.len(), members.len());
        }
    }

    #[test]
    fn what_is_recorded_is_what_a_member_says_and_was_not_recorded(observed in observed()) {
        let wanted = wanted(2);
        if let Step::Record { set, replica_set_id } = next_step(&wanted, &observed) {
            prop_assert!(!observed.record.contains_key(&set));
            let says = |member: &Member| {
                member.config.as_ref().is_some_and(|config| config.replica_set_id == replica_set_id)
            };
            prop_assert!(observed.members(&set).iter().any(says));
        }
    }

    #[test]
    fn the_same_look_gives_the_same_step_and_every_step_says_something(observed in observed()) {
        let wanted = wanted(2);
        let step = next_step(&wanted, &observed);
        prop_assert_eq!(&step, &next_step(&wanted, &observed.clone()));
        prop_assert!(!step.to_string().is_empty());
        prop_assert!(!step.word().is_empty());
    }
}
