//! A whole pipeline for tests: real stores, real binaries, free ports, a temporary folder, nothing left behind.

pub mod traffic;

use std::time::{Duration, SystemTime};

use event::keys::Keys;
use eventpipeline::dev::pipeline::{Pipeline as Processes, Ports, Setup};
use eventpipeline::ledger::{Ledger, Verdict};
use eventpipeline::load::settled;
use eventpipeline::manifest::Manifest;
use eventpipeline::secrets::Secrets;
use eventpipeline::sender::Sender;
use redis::aio::ConnectionManager;
use tempfile::TempDir;
use tokio::time::Instant;

/// How the pipeline is set up.
#[derive(Clone)]
pub struct Options {
    /// `spec` of the manifest, as YAML.
    pub spec: &'static str,
    /// API processes.
    pub apis: usize,
    /// Worker processes.
    pub workers: u64,
    /// More settings of the API.
    pub api_env: Vec<(&'static str, &'static str)>,
    /// More settings of the workers.
    pub worker_env: Vec<(&'static str, &'static str)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            spec: "{workers: {claimIdleSeconds: 2}}",
            apis: 1,
            workers: 1,
            api_env: Vec::new(),
            worker_env: Vec::new(),
        }
    }
}

/// A running pipeline.
pub struct Pipeline {
    /// Its processes, to be stopped, killed and paused.
    pub processes: Processes,
    /// A client with a time-out.
    pub http: reqwest::Client,
    /// A key with all scopes.
    pub key: String,
    folder: TempDir,
}

impl Pipeline {
    /// Starts everything; a fault ends the test.
    #[allow(clippy::missing_panics_doc, reason = "a test ends this way")]
    pub async fn start(options: Options) -> Self {
        service::lifecycle::install_tls_provider();
        let folder =
            tempfile::Builder::new().prefix("eventpipeline-test-").tempdir().expect("a temporary folder");
        let spec = options.spec;
        let text = format!(
            "apiVersion: eventpipeline.dev/v1alpha1\nkind: EventPipeline\nmetadata:\n  name: test\nspec: {spec}\n"
        );
        let manifest = Manifest::parse(&text).expect("a good manifest");
        let owned =
            |pairs: Vec<(&str, &str)>| pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let setup = Setup {
            folder: folder.path().into(),
            manifest,
            secrets: Secrets::of(folder.path()).expect("secrets"),
            workers: options.workers,
            ports: Ports::default(),
            durable: false,
            api_env: owned(options.api_env),
            worker_env: owned(options.worker_env),
        };
        let mut processes = Processes::start(setup).await.unwrap_or_else(|error| fail(&error.to_string()));
        for n in 1..options.apis {
            processes.start_api(0, 0).unwrap_or_else(|error| fail(&error.to_string()));
            processes.wait_for_api(n).await.unwrap_or_else(|error| fail(&error.to_string()));
        }
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().expect("a client");
        let key = processes.setup.secrets.api_key.clone();
        Self { processes, http, key, folder }
    }

    /// The first API process.
    pub fn api(&self) -> String {
        self.processes.api(0)
    }

    /// The first API process's console listener, which serves the whole of `/api`.
    pub fn console(&self) -> String {
        self.processes.console(0)
    }

    /// A sender with all rights.
    #[allow(clippy::missing_panics_doc, reason = "a test ends this way")]
    pub fn sender(&self) -> Sender {
        Sender::new(&self.api(), &self.key).expect("a sender")
    }

    /// MongoDB, read past the API.
    #[allow(clippy::missing_panics_doc, reason = "a test ends this way")]
    pub async fn database(&self) -> mongodb::Database {
        let client =
            mongodb::Client::with_uri_str(self.processes.stores.mongodb_uri()).await.expect("a good URI");
        client.database("eventpipeline")
    }

    /// Redis, read past the API.
    #[allow(clippy::missing_panics_doc, reason = "a test ends this way")]
    pub async fn redis(&self) -> ConnectionManager {
        stream::connect(&self.processes.stores.redis_url()).await.expect("Redis answers")
    }

    /// Keys of the first partition.
    pub fn keys(&self) -> Keys {
        Keys::new("default/test", 0)
    }

    /// Events ever queued.
    #[allow(clippy::missing_panics_doc, reason = "a test ends this way")]
    pub async fn queued_events(&self) -> u64 {
        let mut redis = self.redis().await;
        let counter = redis::cmd("HGET")
            .arg(self.keys().counters)
            .arg(event::keys::EVENTS_IN)
            .query_async(&mut redis)
            .await;
        counter.map(|count: Option<u64>| count.unwrap_or(0)).expect("a counter")
    }

    /// One look at the first partition.
    #[allow(clippy::missing_panics_doc, reason = "a test ends this way")]
    pub async fn observe(&self) -> stream::PartitionView {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        stream::observe(&mut self.redis().await, &self.keys(), now).await.expect("Redis answers")
    }

    /// Waits until nothing waits, then holds the ledger against MongoDB and the counters against each other.
    #[allow(clippy::missing_panics_doc, reason = "a test ends this way")]
    pub async fn prove(&self, ledger: &Ledger) -> Verdict {
        let verdict = settled(ledger, &self.database().await).await.unwrap_or_else(|error| fail(&error));
        assert!(
            verdict.holds(),
            "the guarantee did not hold:\n{verdict}{:?}\n{}",
            verdict.missing,
            self.logs()
        );
        let empty = eventually(Duration::from_secs(30), async || {
            let view = self.observe().await;
            let facts = view.facts;
            facts.pending_frames == Some(0)
                && facts.group_lag_frames == Some(0)
                && facts.events_in == facts.events_out
        });
        assert!(
            empty.await,
            "the stream is not empty, or the counters differ: {:?}\n{}",
            self.observe().await.facts,
            self.logs()
        );
        verdict
    }

    /// The ends of all logs, for a failed assertion.
    pub fn logs(&self) -> String {
        let files = std::fs::read_dir(self.folder.path().join("logs")).into_iter().flatten().flatten();
        files
            .map(|file| {
                let text = std::fs::read_to_string(file.path()).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                format!(
                    "--- {}\n{}\n",
                    file.file_name().to_string_lossy(),
                    lines[lines.len().saturating_sub(15)..].join("\n")
                )
            })
            .collect()
    }

    /// Stops everything and forgets the data.
    pub async fn stop(mut self) {
        self.processes.stop().await;
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.processes.stores.postgres.kill9();
        let _ = local::stores::forget(self.folder.path());
    }
}

/// Asks again and again until it is so, or the time is over.
pub async fn eventually(patience: Duration, mut is_so: impl AsyncFnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !is_so().await {
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    true
}

#[allow(clippy::panic, reason = "a test ends this way")]
fn fail(why: &str) -> ! {
    panic!("{why}")
}
