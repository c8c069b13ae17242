//! A redis-server and a PostgreSQL of a test's own, on free ports, stopped and removed with it.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use accounts::{Accounts, Actor, AuthError, Origin, Settings};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

pub const FIRST_KEY: &str = "epk_000000000001_0123456789012345678901234567890123456789";
pub const ADMIN_EMAIL: &str = "admin@example.com";
pub const ADMIN_PASSWORD: &str = "correct horse battery";

pub struct Server {
    program: PathBuf,
    arguments: Vec<String>,
    as_postgres: bool,
    child: Option<Child>,
    pub port: u16,
}

impl Server {
    pub fn start(&mut self) {
        assert!(self.child.is_none());
        let mut command = if self.as_postgres && nix::unistd::geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]).arg(&self.program);
            command
        } else {
            Command::new(&self.program)
        };
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().expect("the server starts"));
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "{} does not listen", self.program.display());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.as_ref().expect("it runs").id()).unwrap()
    }

    /// SIGINT is PostgreSQL's fast shutdown and redis-server's too.
    pub fn stop(&mut self, signal: Signal) {
        self.signal(signal);
        self.child.take().expect("it runs").wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
            let _ = kill(pid, Signal::SIGCONT);
            // SIGQUIT: at once, and PostgreSQL takes its children with it
            let _ = kill(pid, if self.as_postgres { Signal::SIGQUIT } else { Signal::SIGKILL });
            let _ = child.wait();
        }
    }
}

pub struct Servers {
    pub redis: Server,
    pub postgres: Server,
    _directory: TempDir,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn postgres_program(name: &str) -> PathBuf {
    let mut found: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin").join(name)).collect())
        .unwrap_or_default();
    found.sort();
    found.pop().unwrap_or_else(|| PathBuf::from(name))
}

fn init_postgres(data: &Path) {
    let arguments = ["-U", "ep", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D"];
    let mut command = if nix::unistd::geteuid().is_root() {
        std::fs::create_dir(data).unwrap();
        let user = nix::unistd::User::from_name("postgres")
            .unwrap()
            .expect("PostgreSQL refuses root: it needs its user");
        nix::unistd::chown(data, Some(user.uid), Some(user.gid)).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]);
        command.arg(postgres_program("initdb"));
        command
    } else {
        Command::new(postgres_program("initdb"))
    };
    let output = command.args(arguments).arg(data).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl Servers {
    /// Both are there, not yet started.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        let data = directory.path().join("postgres");
        init_postgres(&data);
        let (redis_port, postgres_port) = (free_port(), free_port());
        let redis_directory = directory.path().display().to_string();
        let redis = [
            "--port",
            &redis_port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--maxmemory-policy",
            "volatile-lru",
            "--dir",
            &redis_directory,
        ];
        let postgres = [
            "-D",
            &data.display().to_string(),
            "-p",
            &postgres_port.to_string(),
            "-h",
            "127.0.0.1",
            "-c",
            "unix_socket_directories=",
            "-c",
            "fsync=off",
        ];
        let owned = |arguments: &[&str]| arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self {
            redis: Server {
                program: "redis-server".into(),
                arguments: owned(&redis),
                as_postgres: false,
                child: None,
                port: redis_port,
            },
            postgres: Server {
                program: postgres_program("postgres"),
                arguments: owned(&postgres),
                as_postgres: true,
                child: None,
                port: postgres_port,
            },
            _directory: directory,
        }
    }

    pub fn started() -> Self {
        let mut servers = Self::new();
        servers.redis.start();
        servers.postgres.start();
        servers
    }

    pub fn settings(&self) -> Settings {
        Settings {
            pipeline: "default/test".into(),
            postgres_url: format!("postgres://ep@127.0.0.1:{}/postgres", self.postgres.port),
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
        Accounts::connect(settings, self.redis().await).await.unwrap()
    }

    pub async fn ready_process(&self) -> Accounts {
        let accounts = self.process().await;
        eventually("PostgreSQL is ready", async || accounts.health().ready).await;
        accounts
    }

    pub async fn redis(&self) -> redis::aio::ConnectionManager {
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
