//! `addShard`: the shard learns whose it is first, the cluster writes it down last. A half-done one is completed by
//! the same command again.

use std::time::Duration;

use bson::{Document, doc};
use tokio::time::Instant;

use super::{DATABASES, SHARDS, shown};
use crate::arguments::{Arguments, truthy};
use crate::codes;
use crate::flags::ConnectionString;
use crate::mongod::Mongod;
use crate::peer::Patience;
use crate::refusal::{Refusal, bad_value};

/// A set without a primary is looked for this long, as seen on a real server.
const FIND_PRIMARY: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(200);

fn illegal(message: String) -> Refusal {
    Refusal::new(codes::ILLEGAL_OPERATION, message)
}

fn failed(message: String) -> Refusal {
    Refusal::new(codes::OPERATION_FAILED, message)
}

impl Mongod {
    pub(super) async fn add_shard(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        let text = arguments.text("_configsvrAddShard")?;
        let name = arguments.optional_text("name")?;
        if name == Some("config") {
            return Err(bad_value("use of shard replica set with name 'config' is not allowed"));
        }
        if name.is_some_and(str::is_empty) {
            return Err(bad_value("shard name cannot be empty"));
        }
        let asked = ConnectionString::parse(text).ok_or_else(|| {
            failed(format!("{text} does not name its replica set; use SET/host:port,host:port"))
        })?;
        if let Some(known) = self.known_as(&asked, name)? {
            return Ok(doc! {"shardAdded": known});
        }
        let hello = self.primary_of(&asked).await?;
        let hosts: Vec<String> = ["hosts", "passives", "arbiters"]
            .iter()
            .flat_map(|field| hello.get_array(field).cloned().unwrap_or_default())
            .filter_map(|host| host.as_str().map(str::to_owned))
            .collect();
        if let Some(stranger) = asked.hosts.iter().find(|host| !hosts.contains(host)) {
            return Err(failed(format!(
                "in seed list {text}, host {stranger} does not belong to replica set {}; its members are {hosts:?}",
                asked.set
            )));
        }
        let whole = ConnectionString { set: asked.set.clone(), hosts };
        let name = name.unwrap_or(&asked.set).to_owned();
        let taken = self.engine.get(SHARDS, &name);
        if taken.is_some() {
            return Err(illegal(format!("a shard named {name} exists already, of another replica set")));
        }
        let databases = self.databases_of(&whole).await?;
        self.claim(&whole, &name).await?;
        for db in databases {
            self.engine.put(DATABASES, &super::databases::row(&db, &name, self.node.now()));
        }
        self.engine.put(
            SHARDS,
            &doc! {"_id": &name, "host": whole.text(), "state": 1, "topologyTime": self.node.tick()},
        );
        self.bump();
        Ok(doc! {"shardAdded": name})
    }

    /// The name under which the cluster has the very set; 20 where it has something that stands in the way.
    fn known_as(&self, asked: &ConnectionString, name: Option<&str>) -> Result<Option<String>, Refusal> {
        for (own, at) in self.shards() {
            let overlap = at.hosts.iter().any(|host| asked.hosts.contains(host));
            if at.set == asked.set {
                if let Some(name) = name.filter(|name| *name != own) {
                    return Err(illegal(format!(
                        "A shard already exists containing the replica set '{}': it is named {own}, not {name}",
                        at.set
                    )));
                }
                if !overlap {
                    return Err(illegal(format!(
                        "A shard of the replica set '{}' exists with other hosts: {}",
                        at.set,
                        at.text()
                    )));
                }
                return Ok(Some(own));
            }
            if overlap {
                return Err(illegal(format!("a host of {} is a member of the existing shard {own}", asked.text())));
            }
            if name == Some(own.as_str()) {
                return Err(illegal(format!("A shard named {own} containing the replica set '{}' already exists", at.set)));
            }
        }
        Ok(None)
    }

    async fn primary_of(&self, asked: &ConnectionString) -> Result<Document, Refusal> {
        let until = Instant::now() + FIND_PRIMARY;
        loop {
            for host in &asked.hosts {
                let Ok(hello) = self.peers.hello(host).await else { continue };
                if hello.get_str("msg") == Ok("isdbgrid") {
                    return Err(illegal(format!("{host} is a mongos: a router cannot be a shard")));
                }
                let own = hello.get_str("setName") == Ok(asked.set.as_str());
                if own && hello.contains_key("configsvr") {
                    return Err(failed(format!("Cannot add {} as a shard since it is a config server", asked.text())));
                }
                if own && truthy(hello.get("isWritablePrimary")) {
                    return Ok(hello);
                }
            }
            if Instant::now() >= until {
                return Err(Refusal::new(
                    codes::FAILED_TO_SATISFY_READ_PREFERENCE,
                    format!(
                        "Could not find host matching read preference {{ mode: \"primary\" }} for set {}",
                        asked.set
                    ),
                ));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Databases that the shard brings along; 96 when the cluster has one of the name elsewhere.
    async fn databases_of(&self, at: &ConnectionString) -> Result<Vec<String>, Refusal> {
        let command = doc! {"listDatabases": 1, "nameOnly": true, "$db": "admin"};
        let reply = self.peers.set(at).call(command, Patience::shard(None, true)).await?;
        let rows = reply.get_array("databases").cloned().unwrap_or_default();
        let names = rows.iter().filter_map(|row| row.as_document()?.get_str("name").ok());
        let names: Vec<String> =
            names.filter(|name| !matches!(*name, "admin" | "local" | "config")).map(str::to_owned).collect();
        for name in &names {
            if let Some(row) = self.engine.get(DATABASES, name) {
                return Err(failed(format!(
                    "can't add shard '{}' because a local database '{name}' exists in another shard: {}",
                    at.text(),
                    shown(row.get("primary"))
                )));
            }
        }
        Ok(names)
    }

    async fn claim(&self, at: &ConnectionString, name: &str) -> Result<(), Refusal> {
        let command = doc! {
            "_addShard": 1,
            "shardName": name,
            "clusterId": self.cluster_id(),
            "configsvrConnectionString": self.own_connection(),
            "$db": "admin",
        };
        self.peers.set(at).call(command, Patience::shard(None, true)).await.map(drop)
    }
}
