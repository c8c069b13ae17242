//! `eventpipeline dev` as a person runs it: its terminal, its data, what is left when it is killed, and a disk that is full.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use eventpipeline::dev::facts::Facts;
use eventpipeline::ledger::{Ledger, Told};
use eventpipeline::load::settled;
use eventpipeline::sender::{Event, Sender};
use serde_json::Value;
use testbed::eventually;

/// `dev` takes the usual ports of the stores where they are free: two that start at once would both find them so.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A program of this workspace.
fn program() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let found = exe.ancestors().map(|folder| folder.join("eventpipeline")).find(|file| file.is_file());
    found.expect("`cargo build --workspace --bins` was run")
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A running `dev`, with what it has printed.
struct Dev {
    child: Child,
    data: PathBuf,
    printed: Arc<Mutex<String>>,
}

impl Dev {
    /// Starts it and waits for its card. It and its children take a limit on the size of files as a full disk, where the
    /// signal that goes with the limit would end them.
    async fn start(data: &Path) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
            .arg(program())
            .args(["dev", "examples/minimal.yaml", "--api-port", "0", "--console-port", "0", "--data"])
            .arg(data)
            .current_dir(project())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let printed: Arc<Mutex<String>> = Arc::default();
        let (out, into) = (child.stdout.take().unwrap(), Arc::clone(&printed));
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let mut text = into.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
            }
        });
        let mut dev = Self { child, data: data.into(), printed };
        let began = eventually(Duration::from_mins(1), async || {
            assert!(dev.child.try_wait().unwrap().is_none(), "it ended: {}", dev.printed());
            dev.printed().contains("Ctrl-C stops all of it")
        });
        assert!(began.await, "{}", dev.printed());
        dev
    }

    fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    fn facts(&self) -> Facts {
        Facts::read(&self.data).expect("dev.json")
    }

    fn pid(&self, name: &str) -> u32 {
        self.facts().processes.iter().find(|process| process.name == name).expect(name).pid
    }

    /// Runs another command of the program, with the facts of this pipeline.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let facts = self.facts();
        let output = Command::new(program())
            .args(arguments)
            .args(["--api", &facts.api])
            .current_dir(&self.data)
            .output()
            .unwrap();
        let text =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        (output.status.code(), text)
    }

    fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn stop(mut self) {
        assert!(command("stop", &self.data).status.success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // What the kernel kills with it is gone before its data are.
        let _ = command("reset", &self.data);
    }
}

fn command(name: &str, data: &Path) -> std::process::Output {
    Command::new(program()).arg(name).arg("--data").arg(data).output().unwrap()
}

/// The greatest size that files of a process may have from now on; what is above is a disk that is full.
fn limit_files(pid: u32, bytes: &str) {
    let done =
        Command::new("prlimit").args(["--pid", &pid.to_string(), &format!("--fsize={bytes}:")]).status();
    assert!(done.unwrap().success());
}

