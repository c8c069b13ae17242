//! One server of a sharded cluster: the command line of `mongod` and `mongos`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Spec;
use crate::process::Signal;

/// What WiredTiger takes at least. Without a number each server would take half of the machine's memory.
const CACHE_GB: &str = "0.25";
/// Told to end, a server first lets its clients finish: 15 s unless it is told otherwise, and one after the other that
/// would be a minute.
const QUIESCE_MS: u32 = 1000;
/// Above it comes writing down what is in memory.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// What a server is in its cluster.
#[derive(Clone, Copy, Debug)]
pub enum Role<'a> {
    /// A config server.
    Config {
        /// Its replica set.
        set: &'a str,
        /// Its data.
        data: &'a Path,
    },
    /// A shard's member.
    Shard {
        /// Its replica set.
        set: &'a str,
        /// Its data.
        data: &'a Path,
    },
    /// A router. It listens once the config set has a primary.
    Router {
        /// The config set, `set/host:port`.
        config: &'a str,
    },
}

/// A server of a cluster on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Server<'a> {
    /// How people know it.
    pub name: &'a str,
    /// What it is.
    pub role: Role<'a>,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// The key that the cluster's members share; nobody but their user may read the file.
    pub key_file: &'a Path,
    /// Where its log goes.
    pub logs: &'a Path,
}

impl Server<'_> {
    /// Which of MongoDB's programs it is.
    pub fn program(&self) -> &'static str {
        if matches!(self.role, Role::Router { .. }) { "mongos" } else { "mongod" }
    }

    /// What to start; `program` is where [`Server::program`] lies.
    pub fn spec(&self, program: PathBuf) -> Spec {
        let mut args: Vec<String> = Vec::new();
        let mut add = |words: &[&str]| args.extend(words.iter().map(|word| (*word).to_owned()));
        let quiesce = match self.role {
            Role::Router { config } => {
                add(&["--configdb", config]);
                "mongosShutdownTimeoutMillisForSignaledShutdown"
            }
            Role::Config { set, data } | Role::Shard { set, data } => {
                let role =
                    if matches!(self.role, Role::Config { .. }) { "--configsvr" } else { "--shardsvr" };
                add(&["--replSet", set, role, "--dbpath", &data.display().to_string()]);
                add(&["--wiredTigerCacheSizeGB", CACHE_GB]);
                "shutdownTimeoutMillisForSignaledShutdown"
            }
        };
        add(&["--port", &self.port.to_string(), "--bind_ip", "127.0.0.1", "--nounixsocket"]);
        add(&["--keyFile", &self.key_file.display().to_string()]);
        add(&["--setParameter", "enableLocalhostAuthBypass=0"]);
        add(&["--setParameter", &format!("{quiesce}={QUIESCE_MS}")]);
        Spec {
            name: self.name.to_owned(),
            program,
            args,
            env: Vec::new(),
            log: self.logs.join(format!("{}.log", self.name)),
            user: None,
            port: self.port,
            stop_signal: Signal::SIGTERM,
            stop_timeout: STOP_TIMEOUT,
        }
    }
}
