//! `replSetInitiate`: every check of a configuration, in the order in which the real server makes them.

use std::collections::HashSet;
use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};

use super::Mongod;
use super::replication::{CONFIG, Phase, is_self};
use crate::arguments::{Arguments, truthy, whole};
use crate::codes;
use crate::flags::{Role, with_port};
use crate::refusal::Refusal;

/// A member that does not answer within this is down.
const MEMBER_TIMEOUT: Duration = Duration::from_secs(5);

fn bad_config(message: impl Into<String>) -> Refusal {
    Refusal::new(codes::INVALID_REPLICA_SET_CONFIG, message)
}

impl Mongod {
    /// Takes a configuration; it is primary a moment later.
    pub(super) async fn initiate(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        let Some(set) = self.node.flags.replica_set.clone() else {
            let message = "This node was not started with replication enabled.";
            return Err(Refusal::new(codes::NO_REPLICATION_ENABLED, message));
        };
        let already = || Refusal::new(codes::ALREADY_INITIALIZED, "already initialized");
        if self.replication.state().phase != Phase::Ghost {
            return Err(already());
        }
        let asked = match arguments.required("replSetInitiate")? {
            Bson::Document(config) if !config.is_empty() => config.clone(),
            // Without a configuration the server makes one of itself.
            _ => {
                let host = format!("{}:{}", crate::node::host_name(), self.node.flags.port);
                doc! {"_id": &set, "version": 1, "members": [{"_id": 0, "host": host}]}
            }
        };
        let config = self.checked(&asked, &set).await?;
        {
            let mut state = self.replication.change();
            if state.phase != Phase::Ghost {
                return Err(already());
            }
            state.phase = Phase::Secondary;
            state.config = Some(config.clone());
        }
        self.engine.put(CONFIG, &config);
        self.settle().await?;
        self.replication.configured();
        Ok(Document::new())
    }

    async fn checked(&self, asked: &Document, set: &str) -> Result<Document, Refusal> {
        let name = asked.get_str("_id").map_err(|_| bad_config("a configuration needs the set's name as _id"))?;
        if name != set {
            return Err(bad_config(format!(
                "Attempting to initiate a replica set with name {name}, but command line reports {set}; rejecting"
            )));
        }
        let known = ["_id", "version", "configsvr", "protocolVersion", "members", "settings", "term", "writeConcernMajorityJournalDefault"];
        if let Some(name) = asked.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(bad_config(format!("Unexpected field {name} in replica set configuration")));
        }
        if asked.get("version").and_then(whole).is_some_and(|version| version != 1) {
            return Err(bad_config("Configuration used to initiate a replica set must have version 1"));
        }
        let is_config_server = self.node.flags.role == Role::ConfigServer;
        if truthy(asked.get("configsvr")) && !is_config_server {
            return Err(bad_config("Nodes used for config servers must be started with --configsvr"));
        }
        let members = asked.get_array("members").map_err(|_| bad_config("a configuration needs members"))?;
        let members: Vec<Document> = members.iter().map(member).collect::<Result<_, _>>()?;
        if members.is_empty() || members.len() > 50 {
            return Err(bad_config("a replica set has 1 to 50 members"));
        }
        let hosts: Vec<&str> = members.iter().filter_map(|member| member.get_str("host").ok()).collect();
        if hosts.iter().collect::<HashSet<_>>().len() < hosts.len() {
            return Err(bad_config("Found two member configurations with the same host field"));
        }
        let mut own = 0;
        for host in &hosts {
            own += usize::from(is_self(host, &self.node.flags).await);
        }
        if own == 0 {
            return Err(bad_config(format!(
                "No host described in new configuration with {{version: 1, term: 0}} for replica set {set} maps to this node"
            )));
        }
        if own > 1 {
            return Err(bad_config("several hosts of the configuration map to this node"));
        }
        self.quorum(&members, set).await?;
        let settings = asked.get_document("settings").cloned().unwrap_or_default();
        Ok(full_config(set, is_config_server, members, settings))
    }

    /// Every other member must be up, of this set and without a configuration. Then this double has to say that it
    /// models sets of one.
    async fn quorum(&self, members: &[Document], set: &str) -> Result<(), Refusal> {
        let not_found = |message: String| Refusal::new(codes::NODE_NOT_FOUND, message);
        let ids: HashSet<i64> = members.iter().filter_map(|m| m.get("_id").and_then(whole)).collect();
        if ids.len() < members.len() {
            return Err(not_found("replSetInitiate quorum check failed: two members have one _id".into()));
        }
        let mut others = Vec::new();
        for member in members {
            let host = member.get_str("host").unwrap_or_default();
            if !is_self(host, &self.node.flags).await {
                others.push(host.to_owned());
            }
        }
        for host in &others {
            let look = tokio::time::timeout(MEMBER_TIMEOUT, self.peers.hello(host)).await;
            let Ok(Ok(hello)) = look else {
                return Err(not_found(format!(
                    "replSetInitiate quorum check failed because not all proposed set members responded affirmatively: {host} does not answer"
                )));
            };
            if hello.contains_key("setName") {
                return Err(Refusal::new(
                    codes::NEW_REPLICA_SET_CONFIGURATION_INCOMPATIBLE,
                    format!("{host} has a configuration of set {} already; {set} cannot have it",
                        hello.get_str("setName").unwrap_or_default()),
                ));
            }
        }
        match others.first() {
            None => Ok(()),
            Some(host) => Err(not_found(format!(
                "{host} answers, but this double models replica sets of one member only; give one member"
            ))),
        }
    }
}

