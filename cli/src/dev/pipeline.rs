//! Stores and services of one pipeline, as processes. Used by `dev`, by `dev --check` and by tests.

use std::path::PathBuf;
use std::time::Duration;

use crd::{ConsoleAccess, Durability};
use local::mongo::{Kind, Mongo};
use local::process::Spec;
use local::stores::{Options as StoreOptions, Stores};
use local::{Error, Process};

use super::cluster;
use super::error::StartError;
use super::facts::{Facts, Login, ProcessFacts};
use super::scaler;
use crate::manifest::Manifest;
use crate::secrets::Secrets;

/// Ports; 0 takes a free one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    /// The API.
    pub api: u16,
    /// The console.
    pub console: u16,
    /// Redis, PostgreSQL, MongoDB.
    pub stores: [u16; 3],
    /// The first that a member of MongoDB's replica sets may get; each keeps its own.
    pub members: u16,
}

/// What to start.
#[derive(Clone)]
pub struct Setup {
    /// Where data and logs go.
    pub folder: PathBuf,
    /// The manifest.
    pub manifest: Manifest,
    /// Keys and passwords.
    pub secrets: Secrets,
    /// Worker processes.
    pub workers: u64,
    /// Ports.
    pub ports: Ports,
    /// `false` is for tests: PostgreSQL does not wait for the disk.
    pub durable: bool,
    /// More settings of the API; they win.
    pub api_env: Vec<(String, String)>,
    /// More settings of the workers; they win.
    pub worker_env: Vec<(String, String)>,
}

/// A running pipeline. Dropping it kills everything it started.
pub struct Pipeline {
    /// API processes; the first is the one people talk to.
    pub apis: Vec<Process>,
    /// Worker processes, the newest last.
    pub workers: Vec<Process>,
    /// Workers that were told to go and have not ended yet.
    pub leaving: Vec<Process>,
    /// The stores.
    pub stores: Stores,
    /// What was asked for.
    pub setup: Setup,
    pub(super) http: reqwest::Client,
    consoles: Vec<u16>,
    insides: Vec<u16>,
}

impl Pipeline {
    /// Starts everything, and returns once the API takes events.
    pub async fn start(setup: Setup) -> Result<Self, StartError> {
        std::fs::create_dir_all(setup.folder.join("logs"))
            .map_err(|source| Error::File { path: setup.folder.clone(), source })?;
        let folder = setup
            .folder
            .canonicalize()
            .map_err(|source| Error::File { path: setup.folder.clone(), source })?;
        let setup = Setup { folder, ..setup };
        let always = setup.manifest.spec.redis.durability == Durability::Always;
        let memory = Some(setup.manifest.redis_memory());
        let options = StoreOptions {
            redis: local::redis::Options { memory, always },
            ports: setup.ports.stores,
            password: setup.secrets.postgres_password.clone(),
            durable: setup.durable,
        };
        let kind = local::mongo::kind()?;
        let stores = Stores::beside(&setup.folder, options, mongo(&setup, kind)).await?;
        let mut pipeline = Self {
            apis: Vec::new(),
            workers: Vec::new(),
            leaving: Vec::new(),
            stores,
            setup,
            http: reqwest::Client::new(),
            consoles: Vec::new(),
            insides: Vec::new(),
        };
        pipeline.start_api(pipeline.setup.ports.api, pipeline.setup.ports.console)?;
        pipeline.scale(usize::try_from(pipeline.setup.workers).unwrap_or(usize::MAX))?;
        pipeline.wait_for_api(0).await?;
        Ok(pipeline)
    }

    /// Starts one more API process; see [`Pipeline::wait_for_api`].
    pub fn start_api(&mut self, port: u16, console: u16) -> Result<(), Error> {
        let (port, console, inside) = (self.port(port)?, self.port(console)?, self.port(0)?);
        let (spec, secrets) = (&self.setup.manifest.spec, &self.setup.secrets);
        let mut env = self.common(inside);
        let mut set = |name: &str, value: String| env.push((name.to_owned(), value));
        set("API_LISTEN", format!("127.0.0.1:{port}"));
        set("CONSOLE_LISTEN", format!("127.0.0.1:{console}"));
        set("POSTGRES_URL", self.stores.postgres_url());
        set("JWT_SECRET", secrets.jwt_secret.clone());
        set("FIRST_API_KEY", secrets.api_key.clone());
        set("ADMIN_EMAIL", secrets.admin_email.clone());
        set("ADMIN_PASSWORD", secrets.admin_password.clone());
        set("ALLOWED_ORIGINS", spec.api.allowed_origins.join(","));
        if spec.console.access == ConsoleAccess::ReadOnly {
            set("CONSOLE_ACCESS", "ReadOnly".to_owned());
        }
        set("MAX_BODY_BYTES", spec.api.max_body_bytes.to_string());
        set("MAX_INFLATED_BYTES", plan::resources::inflated_bytes(spec.api.max_body_bytes).to_string());
        set("MAX_BATCH_EVENTS", spec.api.max_batch_events.to_string());
        if let Some(rate) = spec.api.rate_limit.events_per_second {
            set("RATE_LIMIT_EVENTS_PER_SECOND", rate.to_string());
        }
        env.extend(self.setup.api_env.iter().cloned());
        let name = if self.apis.is_empty() { "api".to_owned() } else { format!("api-{}", self.apis.len()) };
        let process = self.spawn(&name, "eventpipeline-api", env, port)?;
        self.apis.push(process);
        self.consoles.push(console);
        self.insides.push(inside);
        Ok(())
    }

