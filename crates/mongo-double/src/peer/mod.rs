//! Calls to other members of the cluster, as `__system`, over connections that are kept.

mod connection;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bson::Document;
use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::codes;
use crate::flags::ConnectionString;
use crate::query::{decoded, raw};
use crate::refusal::Refusal;
use crate::wire::Outgoing;

use connection::{Connection, Fault};

/// A primary that does not come within this is away: the real router's default.
pub const FIND_PRIMARY: Duration = Duration::from_secs(15);
/// Between two looks for a primary.
const LOOK: Duration = Duration::from_millis(100);
/// Connections kept per set while nobody uses them.
const IDLE_MAX: usize = 64;

/// How long a call may take, and whether it may be sent twice.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until when a primary is looked for; `None`: for ever.
    pub primary: Option<Instant>,
    /// When the caller gives up: then the answer is 50.
    pub deadline: Option<Instant>,
    /// It does no harm twice: a read, or a write with a number.
    pub repeatable: bool,
}

impl Patience {
    /// For a shard: a primary is waited for as long as it usually takes to come back.
    pub fn shard(deadline: Option<std::time::Instant>, repeatable: bool) -> Self {
        let primary = Some(Instant::now() + FIND_PRIMARY);
        Self { primary, deadline: deadline.map(Instant::from_std), repeatable }
    }

    /// For the config set: without it nothing goes on, so it is waited for until the caller gives up.
    pub fn config(deadline: Option<std::time::Instant>) -> Self {
        Self { primary: None, deadline: deadline.map(Instant::from_std), repeatable: true }
    }
}

/// All sets that this server talks to.
#[derive(Debug)]
pub struct Peers {
    keys: Vec<String>,
    sets: Mutex<HashMap<String, Arc<Remote>>>,
}

impl Peers {
    /// With the keys of the key file.
    pub fn new(keys: Vec<String>) -> Self {
        Self { keys, sets: Mutex::default() }
    }

    /// A set; its connections are shared by all who ask for it.
    pub fn set(&self, at: &ConnectionString) -> Arc<Remote> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let remote = || Remote { at: at.clone(), keys: self.keys.clone(), idle: Mutex::default() };
        Arc::clone(sets.entry(at.text()).or_insert_with(|| Arc::new(remote())))
    }

    /// What one host says of itself.
    pub async fn hello(&self, host: &str) -> Result<Document, String> {
        connection::hello(host).await
    }
}

/// A replica set elsewhere.
#[derive(Debug)]
pub struct Remote {
    /// Where it is.
    pub at: ConnectionString,
    keys: Vec<String>,
    idle: Mutex<Vec<Connection>>,
}

impl Remote {
    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls its primary; a reply that says no is a refusal.
    pub async fn call(&self, command: impl Into<Outgoing>, patience: Patience) -> Result<Document, Refusal> {
        self.call_raw(&command.into(), patience).await.map(|reply| decoded(&reply))
    }

    /// The same with the reply's bytes.
    pub async fn call_raw(&self, command: &Outgoing, patience: Patience) -> Result<Bytes, Refusal> {
        let call = self.try_until(command, patience);
        match patience.deadline {
            None => call.await,
            Some(deadline) => tokio::time::timeout_at(deadline, call).await.unwrap_or_else(|_| Err(too_late())),
        }
    }

    async fn try_until(&self, command: &Outgoing, patience: Patience) -> Result<Bytes, Refusal> {
        let in_time = || patience.primary.is_none_or(|until| Instant::now() < until);
        loop {
            let mut connection = self.connect(patience).await?;
            match connection.exchange(command).await {
                Ok(reply) => match refusal(&reply) {
                    None => {
                        let mut idle = self.idle();
                        if idle.len() < IDLE_MAX {
                            idle.push(connection);
                        }
                        return Ok(reply);
                    }
                    Some(refusal) if codes::is_not_primary(refusal.code) => {
                        // Nothing was applied by one that is no primary; one that stopped midway may have.
                        let applied_nothing = matches!(refusal.code, 10107 | 13435 | 13436);
                        if !(applied_nothing || patience.repeatable) || !in_time() {
                            return Err(refusal);
                        }
                        tokio::time::sleep(LOOK).await;
                    }
                    Some(refusal) => {
                        self.idle().push(connection);
                        return Err(refusal);
                    }
                },
                Err(error) if !patience.repeatable || !in_time() => {
                    return Err(Refusal::new(
                        codes::HOST_UNREACHABLE,
                        format!("the connection to {} ended midway: {error}", self.at.text()),
                    ));
                }
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    async fn connect(&self, patience: Patience) -> Result<Connection, Refusal> {
        loop {
            let kept = self.idle().pop();
            match kept {
                Some(connection) if connection.is_open() => return Ok(connection),
                Some(_) => continue,
                None => (),
            }
            let mut last = None;
            for host in &self.at.hosts {
                match Connection::open(host, Some(&self.at.set), &self.keys).await {
                    Ok(connection) => return Ok(connection),
                    Err(Fault::Refused(refusal)) => return Err(refusal),
                    Err(Fault::Away(why)) => last = Some(why),
                }
            }
            if patience.primary.is_some_and(|until| Instant::now() >= until) {
                return Err(Refusal::new(
                    codes::FAILED_TO_SATISFY_READ_PREFERENCE,
                    format!(
                        "Could not find host matching read preference {{ mode: \"primary\" }} for set {}: {}",
                        self.at.set,
                        last.unwrap_or_default()
                    ),
                ));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// 50.
pub fn too_late() -> Refusal {
    Refusal::new(codes::MAX_TIME_MS_EXPIRED, "operation exceeded time limit")
}

fn refusal(reply: &Bytes) -> Option<Refusal> {
    let ok = raw(reply).get("ok").ok().flatten();
    let ok = ok.and_then(|ok| bson::Bson::try_from(ok.to_raw_bson()).ok());
    if crate::arguments::truthy(ok.as_ref()) {
        return None;
    }
    Refusal::of_reply(&decoded(reply))
}

/// Calls several sets at once; answers in the order of the calls.
pub async fn call_all(calls: Vec<(Arc<Remote>, Outgoing)>, patience: Patience) -> Vec<Result<Bytes, Refusal>> {
    if let [(remote, command)] = calls.as_slice() {
        return vec![remote.call_raw(command, patience).await];
    }
    let mut answers: Vec<Option<Result<Bytes, Refusal>>> = (0..calls.len()).map(|_| None).collect();
    let mut tasks = JoinSet::new();
    for (place, (remote, command)) in calls.into_iter().enumerate() {
        tasks.spawn(async move { (place, remote.call_raw(&command, patience).await) });
    }
    while let Some(done) = tasks.join_next().await {
        if let Ok((place, answer)) = done {
            answers[place] = Some(answer);
        }
    }
    let lost = || Err(Refusal::new(codes::HOST_UNREACHABLE, "a call to a shard was given up"));
    answers.into_iter().map(|answer| answer.unwrap_or_else(lost)).collect()
}