fn member(member: &Bson) -> Result<Document, Refusal> {
    let member = member.as_document().ok_or_else(|| bad_config("a member must be a document"))?;
    let known =
        ["_id", "host", "arbiterOnly", "buildIndexes", "hidden", "priority", "tags", "secondaryDelaySecs", "slaveDelay", "votes", "horizons"];
    if let Some(name) = member.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(bad_config(format!("Unexpected field {name} in member configuration")));
    }
    let id = member.get("_id").and_then(whole).and_then(|id| i32::try_from(id).ok());
    let id = id.ok_or_else(|| bad_config("a member needs a whole number as _id"))?;
    let host = member.get_str("host").ok().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| bad_config("a member needs a host"))?;
    let number = |name| member.get(name).and_then(whole).unwrap_or(1);
    if truthy(member.get("arbiterOnly")) || number("priority") == 0 || number("votes") == 0 {
        return Err(bad_config("this double models members that vote and can be elected only"));
    }
    Ok(doc! {
        "_id": id,
        "host": with_port(host),
        "arbiterOnly": false,
        "buildIndexes": true,
        "hidden": false,
        "priority": 1,
        "tags": member.get_document("tags").cloned().unwrap_or_default(),
        "secondaryDelaySecs": 0_i64,
        "votes": 1,
    })
}

fn full_config(set: &str, is_config_server: bool, members: Vec<Document>, asked: Document) -> Document {
    let mut config = doc! {"_id": set, "version": 1, "term": 1_i64};
    if is_config_server {
        config.insert("configsvr", true);
    }
    let mut settings = doc! {
        "chainingAllowed": true,
        "heartbeatIntervalMillis": 2000,
        "heartbeatTimeoutSecs": 10,
        "electionTimeoutMillis": 10_000,
        "catchUpTimeoutMillis": -1,
        "getLastErrorModes": {},
        "getLastErrorDefaults": {"w": 1, "wtimeout": 0},
    };
    settings.extend(asked);
    settings.insert("replicaSetId", ObjectId::new());
    config.extend(doc! {
        "protocolVersion": 1_i64,
        "writeConcernMajorityJournalDefault": true,
        "members": members,
        "settings": settings,
    });
    config
}
