//! The wanted cluster: replica sets by the names that go into their configurations, routers, users, collections.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// MongoDB allows fifty members of which seven vote; ours all vote.
const MEMBERS_MAX: usize = 7;
/// `expireAfterSeconds` is an int32 on the server.
const TTL_SECONDS_MAX: u64 = i32::MAX as u64;
const DAY_SECONDS: u64 = 24 * 3600;
/// Databases of the server itself.
const RESERVED_DATABASES: &[&str] = &["admin", "config", "local"];
/// Where users of the cluster live.
pub const ADMIN: &str = "admin";

/// A replica set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaSet {
    /// Its name; of a shard also the name under which the cluster knows it.
    pub name: String,
    /// Its members as `host:port`, names that stay when a pod gets another address.
    pub hosts: Vec<String>,
}

impl ReplicaSet {
    /// `set/host,host`, what `addShard` and `--configdb` take.
    pub fn connection(&self) -> String {
        format!("{}/{}", self.name, self.hosts.join(","))
    }
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Fields with their direction, 1 or -1.
    pub keys: Vec<(String, i32)>,
    /// Documents go this long after the time in the one field.
    pub expire_after_seconds: Option<u64>,
}

impl Index {
    /// An index over these fields.
    pub fn on(keys: &[(&str, i32)]) -> Self {
        let keys = keys.iter().map(|(field, direction)| ((*field).to_owned(), *direction)).collect();
        Self { keys, expire_after_seconds: None }
    }

    /// Deletes documents `days` after the time in `field`. More days than the server can count are its most.
    pub fn expiring(field: &str, days: u64) -> Self {
        let seconds = days.saturating_mul(DAY_SECONDS).min(TTL_SECONDS_MAX);
        Self { expire_after_seconds: Some(seconds), ..Self::on(&[(field, 1)]) }
    }

    /// The name that every driver gives it, so that whoever else makes it makes the same one.
    pub fn name(&self) -> String {
        self.keys.iter().map(|(field, way)| format!("{field}_{way}")).collect::<Vec<_>>().join("_")
    }
}

/// A collection that is sharded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Collection {
    /// Its name in the database.
    pub name: String,
    /// The field whose hash decides the shard.
    pub hashed_field: String,
    /// Its indexes, `_id` and the hashed one excepted.
    pub indexes: Vec<Index>,
}

/// A role of a user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Role {
    /// The role's name.
    pub role: String,
    /// The database it holds for.
    pub db: String,
}

impl Role {
    /// A role in a database.
    pub fn of(role: &str, db: &str) -> Self {
        Self { role: role.to_owned(), db: db.to_owned() }
    }
}

/// A user of the cluster, in `admin` of the config set. Passwords are no part of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name.
    pub name: String,
    /// What it may do.
    pub roles: Vec<Role>,
}

/// The roles of the user that works on routers, where `__system` cannot log in.
const OPERATOR_ROLES: &[&str] =
    &["clusterAdmin", "dbAdminAnyDatabase", "readWriteAnyDatabase", "userAdminAnyDatabase"];

/// The wanted cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The config set.
    pub config: ReplicaSet,
    /// The shards, in the order in which they are added.
    pub shards: Vec<ReplicaSet>,
    /// Addresses of the routers.
    pub routers: Vec<String>,
    /// The pipeline's database.
    pub database: String,
    /// Its collections.
    pub collections: Vec<Collection>,
    /// The user for administration through routers.
    pub operator: User,
    /// The user of the services.
    pub application: User,
}

/// A cluster that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Invalid(pub String);

impl Wanted {
    /// The user for administration.
    pub fn operator_user(name: &str) -> User {
        let roles = OPERATOR_ROLES.iter().map(|role| Role::of(role, ADMIN)).collect();
        User { name: name.to_owned(), roles }
    }

    /// A user that reads and writes one database.
    pub fn application_user(name: &str, database: &str) -> User {
        User { name: name.to_owned(), roles: vec![Role::of("readWrite", database)] }
    }

    /// The config set, then the shards.
    pub fn sets(&self) -> impl Iterator<Item = &ReplicaSet> {
        std::iter::once(&self.config).chain(&self.shards)
    }

    /// Both users.
    pub fn users(&self) -> [&User; 2] {
        [&self.operator, &self.application]
    }

    /// `database.collection`.
    pub fn namespace(&self, collection: &str) -> String {
        format!("{}.{collection}", self.database)
    }

    /// What no server would take, said before any server is asked.
    pub fn check(&self) -> Result<(), Invalid> {
        let invalid = |why: String| Err(Invalid(why));
        if self.shards.is_empty() || self.routers.is_empty() {
            return invalid("a sharded cluster needs at least one shard and one router".into());
        }
        for set in self.sets() {
            if set.name.is_empty() || set.hosts.is_empty() || set.hosts.len() > MEMBERS_MAX {
                let count = set.hosts.len();
                return invalid(format!(
                    "replica set {:?} has {count} members: it needs a name and 1 to {MEMBERS_MAX}",
                    set.name
                ));
            }
        }
        if let Some(name) = repeated(self.sets().map(|set| set.name.as_str())) {
            return invalid(format!("two replica sets are called {name}"));
        }
        if let Some(host) = repeated(self.sets().flat_map(|set| &set.hosts).map(String::as_str)) {
            return invalid(format!("{host} is a member twice"));
        }
        if self.shards.iter().any(|shard| shard.name == "config") {
            return invalid(
                "no shard may be called config: MongoDB keeps that name for its config set".into(),
            );
        }
        if self.database.is_empty() || RESERVED_DATABASES.contains(&self.database.as_str()) {
            return invalid(format!("{:?} cannot be the database of a pipeline", self.database));
        }
        if let Some(name) = repeated(self.collections.iter().map(|collection| collection.name.as_str())) {
            return invalid(format!("collection {name} is wanted twice"));
        }
        if self.operator.name == self.application.name {
            return invalid("the operator and the services need different users".into());
        }
        Ok(())
    }
}

fn repeated<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = std::collections::BTreeSet::new();
    let mut names = names;
    names.find(|name| !seen.insert(*name))
}
