//! What was read of a cluster, as plain values. A read that failed is kept with its code: the next step depends on it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::topology::Role;

/// Sets that were once initiated, by name, with their `replicaSetId` in hexadecimal digits. Written by us, never derived.
pub type Initiated = BTreeMap<String, String>;

/// A message of a server is cut here: it may quote a whole configuration.
pub const MESSAGE_CHARS_MAX: usize = 300;

/// A call that did not succeed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// The server's code; `None` when there was no answer.
    pub code: Option<i32>,
    /// The code's name.
    pub code_name: String,
    /// The words, cut to [`MESSAGE_CHARS_MAX`].
    pub message: String,
}

impl Fault {
    /// An answer of the server.
    pub fn of_server(code: i32, code_name: &str, message: &str) -> Self {
        Self { code: Some(code), code_name: code_name.to_owned(), message: trimmed(message) }
    }

    /// No answer.
    pub fn of_network(message: &str) -> Self {
        Self { code: None, code_name: String::new(), message: trimmed(message) }
    }
}

fn trimmed(message: &str) -> String {
    message.trim().chars().take(MESSAGE_CHARS_MAX).collect()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) if self.code_name.is_empty() => write!(f, "{} (code {code})", self.message),
            Some(code) => write!(f, "{} ({} {code})", self.message, self.code_name),
            None => f.write_str(&self.message),
        }
    }
}

/// A read and how it went.
pub type Read<T> = Result<T, Fault>;

/// A member's replica set configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetConfig {
    /// The set's name.
    pub id: String,
    /// What makes this set this one: another set of the same name has another.
    pub replica_set_id: String,
    /// Members as `host:port`.
    pub hosts: Vec<String>,
}

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// No connection.
    Unreachable(Fault),
    /// Reached, and refused: a wrong key (18), no `--replSet` (76), or anything else.
    Failed(Fault),
    /// Reached, and has no configuration.
    Ghost,
    /// Takes writes.
    Primary,
    /// Follows.
    Secondary,
    /// Has a configuration and is on its way: starting, recovering, electing.
    Other,
    /// Has a configuration that it is not part of (93), or whose own name it cannot resolve.
    Removed,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name in the wanted set.
    pub host: String,
    /// What it is.
    pub state: State,
    /// Its configuration, if it has one.
    pub config: Option<SetConfig>,
}

/// A router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouterState {
    /// Not asked, since the user that would ask is not there yet.
    NotAsked,
    /// No connection. Until the config set has a primary, that is how routers are.
    Unreachable(Fault),
    /// Reached, and the login or the greeting was refused.
    Failed(Fault),
    /// Something answers that is no router.
    NotARouter,
    /// The operator's user is logged in.
    Ready,
}

/// A router with its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    /// `host:port`.
    pub address: String,
    /// How it is.
    pub state: RouterState,
}

/// Whether the password that we have is a user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// It is.
    Accepted,
    /// It is not.
    Refused,
    /// That could not be found out.
    Unknown(Fault),
}

/// A user as the config set has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSeen {
    /// Its roles.
    pub roles: Vec<Role>,
    /// Whether our password is its.
    pub login: Login,
}

/// A row of `listShards`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardRow {
    /// The shard's name.
    pub id: String,
    /// `set/host,host`.
    pub host: String,
    /// Someone is removing it.
    pub draining: bool,
}

/// The default read and write concern of the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DefaultConcern {
    /// Writes wait for a majority.
    pub write_majority: bool,
    /// Reads see what a majority has.
    pub read_majority: bool,
}

/// A key of an index or a shard key: fields with `1`, `-1` or `hashed`, as text.
pub type Keys = Vec<(String, String)>;

/// An index as the server lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexSeen {
    /// Its name.
    pub name: String,
    /// Its fields.
    pub keys: Keys,
    /// Its TTL.
    pub expire_after_seconds: Option<u64>,
}

/// A collection as the cluster has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectionSeen {
    /// Its shard key; `None` when it is not sharded, whether or not it exists.
    pub shard_key: Option<Keys>,
    /// Sharded by a unique key, which a hashed one cannot be.
    pub unique: bool,
    /// Whether it holds any document.
    pub has_documents: bool,
    /// Its indexes.
    pub indexes: Vec<IndexSeen>,
}

/// What a router answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The router that answered.
    pub router: String,
    /// `getDefaultRWConcern`.
    pub default_concern: Read<DefaultConcern>,
    /// `listShards`.
    pub shards: Read<Vec<ShardRow>>,
    /// Whether collections of the database may be sharded: since MongoDB 6 always, before that after `enableSharding`.
    pub sharding_enabled: Read<bool>,
    /// The wanted collections by name.
    pub collections: BTreeMap<String, Read<CollectionSeen>>,
}

/// What was read in one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Members by the name of their set.
    pub sets: BTreeMap<String, Vec<Member>>,
    /// Users that are there, as the config set's primary has them; `None` without a primary.
    pub users: Option<Read<BTreeMap<String, UserSeen>>>,
    /// The routers.
    pub routers: Vec<Router>,
    /// What the first ready router says; `None` when there is none.
    pub cluster: Option<Cluster>,
    /// Our record.
    pub record: Initiated,
}

impl Observed {
    /// The members of a set.
    pub fn members(&self, set: &str) -> &[Member] {
        self.sets.get(set).map_or(&[], Vec::as_slice)
    }

    /// The primary of a set, when one was seen.
    pub fn primary(&self, set: &str) -> Option<&str> {
        let primary = self.members(set).iter().find(|member| member.state == State::Primary);
        primary.map(|member| member.host.as_str())
    }

    /// The row of a shard, when a router lists it.
    pub fn listed(&self, shard: &str) -> Option<&ShardRow> {
        let rows = self.cluster.as_ref()?.shards.as_ref().ok()?;
        rows.iter().find(|row| row.id == shard)
    }
}
