//! The config server's part: the cluster's metadata, and the changes of it, one at a time. Routers only ask.

mod add_shard;
mod collections;
mod databases;
mod defaults;

use std::sync::{Arc, PoisonError};

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};

use crate::arguments::Arguments;
use crate::codes;
use crate::engine::Deletion;
use crate::flags::ConnectionString;
use crate::mongod::Mongod;
use crate::peer::Remote;
use crate::query::Sort;
use crate::refusal::Refusal;

/// The cluster's identity.
pub const VERSION: &str = "config.version";
/// Shards: `{_id, host, state}`.
pub const SHARDS: &str = "config.shards";
/// Databases: `{_id, primary}`.
pub const DATABASES: &str = "config.databases";
/// Sharded collections: `{_id, key, uuid, revision}`.
pub const COLLECTIONS: &str = "config.collections";
/// Their chunks: `{uuid, min, max, shard}`.
pub const CHUNKS: &str = "config.chunks";
/// Settings of the whole cluster.
pub const SETTINGS: &str = "config.settings";
/// Grows with each change of the above: how routers know that theirs is old.
const REVISION: &str = "local.routing";

impl Mongod {
    /// Runs a command that a router sends.
    pub(crate) async fn cluster_command(
        &self,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Document, Refusal> {
        self.must_be_primary()?;
        match name {
            "_configsvrRouting" => self.routing(arguments),
            "_configsvrGetDefaultRWConcern" => Ok(self.default_concerns()),
            _ => {
                let lock = if name == "_configsvrAddShard" { &self.adding } else { &self.changing };
                let _alone = lock.lock().await;
                let reply = match name {
                    "_configsvrAddShard" => self.add_shard(arguments).await,
                    "_configsvrCreateDatabase" => self.create_database(arguments),
                    "_configsvrDropDatabase" => self.drop_cluster_database(arguments).await,
                    "_configsvrShardCollection" => self.shard_collection(arguments).await,
                    "_configsvrDropCollection" => self.drop_cluster_collection(arguments).await,
                    "_configsvrSetDefaultRWConcern" => self.set_default_concerns(arguments),
                    other => {
                        Err(Refusal::new(codes::COMMAND_NOT_FOUND, format!("no such command: '{other}'")))
                    }
                }?;
                self.settle().await?;
                Ok(reply)
            }
        }
    }

    fn revision(&self) -> i64 {
        self.engine.get(REVISION, "revision").and_then(|row| row.get_i64("value").ok()).unwrap_or(1)
    }

    /// After a change: routers read anew.
    fn bump(&self) -> i64 {
        let _alone = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.revision() + 1;
        self.engine.put(REVISION, &doc! {"_id": "revision", "value": next});
        next
    }

    /// Everything that a router needs, or that it has it already.
    fn routing(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        let revision = self.revision();
        if arguments.integer("since")? == Some(revision) {
            return Ok(doc! {"revision": revision, "same": true});
        }
        let chunks = self.engine.all(CHUNKS);
        let collections = self.engine.all(COLLECTIONS).into_iter().map(|mut row| {
            let own = chunks.iter().filter(|chunk| chunk.get("uuid") == row.get("uuid"));
            let own: Vec<Document> =
                own.map(|chunk| doc! {"min": chunk.get("min"), "shard": chunk.get("shard")}).collect();
            row.insert("chunks", own);
            row
        });
        Ok(doc! {
            "revision": revision,
            "shards": self.engine.all(SHARDS),
            "databases": self.engine.all(DATABASES),
            "collections": collections.collect::<Vec<_>>(),
            "defaults": self.default_concerns(),
        })
    }

    fn cluster_id(&self) -> Option<ObjectId> {
        self.engine.all(VERSION).first()?.get_object_id("clusterId").ok()
    }

    /// Shards by name, with where they are.
    fn shards(&self) -> Vec<(String, ConnectionString)> {
        let row = |row: Document| {
            let at = ConnectionString::parse(row.get_str("host").ok()?)?;
            Some((row.get_str("_id").ok()?.to_owned(), at))
        };
        self.engine.all(SHARDS).into_iter().filter_map(row).collect()
    }

    fn shard(&self, name: &str) -> Result<Arc<Remote>, Refusal> {
        let found = self.shards().into_iter().find(|(own, _)| own == name);
        let (_, at) =
            found.ok_or_else(|| Refusal::new(codes::SHARD_NOT_FOUND, format!("Shard {name} not found")))?;
        Ok(self.peers.set(&at))
    }

    fn forget(&self, ns: &str, filter: Document) -> Result<(), Refusal> {
        self.engine.delete(ns, &Deletion { filter, sort: Sort::default(), multi: true }).map(drop)
    }

    /// Where this config set is, for the shards.
    fn own_connection(&self) -> String {
        let state = self.replication.state();
        let set = state.config.as_ref().and_then(|config| config.get_str("_id").ok()).unwrap_or_default();
        format!("{set}/{}", state.host().unwrap_or_default())
    }
}

/// 70.
fn no_shards() -> Refusal {
    Refusal::new(codes::SHARD_NOT_FOUND, "No shards found: add one first")
}

/// A document argument as text for people.
fn shown(value: Option<&Bson>) -> String {
    value.map_or_else(|| "nothing".into(), ToString::to_string)
}
