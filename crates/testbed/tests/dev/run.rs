//! The program `eventpipeline dev` on a temporary folder and free ports, and MongoDB's programs for it.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use eventpipeline::dev::facts::{Facts, ProcessFacts};
use eventpipeline::ledger::Ledger;
use eventpipeline::load::settled;
use eventpipeline::sender::Sender;
use local::process::Signal;
use local::{Process, Spec, beside, on_path, ports};
use tempfile::TempDir;
use testbed::eventually;

/// On two busy cores: PostgreSQL is initialised, and three replica sets elect.
const START: Duration = Duration::from_secs(90);
/// API, workers and stores, one after the other.
const STOP: Duration = Duration::from_mins(1);

/// Two that start at once would both find the usual ports of the stores free.
static STARTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A folder with MongoDB's programs: its own where they are installed, else the double's.
pub fn mongo(programs: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let own = on_path("mongod").is_some() && on_path("mongos").is_some();
    for name in programs {
        let file = if own { on_path(name) } else { beside(name) };
        let file = file.unwrap_or_else(|| panic!("{name} is not built: cargo build --workspace --bins"));
        symlink(file, folder.path().join(name)).unwrap();
    }
    folder
}

/// PATH with a folder before all others.
pub fn path_with(first: &Path) -> String {
    format!("{}:{}", first.display(), std::env::var("PATH").unwrap())
}

/// A manifest in a file.
pub fn manifest(folder: &Path, spec: &str) -> PathBuf {
    let file = folder.join("pipeline.yaml");
    let text = format!(
        "apiVersion: eventpipeline.dev/v1alpha1\nkind: EventPipeline\nmetadata:\n  name: test\nspec: {spec}\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

/// Runs `eventpipeline dev` to its end.
pub fn to_the_end(arguments: &[&str], path: &str) -> Output {
    let mut command = Command::new(beside("eventpipeline").unwrap());
    command.arg("dev").args(arguments).env("PATH", path).output().unwrap()
}

/// A folder for a pipeline. What PostgreSQL keeps elsewhere for root goes with it.
pub struct Home(TempDir);

impl Home {
    pub fn new() -> Self {
        Self(tempfile::Builder::new().prefix("eventpipeline-test-").tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Where the pipeline's data are.
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = local::stores::forget(&self.data());
    }
}

/// `eventpipeline dev` on data of its own. Its children go with it, however it ends.
pub struct Dev {
    pub process: Process,
    pub data: PathBuf,
    /// Where its words begin, in a file that earlier runs have written too.
    from: usize,
}

impl Dev {
    /// Starts it, and waits until it says where everything is.
    pub async fn start(home: &Home, spec: &str, env: &[(&str, &str)]) -> Self {
        let _alone = STARTING.lock().await;
        let (folder, data) = (home.path(), home.data());
        let (api, console) = (ports::free().unwrap().to_string(), ports::free().unwrap().to_string());
        let (file, at) = (manifest(folder, spec).display().to_string(), data.display().to_string());
        let args =
            ["dev", &file, "--data", &at, "--api-port", &api, "--console-port", &console].map(str::to_owned);
        let log = folder.join("terminal");
        let from = std::fs::read(&log).map_or(0, |text| text.len());
        let process = Process::start(Spec {
            name: "eventpipeline dev".into(),
            program: beside("eventpipeline").unwrap(),
            args: args.into(),
            env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            log: log.clone(),
            user: None,
            port: 0,
            stop_signal: Signal::SIGINT,
            stop_timeout: STOP,
        })
        .unwrap();
        let mut dev = Self { process, data, from };
        let started = eventually(START, async || {
            let ended = dev.process.ended();
            assert!(ended.is_none(), "it ended: {}", dev.terminal());
            dev.terminal().contains("Ctrl-C stops all of it")
        });
        assert!(started.await, "it did not start: {}", dev.terminal());
        dev
    }

    /// What it printed.
    pub fn terminal(&self) -> String {
        let bytes = std::fs::read(&self.process.spec.log).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(self.from..).unwrap_or_default()).into_owned()
    }

    /// `dev.json`.
    pub fn facts(&self) -> Facts {
        Facts::read(&self.data).unwrap_or_else(|| panic!("no dev.json: {}", self.terminal()))
    }

    /// How many processes have this at the beginning of their name.
    pub fn count(&self, prefix: &str) -> usize {
        self.facts().processes.iter().filter(|process| process.name.starts_with(prefix)).count()
    }

    pub fn sender(&self) -> Sender {
        let facts = self.facts();
        Sender::new(&facts.api, &facts.api_key).unwrap()
    }

    /// MongoDB, as the services reach it.
    pub async fn database(&self) -> mongodb::Database {
        mongodb::Client::with_uri_str(self.facts().mongodb).await.unwrap().database("eventpipeline")
    }

    /// Every acknowledged event is stored, once.
    pub async fn prove(&self, ledger: &Ledger) {
        let verdict = settled(ledger, &self.database().await).await.unwrap();
        assert!(verdict.holds() && verdict.dead == 0, "{verdict}\n{}", self.terminal());
        assert_eq!((verdict.stored, verdict.unknown), (verdict.acknowledged, 0), "{verdict}");
    }

    /// Ctrl-C. Nothing that it started is left.
    pub async fn stop(mut self) {
        let command = |pid: u32| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let ran: Vec<_> = self.facts().processes.into_iter().map(|it| (command(it.pid), it)).collect();
        let status = self.process.stop().await.unwrap_or_else(|| panic!("killed: {}", self.terminal()));
        assert!(status.success(), "{status}: {}", self.terminal());
        assert!(self.terminal().contains("stopped; the data are in"), "{}", self.terminal());
        assert!(!self.data.join("dev.json").exists(), "dev.json says that it still runs");
        // Not by their ports: a test beside this one may have those already.
        let runs =
            |(line, process): &(Vec<u8>, ProcessFacts)| !line.is_empty() && command(process.pid) == *line;
        let left: Vec<String> = ran.into_iter().filter(runs).map(|(_, process)| process.name).collect();
        assert!(left.is_empty(), "{left:?} still run");
    }
}