async fn health(http: &reqwest::Client, facts: &Facts) -> (u16, Value) {
    let answer = http.get(format!("{}/api/health", facts.api)).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_is_called_by_its_name_everywhere_and_space_ends_it_without_a_restart() {
    let _alone = ONE_AT_A_TIME.lock().await;
    service::lifecycle::install_tls_provider();
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data")).await;
    let (facts, http) = (dev.facts(), reqwest::Client::new());
    let redis = dev.pid("redis");
    // Another 256 KiB for the append-only file.
    let written: u64 = std::fs::read_dir(dev.data.join("redis/appendonlydir"))
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .max()
        .unwrap();
    limit_files(redis, &(written + 256 * 1024).to_string());

    let mut sender = Sender::new(&facts.api, &facts.api_key).unwrap();
    let mut ledger = Ledger::default();
    sender.patience = Duration::ZERO;
    let mut refused = Vec::new();
    for n in 0..100 {
        let events: Vec<Event> = (n * 100..n * 100 + 100).map(|n| Event::numbered("disk", n)).collect();
        let (told, _) = sender.send(&events).await;
        events.iter().zip(&told).for_each(|(event, told)| ledger.note(event.event_id(), *told));
        if told.iter().all(|told| *told == Told::Unknown) {
            refused = events;
            break;
        }
    }
    assert!(!refused.is_empty(), "the disk is not full: {} acknowledged", ledger.count(Told::Acknowledged));

    let post = async || {
        let events: Vec<&Value> = refused.iter().map(|event| &event.json).collect();
        let request =
            http.post(format!("{}/api/v1/events/batch", facts.api)).header("x-api-key", &facts.api_key);
        let answer = request.json(&events).send().await.unwrap();
        (answer.status().as_u16(), answer.headers().clone(), answer.json::<Value>().await.unwrap())
    };
    let (status, headers, problem) = post().await;
    assert_eq!((status, &problem["code"]), (503, &"queue_disk".into()), "{problem}");
    assert_eq!(headers["retry-after"], "10");
    for words in ["cannot write to its disk", "free some space", "Nothing was queued"] {
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
    let told = eventually(Duration::from_secs(5), async || {
        let (status, health) = health(&http, &facts).await;
        let redis = &health["redis"];
        status == 503
            && redis["status"] == "refusing"
            && redis["detail"].as_str().unwrap().contains("cannot write to its disk")
            && dev.printed().contains("warning: Redis cannot write to its disk")
    });
    assert!(told.await, "{} {}", health(&http, &facts).await.1, dev.printed());
    let (code, text) = dev.run(&["status", "--console", &facts.console, "--key", &facts.api_key]);
    assert!(code == Some(1) && text.contains("Redis cannot write to its disk"), "{text}");

    // Room again: Redis tries every second, and nobody restarts anything.
    limit_files(redis, "unlimited");
    let taken = eventually(Duration::from_secs(10), async || post().await.0 == 202);
    assert!(taken.await, "{}", post().await.2);
    refused.iter().for_each(|event| ledger.note(event.event_id(), Told::Acknowledged));
    let over = eventually(Duration::from_secs(10), async || {
        dev.printed().contains("Redis takes events again") && health(&http, &facts).await.0 == 200
    });
    assert!(over.await, "{} {}", dev.printed(), health(&http, &facts).await.1);
    assert_eq!(dev.printed().matches("warning:").count(), 1, "told once: {}", dev.printed());
    assert_eq!(dev.pid("redis"), redis, "it is the same Redis");
    let client = mongodb::Client::with_uri_str(&facts.mongodb).await.unwrap();
    let verdict = settled(&ledger, &client.database("eventpipeline")).await.unwrap();
    assert!(verdict.holds(), "{verdict}");
    dev.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_right_after_a_kill_9_finds_its_data_and_nothing_of_the_killed_run() {
    let _alone = ONE_AT_A_TIME.lock().await;
    service::lifecycle::install_tls_provider();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut dev = Dev::start(&data).await;
    let facts = dev.facts();
    let events: Vec<Event> = (0..50).map(|n| Event::numbered("kill", n)).collect();
    let (told, _) = Sender::new(&facts.api, &facts.api_key).unwrap().send(&events).await;
    assert!(told.iter().all(|told| *told == Told::Acknowledged));
    tokio::time::sleep(Duration::from_millis(1_500)).await;

    let before = facts.processes;
    dev.kill9();
    let again = Dev::start(&data).await;
    for process in &before {
        let line = std::fs::read_to_string(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
        assert!(line.is_empty(), "{} (pid {}) is left: {line}", process.name, process.pid);
    }
    let client = mongodb::Client::with_uri_str(&again.facts().mongodb).await.unwrap();
    let mut ledger = Ledger::default();
    events.iter().for_each(|event| ledger.note(event.event_id(), Told::Acknowledged));
    let verdict = settled(&ledger, &client.database("eventpipeline")).await.unwrap();
    assert!(verdict.holds(), "{verdict}");

    let (code, text) = again.run(&["status", "--console", &again.facts().console, "--key", "epk_wrong"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("401") && text.contains("--key") && text.contains("redis        ok"), "{text}");
    let (code, text) = again.run(&["load", "--key", "epk_wrong", "--seconds", "1"]);
    assert!(code == Some(1) && text.contains("refused: 401"), "{text}");

    drop(client);
    again.stop();
    let forgotten = command("reset", &data);
    assert!(forgotten.status.success());
    assert!(!data.exists() && local::stores::outside(&data).is_none(), "something is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_leaves_nothing_that_reset_does_not_remove() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // PostgreSQL is set up, and then something keeps Redis from starting.
    std::fs::create_dir_all(data.join("redis/appendonlydir")).unwrap();
    std::fs::write(data.join("redis/appendonlydir/appendonly.aof.manifest"), "this is none\n").unwrap();
    let began = Instant::now();
    let start = Command::new(program())
        .args(["dev", "examples/minimal.yaml", "--api-port", "0", "--console-port", "0", "--data"])
        .arg(&data)
        .current_dir(project())
        .output()
        .unwrap();
    assert_eq!(start.status.code(), Some(1), "{}", String::from_utf8_lossy(&start.stdout));
    assert!(
        String::from_utf8_lossy(&start.stderr).contains("redis"),
        "{}",
        String::from_utf8_lossy(&start.stderr)
    );
    assert!(began.elapsed() < Duration::from_secs(30));
    let outside = local::stores::outside(&data);
    // The folder goes first, as it does by hand: what lies elsewhere is found all the same.
    std::fs::remove_dir_all(&data).unwrap();
    let reset = command("reset", &data);
    let text = String::from_utf8_lossy(&reset.stdout).into_owned();
    assert!(reset.status.success(), "{text}");
    if let Some(outside) = outside {
        assert!(text.contains(&outside.display().to_string()), "{text}");
        assert!(!outside.exists());
    }
    assert!(!data.exists());
}
