//! `mongos`: the router. Keeps no state but a copy of the routing, which it reads anew when a shard says it is old.

mod admin;
mod aggregate;
mod cursor;
mod ddl;
mod inserts;
mod reads;
mod routing;
mod targets;
mod updates;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bson::{Document, doc};
use tokio::sync::watch;

use crate::arguments::{Arguments, Request};
use crate::codes;
use crate::cursors::Cursors;
use crate::flags::ConnectionString;
use crate::mongod::user_record;
use crate::node::{Node, Server, Session, UserRecord};
use crate::peer::{Patience, Peers, Remote};
use crate::refusal::Refusal;
use crate::wire::Reply;

use cursor::Rest;
use routing::Table;

/// Between two looks at the routing while nothing asks for it: another router may have dropped a database.
const ROUTING_LOOK: Duration = Duration::from_secs(1);
/// A user is read again after this long: its password or roles may have changed.
const USER_FRESH: Duration = Duration::from_secs(5);
/// A config set that does not say who a user is within this is away; then the router's memory counts.
const USER_TIMEOUT: Duration = Duration::from_secs(5);
/// Users remembered.
const USERS_MAX: usize = 1_000;

/// A router.
#[derive(Debug)]
pub struct Mongos {
    node: Node,
    peers: Peers,
    config: Arc<Remote>,
    table: RwLock<Arc<Table>>,
    cursors: Cursors<Rest>,
    users: Mutex<HashMap<String, (Instant, UserRecord)>>,
}

impl Mongos {
    /// Waits for the config set's primary, for as long as it takes, and reads the routing.
    pub async fn join(node: Node, config: &ConnectionString) -> Result<Arc<Self>, Refusal> {
        let peers = Peers::new(node.keys.clone());
        let config = peers.set(config);
        let mongos = Arc::new(Self {
            node,
            peers,
            config,
            table: RwLock::default(),
            cursors: Cursors::default(),
            users: Mutex::default(),
        });
        mongos.refresh(None).await?;
        Ok(mongos)
    }

    /// What goes on beside the connections, until told to stop.
    pub fn start(self: &Arc<Self>, stop: &watch::Receiver<bool>) {
        let (mongos, mut stopped) = (Arc::clone(self), stop.clone());
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(ROUTING_LOOK);
            loop {
                tokio::select! {
                    _ = ticks.tick() => (),
                    _ = stopped.wait_for(|stop| *stop) => return,
                }
                mongos.cursors.sweep();
                // When the config set is away, what is known stays.
                let _ = mongos.refresh(Some(Instant::now() + ROUTING_LOOK)).await;
            }
        });
    }

    /// Calls the config set; waits for it until the caller's deadline.
    async fn ask_config(&self, command: Document, deadline: Option<Instant>) -> Result<Document, Refusal> {
        self.config.call(command, Patience::config(deadline)).await
    }

    async fn dispatch(&self, request: &Request) -> Result<Reply, Refusal> {
        let name = request.name.as_str();
        if request.db == "local" {
            return Err(Refusal::new(codes::ILLEGAL_OPERATION, "Can't use 'local' database through mongos"));
        }
        if name == "insert" {
            return self.insert(request).await.map(Reply::from);
        }
        let arguments = request.arguments()?;
        match name {
            "find" => self.find(&arguments).await,
            "aggregate" => self.aggregate(&arguments).await,
            "getMore" => self.get_more(&arguments).await,
            "killCursors" => self.kill_cursors(&arguments).await.map(Reply::from),
            "count" => self.count(&arguments).await.map(Reply::from),
            "distinct" => self.distinct(&arguments).await.map(Reply::from),
            "update" | "delete" => self.write(name, request, &arguments).await.map(Reply::from),
            "findAndModify" | "findandmodify" => self.find_and_modify(&arguments).await.map(Reply::from),
            "createIndexes" | "dropIndexes" | "collMod" | "create" => {
                self.ddl(name, &arguments).await.map(Reply::from)
            }
            "drop" | "dropDatabase" => self.drop_everywhere(name, &arguments).await.map(Reply::from),
            "listIndexes" | "listCollections" => self.list_of_primary(name, &arguments).await,
            "listDatabases" => self.list_databases(&arguments).await.map(Reply::from),
            "dbStats" => self.db_stats(&arguments).await.map(Reply::from),
            "createUser" | "updateUser" | "dropUser" | "grantRolesToUser" | "usersInfo" => {
                let reply = self.ask_config(onward(&arguments, false), arguments.deadline()?).await?;
                self.users.lock().unwrap_or_else(PoisonError::into_inner).clear();
                Ok(Reply::from(own_part(reply)))
            }
            "getParameter" => Err(Refusal::new(codes::INVALID_OPTIONS, "no option found to get")),
            _ => self.administrate(name, &arguments).await.map(Reply::from),
        }
    }
}

/// A command as it is passed on: without what is between the client and this router.
fn onward(arguments: &Arguments, with_session: bool) -> Document {
    let kept = |name: &str| match name {
        "$clusterTime"
        | "$readPreference"
        | "apiVersion"
        | "apiStrict"
        | "apiDeprecationErrors"
        | "shardVersion" => false,
        "lsid" | "txnNumber" | "stmtId" => with_session,
        _ => true,
    };
    let fields = arguments.fields.iter().filter(|(name, _)| kept(name));
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Another server's reply without what this one adds itself.
fn own_part(mut reply: Document) -> Document {
    for name in ["ok", "$clusterTime", "operationTime"] {
        reply.remove(name);
    }
    reply
}

impl Server for Mongos {
    fn node(&self) -> &Node {
        &self.node
    }

    fn hello(&self) -> Document {
        doc! {"isWritablePrimary": true, "msg": "isdbgrid"}
    }

    async fn user(&self, db: &str, user: &str) -> Result<Option<UserRecord>, Refusal> {
        let id = format!("{db}.{user}");
        let lock = || self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(&id).cloned();
        if let Some((_, record)) = known.as_ref().filter(|(read, _)| read.elapsed() < USER_FRESH) {
            return Ok(Some(record.clone()));
        }
        let command = doc! {"usersInfo": {"user": user, "db": db}, "showCredentials": true, "$db": "admin"};
        let deadline = Some(Instant::now() + USER_TIMEOUT);
        match (self.ask_config(command, deadline).await, known) {
            (Ok(reply), _) => {
                let found = reply
                    .get_array("users")
                    .ok()
                    .and_then(|users| user_record(users.first()?.as_document()?));
                let mut users = lock();
                if users.len() >= USERS_MAX {
                    users.clear();
                }
                match &found {
                    Some(record) => drop(users.insert(id, (Instant::now(), record.clone()))),
                    None => drop(users.remove(&id)),
                }
                Ok(found)
            }
            // The config set is away: whoever was known is known.
            (Err(_), Some((_, record))) => Ok(Some(record)),
            (Err(refusal), None) => Err(refusal),
        }
    }

    fn has_users(&self) -> bool {
        // Users are made on the config set before there is a router.
        true
    }

    fn has_times(&self) -> bool {
        true
    }

    async fn run(&self, _: &Session, request: &Request) -> Result<Reply, Refusal> {
        self.dispatch(request).await
    }
}
