//! Databases of the cluster: each has a primary shard for what is not sharded.

use bson::spec::BinarySubtype;
use bson::{Binary, Document, Timestamp, doc};

use super::{COLLECTIONS, DATABASES, no_shards};
use crate::arguments::Arguments;
use crate::codes;
use crate::mongod::Mongod;
use crate::peer::Patience;
use crate::refusal::Refusal;
use crate::scram::random;

/// A row of `config.databases`.
pub fn row(db: &str, primary: &str, now: Timestamp) -> Document {
    let uuid = Binary { subtype: BinarySubtype::Uuid, bytes: random(16) };
    doc! {"_id": db, "primary": primary, "partitioned": false, "version": {"uuid": uuid, "timestamp": now, "lastMod": 1}}
}

impl Mongod {
    pub(super) fn create_database(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        let db = arguments.text("_configsvrCreateDatabase")?;
        let asked = arguments.optional_text("primaryShard")?;
        self.database(db, asked).map(|primary| doc! {"primary": primary})
    }

    /// The database's primary shard; the database is made if it is not there.
    pub(super) fn database(&self, db: &str, asked: Option<&str>) -> Result<String, Refusal> {
        let refused = |code, message: String| Err(Refusal::new(code, message));
        if matches!(db, "admin" | "local" | "config") {
            return refused(codes::INVALID_OPTIONS, format!("Cannot create database '{db}' on the cluster"));
        }
        let databases = self.engine.all(DATABASES);
        let name = |row: &Document| row.get_str("_id").unwrap_or_default().to_owned();
        if let Some(row) = databases.iter().find(|row| name(row) == db) {
            let primary = row.get_str("primary").unwrap_or_default();
            return match asked {
                Some(asked) if asked != primary => refused(
                    codes::NAMESPACE_EXISTS,
                    format!("database {db} exists already, with the primary shard {primary}"),
                ),
                _ => Ok(primary.to_owned()),
            };
        }
        if let Some(row) = databases.iter().find(|row| name(row).eq_ignore_ascii_case(db)) {
            return refused(
                codes::DATABASE_DIFFER_CASE,
                format!("can't have 2 databases that just differ on case: {} and {db}", name(row)),
            );
        }
        let shards: Vec<String> = self.shards().into_iter().map(|(name, _)| name).collect();
        let load = |shard: &str| databases.iter().filter(|row| row.get_str("primary") == Ok(shard)).count();
        let primary = match asked {
            Some(asked) => shards.iter().find(|shard| *shard == asked).ok_or_else(|| {
                Refusal::new(codes::SHARD_NOT_FOUND, format!("Shard {asked} not found"))
            })?,
            None => shards.iter().min_by_key(|shard| load(shard)).ok_or_else(no_shards)?,
        };
        self.engine.put(DATABASES, &row(db, primary, self.node.tick()));
        self.bump();
        Ok(primary.clone())
    }

    pub(super) async fn drop_cluster_database(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        let db = arguments.text("_configsvrDropDatabase")?;
        for row in self.engine.all(COLLECTIONS) {
            let ns = row.get_str("_id").unwrap_or_default();
            if ns.split_once('.').is_some_and(|(own, _)| own == db) {
                self.unshard(ns).await?;
            }
        }
        for (name, _) in self.shards() {
            let command = doc! {"dropDatabase": 1, "$db": db};
            self.shard(&name)?.call(command, Patience::shard(None, true)).await?;
        }
        self.forget(DATABASES, doc! {"_id": db})?;
        self.bump();
        Ok(doc! {"dropped": db})
    }
}
