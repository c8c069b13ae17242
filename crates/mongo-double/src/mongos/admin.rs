//! Commands of the cluster: the config server carries them out, the router checks what it can and waits.

use bson::{Bson, Document, doc};

use super::{Mongos, own_part};
use crate::arguments::Arguments;
use crate::codes;
use crate::refusal::{Refusal, only_on_admin};

impl Mongos {
    pub(super) async fn administrate(&self, name: &str, arguments: &Arguments) -> Result<Document, Refusal> {
        if arguments.db != "admin" {
            return Err(only_on_admin(name));
        }
        let reply = match name {
            "addShard" => {
                arguments.only(&["name"])?;
                self.carry_out("_configsvrAddShard", arguments.required(name)?, &["name"], arguments).await
            }
            "enableSharding" => {
                arguments.only(&["primaryShard"])?;
                let db = arguments.text(name)?;
                if db.is_empty() || db.contains(['.', '$', '/', '\\', ' ', '"']) {
                    return Err(Refusal::new(codes::INVALID_NAMESPACE, format!("invalid db name '{db}'")));
                }
                let done = self
                    .carry_out("_configsvrCreateDatabase", arguments.required(name)?, &["primaryShard"], arguments)
                    .await;
                done.map(|_| Document::new())
            }
            "shardCollection" => {
                arguments.only(&["key", "unique", "numInitialChunks", "collation", "presplitHashedZones"])?;
                self.shard_collection(arguments).await
            }
            "listShards" => {
                arguments.only(&[])?;
                let command = doc! {"find": "shards", "filter": {}, "sort": {"_id": 1}, "batchSize": 10_000, "$db": "config"};
                let found = self.ask_config(command, arguments.deadline()?).await?;
                let cursor = found.get_document("cursor").cloned().unwrap_or_default();
                Ok(doc! {"shards": cursor.get_array("firstBatch").cloned().unwrap_or_default()})
            }
            "balancerStatus" => {
                arguments.only(&[])?;
                // Nothing is ever moved here: a cluster is even from the start, or stays as it is.
                self.ask_config(doc! {"ping": 1, "$db": "admin"}, arguments.deadline()?).await?;
                Ok(doc! {"mode": "full", "inBalancerRound": false, "numBalancerRounds": 0_i64})
            }
            "setDefaultRWConcern" => {
                let known = ["defaultReadConcern", "defaultWriteConcern"];
                arguments.only(&known)?;
                self.carry_out("_configsvrSetDefaultRWConcern", &Bson::Int32(1), &known, arguments).await
            }
            "getDefaultRWConcern" => {
                arguments.only(&["inMemory"])?;
                self.carry_out("_configsvrGetDefaultRWConcern", &Bson::Int32(1), &[], arguments).await
            }
            _ => Err(Refusal::new(codes::COMMAND_NOT_FOUND, format!("no such command: '{name}'"))),
        }?;
        Ok(own_part(reply))
    }

    /// Has the config server do it, waits as long as the caller, and reads the new routing.
    async fn carry_out(
        &self,
        command: &str,
        value: &Bson,
        passed: &[&str],
        arguments: &Arguments,
    ) -> Result<Document, Refusal> {
        let mut body = Document::new();
        body.insert(command, value.clone());
        for name in passed {
            if let Some(value) = arguments.fields.get(name) {
                body.insert(*name, value.clone());
            }
        }
        body.insert("$db", "admin");
        let deadline = arguments.deadline()?;
        let reply = self.ask_config(body, deadline).await?;
        self.refresh(deadline).await?;
        Ok(reply)
    }

    async fn shard_collection(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        let ns = arguments.text("shardCollection")?;
        let invalid = || {
            Refusal::new(codes::INVALID_NAMESPACE, format!("Invalid namespace specified '{ns}'"))
        };
        let (db, collection) = ns.split_once('.').ok_or_else(invalid)?;
        crate::arguments::namespace(db, collection)?;
        if matches!(db, "admin" | "local" | "config") {
            return Err(Refusal::new(
                codes::ILLEGAL_OPERATION,
                format!("can't shard collections in the {db} database"),
            ));
        }
        for name in ["collation", "presplitHashedZones"] {
            if arguments.fields.contains_key(name) {
                return Err(Refusal::new(codes::INVALID_OPTIONS, format!("this double does not model '{name}'")));
            }
        }
        let key = arguments.document("key")?.filter(|key| !key.is_empty());
        key.ok_or_else(|| crate::refusal::bad_value("shard key cannot be empty"))?;
        let value = arguments.required("shardCollection")?;
        self.carry_out("_configsvrShardCollection", value, &["key", "unique"], arguments).await
    }
}
