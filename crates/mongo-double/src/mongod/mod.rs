//! `mongod`: a member of a replica set of one, or a server alone, with its data.

mod concern;
mod ddl;
mod info;
mod initiate;
mod inserts;
mod lists;
mod reads;
mod replication;
mod sessions;
mod shard;
mod stats;
mod status;
mod updates;
mod users;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use bson::{DateTime, Document};
use tokio::sync::watch;

use crate::arguments::Request;
use crate::codes;
use crate::cursors::Cursors;
use crate::engine::{Engine, OpenError};
use crate::flags::Role;
use crate::node::{Node, Server, Session, UserRecord};
use crate::peer::Peers;
use crate::query::Projection;
use crate::refusal::Refusal;
use crate::wire::Reply;

pub use inserts::{Insert, batch_size, int, write_error};
pub use lists::databases;
pub use reads::{FIND, cursor_batch};
pub use users::user_record;

use replication::Replication;
use sessions::Sessions;

/// Between two looks for documents that have expired, unless `ttlMonitorSleepSecs` says otherwise.
const EXPIRY_LOOK: Duration = Duration::from_mins(1);

/// A server with data.
#[derive(Debug)]
pub struct Mongod {
    pub(crate) node: Node,
    pub(crate) engine: Engine,
    pub(crate) replication: Replication,
    cursors: Cursors<reads::Rest>,
    sessions: Sessions,
    /// On a shard: which revision of its routing each sharded collection has.
    revisions: RwLock<HashMap<String, i64>>,
    /// Connections to other members; a config server's, to shards.
    pub(crate) peers: Peers,
    /// Held while the routing's revision grows.
    pub(crate) counting: Mutex<()>,
    /// On a config server: one shard is added at a time.
    pub(crate) adding: tokio::sync::Mutex<()>,
    /// And one database or collection changed, which need not wait for a shard that is not found.
    pub(crate) changing: tokio::sync::Mutex<()>,
}

impl Mongod {
    /// Opens its data.
    pub fn open(node: Node) -> Result<Arc<Self>, OpenError> {
        let engine = Engine::open(&node.flags.db_path)?;
        let replication = Replication::new(&node.flags, &engine);
        let revisions = RwLock::new(shard::stored_revisions(&engine));
        let peers = Peers::new(node.keys.clone());
        Ok(Arc::new(Self {
            node,
            engine,
            replication,
            cursors: Cursors::default(),
            sessions: Sessions::default(),
            revisions,
            peers,
            counting: Mutex::new(()),
            adding: tokio::sync::Mutex::new(()),
            changing: tokio::sync::Mutex::new(()),
        }))
    }

    /// What goes on beside the connections, until told to stop: elections, expiry.
    pub fn start(self: &Arc<Self>, stop: &watch::Receiver<bool>) {
        let (mongod, mut stopped) = (Arc::clone(self), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = mongod.lead_when_configured() => (),
                _ = stopped.wait_for(|stop| *stop) => (),
            }
        });
        let (mongod, mut stopped) = (Arc::clone(self), stop.clone());
        let asked = mongod.node.flags.parameters.get("ttlMonitorSleepSecs");
        let pause = asked.and_then(|text| text.parse().ok()).map_or(EXPIRY_LOOK, Duration::from_secs);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(pause.max(Duration::from_secs(1)));
            loop {
                tokio::select! {
                    _ = ticks.tick() => (),
                    _ = stopped.wait_for(|stop| *stop) => return,
                }
                mongod.cursors.sweep();
                if mongod.replication.is_primary() {
                    mongod.engine.expire(DateTime::now());
                }
            }
        });
    }

    /// Writes the journal out.
    pub fn close(&self) {
        self.engine.close();
    }

    async fn dispatch(&self, session: &Session, request: &Request) -> Result<Reply, Refusal> {
        let name = request.name.as_str();
        if name == "insert" {
            return self.insert(request).await.map(Reply::from);
        }
        let arguments = request.arguments()?;
        let db = arguments.db.clone();
        match name {
            "find" => self.find(&arguments),
            "aggregate" => self.aggregate(&arguments),
            "getMore" => self.get_more(&arguments),
            "killCursors" => self.kill_cursors(&arguments).map(Reply::from),
            "count" => self.count(&arguments).map(Reply::from),
            "distinct" => self.distinct(&arguments).map(Reply::from),
            "update" => self.update(request, &arguments).await.map(Reply::from),
            "delete" => self.delete(request, &arguments).await.map(Reply::from),
            "findAndModify" | "findandmodify" => self.find_and_modify(&arguments).await.map(Reply::from),
            "createIndexes" | "dropIndexes" | "collMod" | "create" | "drop" | "dropDatabase" => {
                self.ddl(name, &arguments).await.map(Reply::from)
            }
            "listIndexes" => self.list_indexes(&arguments),
            "listCollections" => self.list_collections(&arguments),
            "listDatabases" => self.list_databases(&arguments).map(Reply::from),
            "dbStats" => self.db_stats(&arguments).map(Reply::from),
            "getParameter" => self.get_parameter(&arguments).map(Reply::from),
            "createUser" | "updateUser" | "dropUser" | "grantRolesToUser" => {
                self.change_users(name, &arguments).await.map(Reply::from)
            }
            "usersInfo" => self.users_info(&arguments).map(Reply::from),
            "replSetInitiate" | "replSetGetStatus" | "replSetGetConfig" if db != "admin" => {
                Err(crate::refusal::only_on_admin(name))
            }
            "replSetInitiate" => self.initiate(&arguments).await.map(Reply::from),
            "replSetGetStatus" => self.status().map(Reply::from),
            "replSetGetConfig" => self.config().map(Reply::from),
            "_addShard" => self.become_shard(&arguments).await.map(Reply::from),
            "_shardsvrSetRevision" => self.set_revision(&arguments).await.map(Reply::from),
            name if name.starts_with("_configsvr") && self.node.flags.role == Role::ConfigServer => {
                self.cluster_command(name, &arguments).await.map(Reply::from)
            }
            _ => {
                let _ = session;
                Err(Refusal::new(codes::COMMAND_NOT_FOUND, format!("no such command: '{name}'")))
            }
        }
    }
}

impl Server for Mongod {
    fn node(&self) -> &Node {
        &self.node
    }

    fn hello(&self) -> Document {
        self.describe()
    }

    async fn user(&self, db: &str, user: &str) -> Result<Option<UserRecord>, Refusal> {
        Ok(self.stored_user(db, user))
    }

    fn has_users(&self) -> bool {
        self.engine.collection(users::USERS).is_some_and(|users| users.read().count() > 0)
    }

    fn has_times(&self) -> bool {
        self.node.flags.replica_set.is_some()
    }

    async fn run(&self, session: &Session, request: &Request) -> Result<Reply, Refusal> {
        self.dispatch(session, request).await
    }
}

/// Projection and sort of a read, where they are documents.
fn projection(document: Option<&Document>) -> Result<Option<Projection>, Refusal> {
    document.map_or(Ok(None), Projection::parse)
}
