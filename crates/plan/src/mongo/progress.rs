//! What people read of a bootstrap: the step, the shards, the collections.

use serde::Serialize;

use super::observed::{Member, Observed, State};
use super::step::{Rung, Step};
use super::topology::{ReplicaSet, Wanted};

/// How a shard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ShardState {
    /// No member answers.
    Unreachable,
    /// Members are up and empty, or not all there yet.
    Uninitiated,
    /// Initiated; no primary was seen.
    NoPrimary,
    /// It has a primary and is not in the cluster yet.
    NotAdded,
    /// In the cluster, with members away.
    Degraded,
    /// It is being taken out.
    Draining,
    /// In the cluster, all members up.
    Ready,
}

/// A shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShardProgress {
    /// Its name.
    pub name: String,
    /// `set/host,host`, as the cluster lists it or as it is wanted.
    pub host: String,
    /// How it is.
    pub state: ShardState,
    /// Whether the cluster knows it; by our record when no router could say.
    pub added: bool,
}

/// A collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CollectionProgress {
    /// Its name.
    pub name: String,
    /// Whether it is sharded; `null` when no router could say.
    pub sharded: Option<bool>,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The rung's name, or the reason of a refusal.
    pub step: &'static str,
    /// What is done next, waited for, or refused.
    pub message: String,
    /// Whether the config set has a primary: routers start after that.
    pub config_has_primary: bool,
    /// Whether events are stored, whatever is left to do: a router answers, every shard of the cluster has a primary,
    /// and the collections are sharded.
    pub serves: bool,
    /// Whether a member of a set with a primary is neither primary nor secondary, and answers: it copies data.
    pub catching_up: bool,
    /// The shards.
    pub shards: Vec<ShardProgress>,
    /// The collections.
    pub collections: Vec<CollectionProgress>,
}

impl Progress {
    /// Whether writers may start: every collection is sharded.
    pub fn all_sharded(&self) -> bool {
        self.collections.iter().all(|collection| collection.sharded == Some(true))
    }

    /// Whether nothing is left to do.
    pub fn is_ready(&self) -> bool {
        self.step == Rung::Ready.word()
    }
}

/// The summary of one look.
pub fn progress(wanted: &Wanted, observed: &Observed, step: &Step) -> Progress {
    let collections = wanted.collections.iter().map(|collection| {
        let cluster = observed.cluster.as_ref();
        let seen = cluster.and_then(|cluster| cluster.collections.get(&collection.name)?.as_ref().ok());
        CollectionProgress {
            name: collection.name.clone(),
            sharded: seen.map(|seen| seen.shard_key.is_some()),
        }
    });
    let mut progress = Progress {
        step: step.word(),
        message: step.to_string(),
        config_has_primary: observed.primary(&wanted.config.name).is_some(),
        serves: false,
        catching_up: wanted.sets().any(|set| catches_up(set, observed)),
        shards: wanted.shards.iter().map(|shard| shard_progress(shard, observed)).collect(),
        collections: collections.collect(),
    };
    let led = |shard: &ShardProgress| !shard.added || observed.primary(&shard.name).is_some();
    let routed = observed.cluster.is_some() && progress.config_has_primary && progress.shards.iter().all(led);
    progress.serves = routed && progress.all_sharded() && !matches!(step, Step::Refused(_));
    progress
}

fn catches_up(set: &ReplicaSet, observed: &Observed) -> bool {
    let copies = |member: &Member| member.state == State::Other && member.config.is_some();
    observed.primary(&set.name).is_some() && observed.members(&set.name).iter().any(copies)
}

fn shard_progress(shard: &ReplicaSet, observed: &Observed) -> ShardProgress {
    let members = observed.members(&shard.name);
    let row = observed.listed(&shard.name);
    let up = |state: &State| matches!(state, State::Primary | State::Secondary);
    let state = if members.iter().all(|member| matches!(member.state, State::Unreachable(_))) {
        ShardState::Unreachable
    } else if members.iter().all(|member| member.config.is_none()) {
        ShardState::Uninitiated
    } else if observed.primary(&shard.name).is_none() {
        ShardState::NoPrimary
    } else if row.is_none() {
        ShardState::NotAdded
    } else if row.is_some_and(|row| row.draining) {
        ShardState::Draining
    } else if !members.iter().all(|member| up(&member.state)) {
        ShardState::Degraded
    } else {
        ShardState::Ready
    };
    let host = row.map_or_else(|| shard.connection(), |row| row.host.clone());
    let added = row.is_some() || (observed.cluster.is_none() && observed.record.contains_key(&shard.name));
    ShardProgress { name: shard.name.clone(), host, state, added }
}