    /// Waits until an API process takes events and can say of a key whether it is good, which it can once PostgreSQL
    /// is migrated. Whether the first key *is* still good does not matter: a person may have revoked it.
    pub async fn wait_for_api(&mut self, n: usize) -> Result<(), Error> {
        let urls = ["/api/ready", "/api/v1/limits"].map(|path| format!("{}{path}", self.api(n)));
        let (api, key) = (&mut self.apis[n], &self.setup.secrets.api_key);
        let http = self.http.clone();
        let answers = |url: String| {
            let request = http.get(url).header("x-api-key", key).timeout(Duration::from_secs(2));
            async { request.send().await.is_ok_and(|response| !response.status().is_server_error()) }
        };
        api.ready(|| async { answers(urls[0].clone()).await && answers(urls[1].clone()).await }).await
    }

    /// Whether the first key still works; a person may have revoked it.
    pub async fn first_key_works(&self) -> bool {
        let url = format!("{}/api/v1/limits", self.api(0));
        let request = self.http.get(url).header("x-api-key", &self.setup.secrets.api_key);
        let answer = request.timeout(Duration::from_secs(5)).send().await;
        answer.is_ok_and(|answer| answer.status() != reqwest::StatusCode::UNAUTHORIZED)
    }

    pub(super) fn common(&self, inside: u16) -> Vec<(String, String)> {
        let set = |name: &str, value: String| (name.to_owned(), value);
        vec![
            set("PIPELINE", self.setup.manifest.pipeline().to_owned()),
            set("REDIS_URL", self.stores.redis_url()),
            set("REDIS_PARTITIONS", self.setup.manifest.spec.redis.partitions.to_string()),
            set("MONGODB_URI", self.stores.mongodb_uri()),
            set("INSIDE_LISTEN", format!("127.0.0.1:{inside}")),
            set("LOG_FORMAT", "text".into()),
        ]
    }

    pub(super) fn spawn(
        &self,
        name: &str,
        binary: &str,
        env: Vec<(String, String)>,
        port: u16,
    ) -> Result<Process, Error> {
        Process::start(Spec {
            name: name.into(),
            program: local::beside(binary).ok_or_else(|| Error::Missing {
                program: binary.into(),
                fix: "build it: `cargo build --workspace --bins`; it belongs beside `eventpipeline`".into(),
            })?,
            args: Vec::new(),
            env,
            log: self.setup.folder.join("logs").join(format!("{name}.log")),
            user: None,
            port,
            stop_signal: local::process::Signal::SIGTERM,
            stop_timeout: Duration::from_secs(
                u64::from(self.setup.manifest.spec.workers.drain_timeout_seconds.unsigned_abs()) + 10,
            ),
        })
    }

    pub(super) fn port(&self, given: u16) -> Result<u16, Error> {
        if given > 0 {
            return Ok(given);
        }
        local::ports::free().map_err(|source| Error::File { path: self.setup.folder.clone(), source })
    }

    /// Where an API process listens.
    pub fn api(&self, n: usize) -> String {
        format!("http://127.0.0.1:{}", self.apis[n].spec.port)
    }

    /// Where an API process serves the whole of `/api`.
    pub fn console(&self, n: usize) -> String {
        format!("http://127.0.0.1:{}", self.consoles[n])
    }

    /// All processes, in the order they are to be looked after; those that leave need no looking after.
    pub fn processes(&mut self) -> impl Iterator<Item = &mut Process> {
        let stores = [&mut self.stores.redis, &mut self.stores.postgres].into_iter();
        stores.chain(&mut self.stores.mongo.servers).chain(&mut self.apis).chain(&mut self.workers)
    }

    /// What stands in `dev.json`.
    pub fn facts(&mut self) -> Facts {
        let fact = |process: &Process| {
            let (name, port) = (process.spec.name.clone(), process.spec.port);
            Some(ProcessFacts { name, pid: process.pid()?, port })
        };
        let mut processes: Vec<_> = self.processes().filter_map(|process| fact(process)).collect();
        processes.extend(self.leaving.iter().filter_map(fact));
        let secrets = &self.setup.secrets;
        Facts {
            pipeline: self.setup.manifest.pipeline().to_owned(),
            api: self.api(0),
            console: self.console(0),
            metrics: format!("http://127.0.0.1:{}/metrics", self.insides[0]),
            api_key: secrets.api_key.clone(),
            login: Login { email: secrets.admin_email.clone(), password: secrets.admin_password.clone() },
            redis: self.stores.redis_url(),
            postgres: self.stores.postgres_url(),
            mongodb: self.stores.mongodb_uri(),
            law: Some(scaler::law(&self.setup.manifest)),
            processes,
        }
    }

    /// Stops in order: the API, so that nothing comes in; the workers, which finish what they hold; the stores.
    pub async fn stop(&mut self) {
        futures::future::join_all(self.apis.iter_mut().map(Process::stop)).await;
        futures::future::join_all(self.workers.iter_mut().chain(&mut self.leaving).map(Process::stop)).await;
        self.stores.stop().await;
    }
}

/// MongoDB as a sharded cluster where it is installed, else FerretDB.
async fn mongo(setup: &Setup, kind: Kind) -> Result<Mongo, StartError> {
    let [_, _, given] = setup.ports.stores;
    let port = match given {
        0 => local::ports::free().map_err(|source| Error::File { path: setup.folder.clone(), source })?,
        given => given,
    };
    if kind == Kind::FerretDb {
        return Ok(local::mongo::single(&setup.folder.join("mongo"), port).await?);
    }
    let spec = &setup.manifest.spec.mongodb;
    let options = cluster::Options {
        shards: spec.shards.unsigned_abs(),
        retention_days: u64::from(spec.retention_days.unsigned_abs()),
        router: port,
        members: setup.ports.members,
    };
    cluster::start(&setup.folder, options).await
}
