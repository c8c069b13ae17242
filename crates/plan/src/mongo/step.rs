//! A step: exactly one action, a wait, a refusal, or ready. Which one it is, `ladder` says.

use std::fmt;
use std::time::Duration;

use super::codes::{Class, Command, class};
use super::observed::{Fault, Keys};
use super::refusal::Refusal;
use super::topology::User;

/// Elections, connections and locks pass within seconds.
const SOON: Duration = Duration::from_secs(2);
/// What a person must mend need not be asked about more often.
const SLOWLY: Duration = Duration::from_secs(30);

/// Where on the ladder. Users read the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// The wanted cluster itself.
    Topology,
    /// The config set is initiated, recorded and has a primary.
    ConfigServers,
    /// The users are on the config set.
    Users,
    /// A set was initiated and our record does not know it yet.
    Record,
    /// Every shard is initiated, recorded and has a primary.
    Shards,
    /// A router lets the operator in.
    Routers,
    /// Reads and writes are by majority unless they say otherwise.
    DefaultConcern,
    /// Every shard is in the cluster.
    AddShards,
    /// Every collection is sharded.
    ShardCollections,
    /// Every index is there.
    Indexes,
    /// Every member and every router is up, and nothing is there that is not wanted.
    Members,
    /// Nothing is left to do.
    Ready,
}

impl Rung {
    /// The word that users read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Topology => "Topology",
            Self::ConfigServers => "ConfigServers",
            Self::Users => "Users",
            Self::Record => "Record",
            Self::Shards => "Shards",
            Self::Routers => "Routers",
            Self::DefaultConcern => "DefaultConcern",
            Self::AddShards => "AddShards",
            Self::ShardCollections => "ShardCollections",
            Self::Indexes => "Indexes",
            Self::Members => "Members",
            Self::Ready => "Ready",
        }
    }
}

/// How soon to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It passes by itself within seconds.
    Soon,
    /// Someone may have to mend it.
    Slowly,
}

impl Pace {
    /// The time until the next look.
    pub fn delay(self) -> Duration {
        match self {
            Self::Soon => SOON,
            Self::Slowly => SLOWLY,
        }
    }

    /// How soon to read again after a read failed.
    fn after(fault: &Fault) -> Self {
        match fault.code.map(|code| class(Command::Read, code)) {
            None | Some(Class::RetrySoon) => Self::Soon,
            Some(_) => Self::Slowly,
        }
    }
}

/// Nothing to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Where on the ladder.
    pub rung: Rung,
    /// What is waited for, for people.
    pub message: String,
    /// How soon to look again.
    pub pace: Pace,
}

/// The one thing to do next. It names the server, so that whoever does it has nothing left to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `replSetInitiate` with all members.
    Initiate {
        /// The set.
        set: String,
        /// The member that is asked.
        via: String,
        /// All members.
        hosts: Vec<String>,
        /// Whether it is the config set.
        config_server: bool,
    },
    /// Write into our record that a set was initiated.
    Record {
        /// The set.
        set: String,
        /// Its `replicaSetId`.
        replica_set_id: String,
    },
    /// `createUser` in `admin` of the config set.
    CreateUser {
        /// The config set's primary.
        primary: String,
        /// The user.
        user: User,
    },
    /// `updateUser`: our password, the wanted roles.
    UpdateUser {
        /// The config set's primary.
        primary: String,
        /// The user.
        user: User,
    },
    /// `setDefaultRWConcern`: majority.
    SetDefaultConcern {
        /// The router.
        router: String,
    },
    /// `addShard` with all hosts.
    AddShard {
        /// The router.
        router: String,
        /// The shard.
        name: String,
        /// `set/host,host`.
        connection: String,
    },
    /// `enableSharding`, which MongoDB before 6 wants.
    EnableSharding {
        /// The router.
        router: String,
        /// The database.
        database: String,
    },
    /// `createIndexes` with one index.
    CreateIndex {
        /// The router.
        router: String,
        /// The database.
        database: String,
        /// The collection.
        collection: String,
        /// The index's name.
        name: String,
        /// Its fields.
        keys: Keys,
        /// Its TTL.
        expire_after_seconds: Option<u64>,
    },
    /// `shardCollection` by a hashed field.
    ShardCollection {
        /// The router.
        router: String,
        /// `database.collection`.
        namespace: String,
        /// The field.
        hashed_field: String,
    },
    /// `collMod`: another TTL.
    ChangeTtl {
        /// The router.
        router: String,
        /// The database.
        database: String,
        /// The collection.
        collection: String,
        /// The index's fields.
        keys: Keys,
        /// The wanted TTL.
        expire_after_seconds: u64,
    },
    /// Nothing now.
    Wait(Wait),
    /// Nothing until a person decides.
    Refused(Refusal),
    /// All is as wanted.
    Ready,
}

impl Step {
    /// Where on the ladder it stands; a refusal stands at the topology.
    pub fn rung(&self) -> Rung {
        match self {
            Self::Initiate { config_server: true, .. } => Rung::ConfigServers,
            Self::Initiate { .. } => Rung::Shards,
            Self::Record { .. } => Rung::Record,
            Self::CreateUser { .. } | Self::UpdateUser { .. } => Rung::Users,
            Self::SetDefaultConcern { .. } => Rung::DefaultConcern,
            Self::AddShard { .. } => Rung::AddShards,
            Self::EnableSharding { .. } | Self::ShardCollection { .. } => Rung::ShardCollections,
            Self::CreateIndex { .. } | Self::ChangeTtl { .. } => Rung::Indexes,
            Self::Wait(wait) => wait.rung,
            Self::Refused(_) => Rung::Topology,
            Self::Ready => Rung::Ready,
        }
    }

    /// The word that users read: the rung, or why nothing is done.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.reason(),
            _ => self.rung().word(),
        }
    }

    /// Whether it changes anything.
    pub fn is_action(&self) -> bool {
        !matches!(self, Self::Wait(_) | Self::Refused(_) | Self::Ready)
    }

    pub(super) fn wait(rung: Rung, pace: Pace, message: impl Into<String>) -> Self {
        Self::Wait(Wait { rung, message: message.into(), pace })
    }

    pub(super) fn unread(rung: Rung, what: &str, fault: &Fault) -> Self {
        Self::wait(rung, Pace::after(fault), format!("{what} could not be read: {fault}"))
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::Refused(Refusal::InvalidTopology(message.into()))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Initiate { set, hosts, .. } => {
                write!(f, "initiate replica set {set} of {}", hosts.join(", "))
            }
            Self::Record { set, replica_set_id } => write!(f, "record that {set} is {replica_set_id}"),
            Self::CreateUser { user, .. } => write!(f, "create user {}", user.name),
            Self::UpdateUser { user, .. } => write!(f, "set password and roles of user {}", user.name),
            Self::SetDefaultConcern { .. } => f.write_str("make reads and writes wait for a majority"),
            Self::AddShard { name, .. } => write!(f, "add shard {name}"),
            Self::EnableSharding { database, .. } => write!(f, "enable sharding of {database}"),
            Self::CreateIndex { collection, name, .. } => write!(f, "create index {name} of {collection}"),
            Self::ShardCollection { namespace, hashed_field, .. } => {
                write!(f, "shard {namespace} by the hash of {hashed_field}")
            }
            Self::ChangeTtl { collection, expire_after_seconds, .. } => {
                write!(f, "keep documents of {collection} for {expire_after_seconds} s")
            }
            Self::Wait(wait) => f.write_str(&wait.message),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Ready => f.write_str("ready"),
        }
    }
}
