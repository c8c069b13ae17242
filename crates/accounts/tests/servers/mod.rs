//! A redis-server and a PostgreSQL of a test's own, on free ports, stopped and removed with it.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use accounts::{Accounts, Actor, AuthError, Origin, Settings};
use local::Process;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

pub const FIRST_KEY: &str = "epk_000000000001_0123456789012345678901234567890123456789";
pub const ADMIN_EMAIL: &str = "admin@example.com";
pub const ADMIN_PASSWORD: &str = "correct horse battery";

/// A server that a test starts, stops and hurts.
pub struct Server {
    process: Option<Process>,
    port: u16,
    folder: PathBuf,
    is_redis: bool,
}

impl Server {
    fn new(folder: &Path, is_redis: bool) -> Self {
        Self { process: None, port: local::ports::free().unwrap(), folder: folder.to_owned(), is_redis }
    }

    pub async fn start(&mut self) {
        let started = match &mut self.process {
            Some(process) => {
                process.start_again().unwrap();
                let (port, is_redis) = (self.port, self.is_redis);
                let answers = || async move {
                    if is_redis {
                        local::redis::answers(port).await
                    } else {
                        local::postgres::answers(port).await
                    }
                };
                process.ready(answers).await.unwrap();
                return;
            }
            None if self.is_redis => {
                let folder = self.folder.join("redis");
                local::redis::start(&folder, self.port, local::redis::Options::default()).await
            }
            None => local::postgres::start(&self.folder, self.port, "test", false).await,
        };
        self.process = Some(started.unwrap());
    }

    fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("it was started")
    }

    /// PostgreSQL's fast shutdown: connections are cut, and what was committed is kept even without fsync.
    pub async fn stop(&mut self) {
        self.process().signal(Signal::SIGINT);
        self.process().stop().await;
    }

    /// At once, with all connections cut.
    pub fn kill(&mut self) {
        self.process().kill9();
    }

    /// Lets it hang, or go on: PostgreSQL with all of its processes.
    pub fn signal(&mut self, signal: Signal) {
        let parent = i32::try_from(self.process().pid().expect("it runs")).unwrap();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let its = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)?.parse::<i32>().ok());
            if its == Some(parent) {
                let _ = kill(Pid::from_raw(pid), signal);
            }
        }
        self.process().signal(signal);
    }
}

/// A redis-server and a PostgreSQL.
pub struct Servers {
    pub redis: Server,
    pub postgres: Server,
    folder: TempDir,
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop((self.redis.process.take(), self.postgres.process.take()));
        let _ = local::stores::forget(self.folder.path());
    }
}

impl Servers {
    /// Not yet started.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { redis: Server::new(folder.path(), true), postgres: Server::new(folder.path(), false), folder }
    }

    pub async fn started() -> Self {
        let mut servers = Self::new();
        servers.redis.start().await;
        servers.postgres.start().await;
        servers
    }

    /// PostgreSQL by way of `port`.
    pub fn postgres_url(port: u16) -> String {
        let name = local::postgres::NAME;
        format!("postgres://{name}:test@127.0.0.1:{port}/{name}")
    }

    pub fn postgres_port(&self) -> u16 {
        self.postgres.port
    }

    pub fn settings(&self) -> Settings {
        Settings {
            pipeline: "default/test".into(),
            postgres_url: Self::postgres_url(self.postgres.port),
            jwt_secret: "0123456789abcdef0123456789abcdef".into(),
            token_minutes: 15,
            first_api_key: Some(FIRST_KEY.into()),
            admin_email: Some("Admin@Example.com".into()),
            admin_password: Some(ADMIN_PASSWORD.into()),
            default_rate: None,
            batch_events_max: 1_000,
            cache_entries_max: 1_000,
            postgres_connections_max: 6,
        }
    }

    /// What one API process has.
    pub async fn process(&self) -> Accounts {
        self.process_with(&self.settings()).await
    }

    pub async fn process_with(&self, settings: &Settings) -> Accounts {
        Accounts::connect(settings, self.redis()).await.unwrap()
    }

    pub async fn ready_process(&self) -> Accounts {
        let accounts = self.process().await;
        eventually("PostgreSQL is ready", async || accounts.health().ready).await;
        accounts
    }

    pub fn redis(&self) -> redis::aio::ConnectionManager {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.redis.port)).unwrap();
        let config = redis::aio::ConnectionManagerConfig::new()
            .set_max_delay(Duration::from_millis(200))
            .set_number_of_retries(1);
        client.get_connection_manager_lazy(config).unwrap()
    }

    pub async fn pool(&self) -> sqlx::PgPool {
        sqlx::PgPool::connect(&self.settings().postgres_url).await.unwrap()
    }
}

pub fn origin() -> Origin {
    Origin { actor: Actor::Settings, request_id: "test".into() }
}

pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < Duration::from_secs(20), "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    start.elapsed()
}

/// Until every one of them refuses the key, for this reason; how long it took.
pub async fn refused_by_all(processes: &[&Accounts], key: &str, reason: AuthError) -> Duration {
    eventually("the key is refused everywhere", async || {
        for accounts in processes {
            if accounts.api_key(key).await.err() != Some(reason) {
                return false;
            }
        }
        true
    })
    .await
}
