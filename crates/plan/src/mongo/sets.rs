//! Replica sets: when one may be initiated, when its data is gone, what it waits for.

use super::codes::{Class, Command, class};
use super::observed::{Member, Observed, State};
use super::refusal::Refusal;
use super::step::{Pace, Rung, Step};
use super::topology::{ReplicaSet, Wanted};

/// No `--replSet` among a server's arguments.
const NO_REPLICATION_ENABLED: i32 = 76;
/// A wrong key.
const AUTHENTICATION_FAILED: i32 = 18;

/// The config set's next step, if it needs one.
pub(super) fn config(wanted: &Wanted, observed: &Observed) -> Option<Step> {
    let set = &wanted.config;
    let empty = observed.members(&set.name).iter().all(|member| member.config.is_none());
    // Shards come after a recorded config set: one with a configuration and none here means that this one was lost.
    let orphan = wanted.shards.iter().find(|shard| {
        let configured = observed.members(&shard.name).iter().any(|member| member.config.is_some());
        configured || observed.record.contains_key(&shard.name)
    });
    let known = orphan.filter(|_| empty).map(|shard| format!("shard {} was made with it", shard.name));
    next(set, observed, Rung::ConfigServers, known)
}

/// The shards' next step, if one needs it: a refusal before anything, a record before an initiation, work before a wait.
pub(super) fn shards(wanted: &Wanted, observed: &Observed) -> Option<Step> {
    let mut one_is_unrecorded = false;
    let steps = wanted.shards.iter().filter_map(|shard| {
        let known = observed.listed(&shard.name).map(|row| format!("the cluster lists it as {}", row.host));
        let step = next(shard, observed, Rung::Shards, known);
        // A shard is initiated only when all before it are recorded: of one that cannot be reached just now it is not
        // known whether it was initiated, and at most one may be initiated and not recorded.
        let held = one_is_unrecorded;
        one_is_unrecorded |= !observed.record.contains_key(&shard.name);
        step.filter(|step| !held || matches!(step, Step::Refused(_) | Step::Record { .. }))
    });
    steps.min_by_key(|step| match step {
        Step::Refused(_) => 0,
        Step::Record { .. } => 1,
        Step::Wait(_) => 3,
        _ => 2,
    })
}

fn next(set: &ReplicaSet, observed: &Observed, rung: Rung, known: Option<String>) -> Option<Step> {
    let members = observed.members(&set.name);
    let recorded = observed.record.get(&set.name);
    if let Some(refusal) = conflict(set, members, recorded) {
        return Some(Step::Refused(refusal));
    }
    let Some(config) = members.iter().find_map(|member| member.config.as_ref()) else {
        let evidence = recorded.map(|id| format!("recorded as {id}")).or(known);
        return Some(without_configuration(set, members, rung, evidence));
    };
    if !config.hosts.iter().any(|host| set.hosts.contains(host)) {
        return Some(Step::invalid(format!(
            "replica set {} is configured with {}, wanted is {}: hosts are never renamed. Give the members their old \
             names again",
            set.name,
            config.hosts.join(", "),
            set.hosts.join(", ")
        )));
    }
    if recorded.is_none() {
        let replica_set_id = config.replica_set_id.clone();
        return Some(Step::Record { set: set.name.clone(), replica_set_id });
    }
    let has_primary = members.iter().any(|member| member.state == State::Primary);
    (!has_primary).then(|| wait(rung, members, &format!("replica set {} has no primary", set.name)))
}

/// A volume that belongs elsewhere.
fn conflict(set: &ReplicaSet, members: &[Member], recorded: Option<&String>) -> Option<Refusal> {
    if let Some(member) = members.iter().find(|member| fault_code(member) == Some(NO_REPLICATION_ENABLED)) {
        return Some(Refusal::InvalidTopology(format!(
            "{} runs without --replSet {}: start it with that argument",
            member.host, set.name
        )));
    }
    let first = members.iter().find_map(|member| member.config.as_ref()).map(|config| &config.replica_set_id);
    members.iter().find_map(|member| {
        let config = member.config.as_ref()?;
        let found = if config.id != set.name {
            format!("it says {}", config.id)
        } else if let Some(id) = recorded.filter(|id| **id != config.replica_set_id) {
            format!("its replicaSetId is {}, recorded is {id}", config.replica_set_id)
        } else if let Some(id) = first.filter(|id| **id != config.replica_set_id) {
            format!("its replicaSetId is {}, another member's is {id}", config.replica_set_id)
        } else {
            return None;
        };
        Some(Refusal::VolumeConflict { set: set.name.clone(), host: member.host.clone(), found })
    })
}

/// No member shows a configuration: the only place where a set may be initiated.
fn without_configuration(set: &ReplicaSet, members: &[Member], rung: Rung, evidence: Option<String>) -> Step {
    let all_empty = set
        .hosts
        .iter()
        .all(|host| members.iter().any(|member| member.host == *host && member.state == State::Ghost));
    match (all_empty, evidence) {
        (true, None) => Step::Initiate {
            set: set.name.clone(),
            via: set.hosts[0].clone(),
            hosts: set.hosts.clone(),
            config_server: rung == Rung::ConfigServers,
        },
        (true, Some(evidence)) => {
            Step::Refused(Refusal::DataLost { set: set.name.clone(), evidence, hosts: set.hosts.join(", ") })
        }
        (false, None) => wait(rung, members, &format!("replica set {} waits for all its members", set.name)),
        (false, Some(evidence)) => {
            let what =
                format!("replica set {} is known ({evidence}), and no member shows its data", set.name);
            wait(rung, members, &what)
        }
    }
}

fn wait(rung: Rung, members: &[Member], what: &str) -> Step {
    let list: Vec<String> =
        members.iter().map(|member| format!("{} {}", member.host, describe(member))).collect();
    let soon = |member: &Member| {
        fault_code(member).is_none_or(|code| class(Command::Read, code) == Class::RetrySoon)
    };
    let pace = if members.iter().all(soon) { Pace::Soon } else { Pace::Slowly };
    Step::wait(rung, pace, format!("{what}: {}", list.join("; ")))
}

fn fault_code(member: &Member) -> Option<i32> {
    match &member.state {
        State::Failed(fault) | State::Unreachable(fault) => fault.code,
        _ => None,
    }
}

/// A member's state in words.
pub(super) fn describe(member: &Member) -> String {
    match &member.state {
        State::Unreachable(fault) => format!("is unreachable: {fault}"),
        State::Failed(fault) if fault.code == Some(AUTHENTICATION_FAILED) => format!(
            "refuses the key: {fault}. Its key file and the one in the Secret must be the same; restart it after a change"
        ),
        State::Failed(fault) => format!("answers with an error: {fault}"),
        State::Ghost => "is up and empty".into(),
        State::Primary => "is primary".into(),
        State::Secondary => "is secondary".into(),
        State::Other => "is starting or electing".into(),
        State::Removed => "does not find itself in its configuration: does its own name resolve?".into(),
    }
}

/// A configuration whose members are not the wanted ones.
pub(super) fn differing(set: &ReplicaSet, members: &[Member]) -> Option<Step> {
    let config = members.iter().find(|member| member.state == State::Primary)?.config.as_ref()?;
    let same =
        config.hosts.len() == set.hosts.len() && set.hosts.iter().all(|host| config.hosts.contains(host));
    (!same).then(|| {
        Step::invalid(format!(
            "replica set {} has the members {}, wanted are {}: the number of members of a running set is changed by \
             hand (rs.add, rs.remove), one at a time",
            set.name,
            config.hosts.join(", "),
            set.hosts.join(", ")
        ))
    })
}
