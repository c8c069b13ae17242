//! The life of a replica set of one: no configuration, configured, primary. After a restart it is elected again.

use std::net::{IpAddr, UdpSocket};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard, PoisonError};
use std::time::Duration;

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use tokio::sync::Notify;

use super::Mongod;
use crate::codes;
use crate::engine::Engine;
use crate::flags::{Flags, Role};
use crate::refusal::Refusal;

/// From configured to primary: a real member alone took 52 ms.
const ELECTION: Duration = Duration::from_millis(50);
/// Between two looks whether its own name leads to itself by now.
const NAME_LOOK: Duration = Duration::from_secs(1);
/// Where the configuration is kept.
pub const CONFIG: &str = "local.system.replset";
const ELECTIONS: &str = "local.replset.election";

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Started without `--replSet`.
    Alone,
    /// No configuration.
    Ghost,
    /// Its configuration names no host that is itself.
    Removed,
    /// Configured, not yet elected.
    Secondary,
    /// Takes writes.
    Primary,
}

/// The member's state.
#[derive(Clone, Debug)]
pub struct State {
    /// Where it stands.
    pub phase: Phase,
    /// Its configuration.
    pub config: Option<Document>,
    /// Elections so far.
    pub term: i64,
    /// Of the last election.
    pub election_id: ObjectId,
    /// When it was elected.
    pub elected_at: Option<DateTime>,
}

impl State {
    /// The one host of the configuration.
    pub fn host(&self) -> Option<&str> {
        let members = self.config.as_ref()?.get_array("members").ok()?;
        members.first()?.as_document()?.get_str("host").ok()
    }
}

/// The state, shared.
#[derive(Debug)]
pub struct Replication {
    state: RwLock<State>,
    configured: Notify,
}

impl Replication {
    /// As the disk has it.
    pub fn new(flags: &Flags, engine: &Engine) -> Self {
        let config = engine.all(CONFIG).into_iter().next();
        let phase = match (&flags.replica_set, &config) {
            (None, _) => Phase::Alone,
            (Some(_), None) => Phase::Ghost,
            (Some(_), Some(_)) => Phase::Removed,
        };
        let term = engine.get(ELECTIONS, "term").and_then(|row| row.get_i64("value").ok()).unwrap_or(0);
        let state = State { phase, config, term, election_id: ObjectId::new(), elected_at: None };
        Self { state: RwLock::new(state), configured: Notify::new() }
    }

    /// The state as it is now.
    pub fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it takes writes.
    pub fn is_primary(&self) -> bool {
        matches!(self.state().phase, Phase::Primary | Phase::Alone)
    }

    /// The configuration has come: an election may begin.
    pub(super) fn configured(&self) {
        self.configured.notify_one();
    }
}

impl Mongod {
    /// Refuses what only a primary does.
    pub(crate) fn must_be_primary(&self) -> Result<(), Refusal> {
        if self.replication.is_primary() {
            return Ok(());
        }
        Err(Refusal::new(codes::NOT_WRITABLE_PRIMARY, "not primary"))
    }

    /// Refuses reads of a member without state, and of a secondary unless the caller allows it.
    pub(super) fn must_be_readable(&self, arguments: &crate::arguments::Arguments) -> Result<(), Refusal> {
        match self.replication.state().phase {
            Phase::Primary | Phase::Alone => Ok(()),
            Phase::Secondary => {
                let mode = arguments.fields.get_document("$readPreference").and_then(|own| own.get_str("mode"));
                if mode.is_ok_and(|mode| mode != "primary") {
                    return Ok(());
                }
                Err(Refusal::new(codes::NOT_PRIMARY_NO_SECONDARY_OK, "not primary and secondaryOk=false"))
            }
            Phase::Ghost | Phase::Removed => {
                Err(Refusal::new(codes::NOT_PRIMARY_OR_SECONDARY, "node is not in primary or recovering state"))
            }
        }
    }

    /// Waits for a configuration that names this member, then has it elected. Once is enough for a set of one.
    pub(super) async fn lead_when_configured(self: Arc<Self>) {
        if self.replication.state().phase == Phase::Alone {
            self.make_cluster_identity();
            return;
        }
        while self.replication.state().config.is_none() {
            self.replication.configured.notified().await;
        }
        loop {
            let host = self.replication.state().host().map(str::to_owned);
            let set = self.replication.state().config.as_ref().and_then(|config| config.get_str("_id").ok().map(str::to_owned));
            let own_set = set.as_deref() == self.node.flags.replica_set.as_deref();
            if let Some(host) = host
                && own_set
                && is_self(&host, &self.node.flags).await
            {
                break;
            }
            self.replication.change().phase = Phase::Removed;
            tokio::time::sleep(NAME_LOOK).await;
        }
        self.replication.change().phase = Phase::Secondary;
        tokio::time::sleep(ELECTION).await;
        let term = {
            let mut state = self.replication.change();
            state.term += 1;
            state.election_id = ObjectId::new();
            state.elected_at = Some(DateTime::now());
            state.term
        };
        self.engine.put(ELECTIONS, &doc! {"_id": "term", "value": term});
        self.make_cluster_identity();
        if self.settle().await.is_ok() {
            self.replication.change().phase = Phase::Primary;
        }
    }

    /// What a primary writes when it finds that nobody did.
    fn make_cluster_identity(&self) {
        if self.node.flags.role == Role::ConfigServer && self.engine.all(crate::cluster::VERSION).is_empty() {
            let id = doc! {"_id": 1, "clusterId": ObjectId::new()};
            self.engine.put(crate::cluster::VERSION, &id);
        }
    }
}

/// Whether `host:port` is this server: its port, and an address of this machine on which it listens.
pub(super) async fn is_self(host: &str, flags: &Flags) -> bool {
    let host = crate::flags::with_port(host);
    if !host.ends_with(&format!(":{}", flags.port)) {
        return false;
    }
    let Ok(found) = tokio::net::lookup_host(&host).await else { return false };
    let mut bound: Vec<IpAddr> = Vec::new();
    for name in &flags.bind {
        if let Ok(addresses) = tokio::net::lookup_host((name.as_str(), 0)).await {
            bound.extend(addresses.map(|address| address.ip()));
        }
    }
    let listens = |ip: &IpAddr| bound.iter().any(|own| own == ip || own.is_unspecified());
    // Only an address of this machine can be bound to.
    let is_here = |ip: &IpAddr| UdpSocket::bind((*ip, 0)).is_ok();
    found.into_iter().map(|address| address.ip()).any(|ip| listens(&ip) && is_here(&ip))
}
