//! What `mongod` and `mongos` share: connections, log-in, privileges, faults on demand, the cluster's clock.

mod commands;
mod common;
mod connection;
mod failpoint;
mod login;
mod privileges;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bson::spec::BinarySubtype;
use bson::{Binary, DateTime, Document, Timestamp, doc};

use crate::arguments::Request;
use crate::flags::{Flags, Program};
use crate::refusal::Refusal;
use crate::scram::{Credential, Exchange, Mechanism};
use crate::wire::{BATCH_MAX, DOCUMENT_BYTES_MAX, MESSAGE_BYTES_MAX, Reply};

pub use commands::is_known;
pub use common::host_name;
pub use connection::accept;
pub use failpoint::{FailPoint, Fault};
pub use privileges::{Login, Role, known_role};

/// The version that this double says it is.
pub const VERSION: &str = "7.0.99";
/// The wire version of MongoDB 7.0.
pub const WIRE_VERSION: i32 = 21;

/// State that both programs have.
#[derive(Debug)]
pub struct Node {
    /// What it was started with.
    pub flags: Flags,
    /// The keys of the key file; none: nobody has to log in.
    pub keys: Vec<String>,
    /// Faults on demand.
    pub fail: FailPoint,
    started: Instant,
    connections: AtomicI32,
    connection_ids: AtomicI32,
    /// Seconds in the upper half, a count within the second in the lower.
    clock: AtomicU64,
    system: Mutex<HashMap<Mechanism, Vec<Credential>>>,
}

impl Node {
    /// A node that has not begun.
    pub fn new(flags: Flags, keys: Vec<String>) -> Self {
        Self {
            flags,
            keys,
            fail: FailPoint::default(),
            started: Instant::now(),
            connections: AtomicI32::new(0),
            connection_ids: AtomicI32::new(0),
            clock: AtomicU64::new(0),
            system: Mutex::default(),
        }
    }

    /// How long it has been up.
    pub fn uptime_seconds(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    /// Whether one must log in.
    pub fn has_auth(&self) -> bool {
        !self.keys.is_empty()
    }

    /// A moment of the cluster's time that never was before.
    pub fn tick(&self) -> Timestamp {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() << 32;
        let next = |old: u64| Some((old + 1).max(seconds + 1));
        let old = self.clock.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_default();
        time_of((old + 1).max(seconds + 1))
    }

    /// The latest moment.
    pub fn now(&self) -> Timestamp {
        match self.clock.load(Ordering::Relaxed) {
            0 => self.tick(),
            now => time_of(now),
        }
    }

    /// `$clusterTime` and `operationTime`.
    pub fn times(&self) -> Document {
        let now = self.now();
        let hash = Binary { subtype: BinarySubtype::Generic, bytes: vec![0; 20] };
        doc! {
            "$clusterTime": {"clusterTime": now, "signature": {"hash": hash, "keyId": 0_i64}},
            "operationTime": now,
        }
    }

    /// What both programs say in `hello`.
    pub fn limits(&self, connection: i32) -> Document {
        let int = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        doc! {
            "maxBsonObjectSize": int(DOCUMENT_BYTES_MAX),
            "maxMessageSizeBytes": int(MESSAGE_BYTES_MAX),
            "maxWriteBatchSize": int(BATCH_MAX),
            "localTime": DateTime::now(),
            "logicalSessionTimeoutMinutes": 30,
            "connectionId": connection,
            "minWireVersion": 0,
            "maxWireVersion": WIRE_VERSION,
            "readOnly": false,
        }
    }

    /// What is checked of `__system`'s password.
    fn system_credentials(&self, mechanism: Mechanism) -> Vec<Credential> {
        let mut known = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(mechanism).or_insert_with(|| Credential::of_keys(mechanism, "__system", &self.keys)).clone()
    }
}

fn time_of(moment: u64) -> Timestamp {
    let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    Timestamp { time: half(moment >> 32), increment: half(moment) }
}

/// One connection's state.
#[derive(Debug)]
pub struct Session {
    /// Its number.
    pub id: i32,
    /// Who is at the other end.
    pub peer: SocketAddr,
    /// Who logged in.
    pub login: Option<Login>,
    /// Another member of the cluster, not a client.
    pub internal: bool,
    exchange: Option<(Exchange, Login)>,
    skip_empty: bool,
    proved: Option<Login>,
}

/// A user as it is stored.
#[derive(Clone, Debug)]
pub struct UserRecord {
    /// Who, and what it may do.
    pub login: Login,
    /// By mechanism.
    pub credentials: Document,
}

/// One of the two programs.
pub trait Server: Send + Sync + 'static {
    /// The shared part.
    fn node(&self) -> &Node;

    /// What it says of itself, without the limits.
    fn hello(&self) -> Document;

    /// A user of this server.
    fn user(
        &self,
        db: &str,
        user: &str,
    ) -> impl Future<Output = Result<Option<UserRecord>, Refusal>> + Send;

    /// Whether it has users: while it has none, a caller from this machine may make the first.
    fn has_users(&self) -> bool;

    /// Whether replies carry the cluster's times.
    fn has_times(&self) -> bool;

    /// Runs a command that is its own.
    fn run(
        &self,
        session: &Session,
        request: &Request,
    ) -> impl Future<Output = Result<Reply, Refusal>> + Send;
}

/// Which program it is.
pub fn program(server: &impl Server) -> Program {
    server.node().flags.program
}
