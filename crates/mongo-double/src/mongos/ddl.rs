//! Collections and indexes through the router: on the primary shard, or on every shard that has a part.

use std::collections::BTreeMap;
use std::time::Instant;

use bson::{Document, doc};

use super::cursor::Rest;
use super::{Mongos, onward, own_part};
use crate::arguments::{Arguments, whole};
use crate::codes;
use crate::cursors::FIRST_BATCH;
use crate::mongod::{cursor_batch, databases};
use crate::peer::{Patience, call_all};
use crate::query::{Sort, decoded};
use crate::refusal::Refusal;
use crate::wire::Reply;

impl Mongos {
    pub(super) async fn ddl(&self, name: &str, arguments: &Arguments) -> Result<Document, Refusal> {
        let (ns, deadline, since) = (arguments.ns()?, arguments.deadline()?, Instant::now());
        let creates = matches!(name, "create" | "createIndexes");
        loop {
            // Without a filter: everyone who has a part.
            let targets = self.targets(&ns, &Document::new(), creates, deadline).await?;
            if targets.sets.is_empty() {
                return Err(Refusal::new(codes::NAMESPACE_NOT_FOUND, format!("ns does not exist: {ns}")));
            }
            let body = targets.tell(self.with_default_concern(onward(arguments, false)));
            let calls = targets.sets.iter().map(|set| (set.clone(), body.clone().into())).collect();
            let answers = call_all(calls, Patience::shard(deadline, true)).await;
            let replies: Result<Vec<_>, Refusal> = answers.into_iter().collect();
            match replies {
                Ok(replies) if name == "createIndexes" => {
                    let raw = targets.sets.iter().zip(&replies);
                    let raw: Document =
                        raw.map(|(set, reply)| (set.at.text(), own_part(decoded(reply)).into())).collect();
                    return Ok(doc! {"raw": raw});
                }
                Ok(replies) => {
                    return Ok(replies.first().map(|reply| own_part(decoded(reply))).unwrap_or_default());
                }
                Err(refusal) if self.again(&refusal, since, deadline).await => (),
                Err(refusal) => return Err(refusal),
            }
        }
    }

    pub(super) async fn drop_everywhere(
        &self,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Document, Refusal> {
        arguments.only(&[])?;
        let deadline = arguments.deadline()?;
        let command = if name == "drop" {
            doc! {"_configsvrDropCollection": arguments.ns()?, "$db": "admin"}
        } else {
            if matches!(arguments.db.as_str(), "admin" | "config") {
                return Err(Refusal::new(
                    codes::ILLEGAL_OPERATION,
                    format!("Dropping the '{}' database is prohibited.", arguments.db),
                ));
            }
            doc! {"_configsvrDropDatabase": &arguments.db, "$db": "admin"}
        };
        let reply = self.ask_config(command, deadline).await?;
        self.refresh(deadline).await?;
        Ok(own_part(reply))
    }

    pub(super) async fn list_of_primary(&self, name: &str, arguments: &Arguments) -> Result<Reply, Refusal> {
        let deadline = arguments.deadline()?;
        let ns = if name == "listIndexes" {
            arguments.ns()?
        } else {
            format!("{}.$cmd.listCollections", arguments.db)
        };
        let most =
            if arguments.fields.contains_key("cursor") { cursor_batch(arguments)? } else { FIRST_BATCH };
        let since = Instant::now();
        loop {
            let mut targets = self.targets(&ns, &Document::new(), false, deadline).await?;
            targets.sets.truncate(1);
            if targets.sets.is_empty() {
                if name == "listIndexes" {
                    return Err(Refusal::new(codes::NAMESPACE_NOT_FOUND, format!("ns does not exist: {ns}")));
                }
                return self.first_batch(ns, Rest::of_documents(Vec::new()), most, false, deadline).await;
            }
            match self.open(&targets, onward(arguments, false), deadline).await {
                Ok(batches) => {
                    let rest = Rest::of_shards(batches, Sort::default(), None);
                    return self.first_batch(ns, rest, most, false, deadline).await;
                }
                Err(refusal) if self.again(&refusal, since, deadline).await => (),
                Err(refusal) => return Err(refusal),
            }
        }
    }

    pub(super) async fn list_databases(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&["filter", "nameOnly", "authorizedDatabases"])?;
        if arguments.db != "admin" {
            return Err(crate::refusal::only_on_admin("listDatabases"));
        }
        let deadline = arguments.deadline()?;
        let command = doc! {"listDatabases": 1, "$db": "admin"};
        let table = self.table();
        let mut calls = vec![(self.config.clone(), command.clone().into())];
        for name in table.shards.keys() {
            calls.push((self.shard(name)?, command.clone().into()));
        }
        let mut sizes: BTreeMap<String, i64> = BTreeMap::new();
        for (place, reply) in call_all(calls, Patience::shard(deadline, true)).await.into_iter().enumerate() {
            let reply = decoded(&reply?);
            for row in reply.get_array("databases").cloned().unwrap_or_default() {
                let Some(row) = row.as_document() else { continue };
                let name = row.get_str("name").unwrap_or_default();
                // The servers' own databases are those of the config set.
                let of_config = matches!(name, "admin" | "config");
                if name == "local" || of_config != (place == 0) {
                    continue;
                }
                *sizes.entry(name.to_owned()).or_default() +=
                    row.get("sizeOnDisk").and_then(whole).unwrap_or(0);
            }
        }
        databases(arguments, sizes)
    }

    /// Of each shard under its address, and their sums.
    pub(super) async fn db_stats(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&["scale", "freeStorage"])?;
        let (deadline, table) = (arguments.deadline()?, self.table());
        let command = doc! {"dbStats": 1, "$db": &arguments.db};
        let mut calls = Vec::new();
        for name in table.shards.keys() {
            calls.push((self.shard(name)?, command.clone().into()));
        }
        let replies = call_all(calls, Patience::shard(deadline, true)).await;
        let mut all = doc! {"raw": {}, "db": &arguments.db};
        for (address, reply) in table.shards.values().zip(replies) {
            let reply = own_part(decoded(&reply?));
            for (name, value) in &reply {
                if let Some(more) =
                    whole(value).filter(|_| !["avgObjSize", "scaleFactor"].contains(&name.as_str()))
                {
                    let sum = all.get_i64(name).unwrap_or(0) + more;
                    all.insert(name, sum);
                }
            }
            if let Ok(raw) = all.get_document_mut("raw") {
                raw.insert(address.text(), reply);
            }
        }
        Ok(all)
    }
}
