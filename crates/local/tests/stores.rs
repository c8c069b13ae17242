//! Real stores on this machine: started, stopped, killed, and found again as they were left.
#![allow(clippy::unwrap_used, reason = "a test ends this way")]

use std::time::Duration;

use local::mongo::{Kind, Mongo};
use local::process::Spec;
use local::stores::{Options, Stores};
use local::{Process, postgres, redis};

#[tokio::test]
async fn all_three_stores_start_and_are_gone_when_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let stores = Stores::start(folder.path(), Options::default()).await.unwrap();
    let ports = [&stores.redis, &stores.postgres, &stores.mongo.servers[0]].map(|process| process.spec.port);
    assert!(redis::answers(ports[0]).await && postgres::answers(ports[1]).await);
    stores.stop_and_forget().await;
    assert!(ports.iter().all(|port| local::ports::is_free(*port)));
    assert!(
        !postgres::data(folder.path()).exists() || postgres::data(folder.path()).starts_with(folder.path())
    );
}

#[tokio::test]
async fn a_set_up_that_was_killed_half_way_is_made_again_and_one_without_a_database_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = postgres::data(folder.path());
    std::fs::create_dir_all(data.join("global")).unwrap();
    std::fs::write(data.join("PG_VERSION"), "15\n").unwrap();
    let port = local::ports::free().unwrap();
    let mut process = postgres::start(folder.path(), port, "secret", false).await.unwrap();
    process.stop().await;
    // As after a kill between the server's start and its database.
    std::fs::remove_file(data.join("eventpipeline.made")).unwrap();
    process = postgres::start(folder.path(), port, "secret", false).await.unwrap();
    assert!(postgres::answers(port).await && data.join("eventpipeline.made").exists());
    process.stop().await;
    local::stores::forget(folder.path()).unwrap();
    assert!(local::stores::outside(folder.path()).is_none());
}

#[tokio::test]
async fn a_start_while_an_older_server_is_still_there_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = local::ports::free().unwrap();
    let mut older = postgres::start(folder.path(), first, "secret", false).await.unwrap();
    let next = local::ports::free().unwrap();
    let (newer, ()) = tokio::join!(postgres::start(folder.path(), next, "secret", false), async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        older.stop().await;
    });
    assert!(postgres::answers(newer.unwrap().spec.port).await);
    local::stores::forget(folder.path()).unwrap();
}

#[tokio::test]
async fn data_survive_a_kill_and_a_start_on_the_same_port() {
    let folder = tempfile::tempdir().unwrap();
    let options = redis::Options { always: true, memory: None };
    let mut process = redis::start(folder.path(), local::ports::free().unwrap(), options).await.unwrap();
    let port = process.spec.port;
    assert_eq!(command(port, "SET k v").await, "+OK");
    process.kill9();
    assert!(!redis::answers(port).await);
    process.start_again().unwrap();
    process.ready(|| redis::answers(port)).await.unwrap();
    assert_eq!(command(port, "GET k").await, "$1");
    assert!(process.stop().await.unwrap().success());
}

#[tokio::test]
async fn a_paused_process_does_not_answer_and_goes_on_when_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let process =
        redis::start(folder.path(), local::ports::free().unwrap(), redis::Options::default()).await.unwrap();
    process.pause();
    assert!(!redis::answers(process.spec.port).await);
    process.resume();
    assert!(redis::answers(process.spec.port).await);
}

#[tokio::test]
async fn ctrl_c_at_the_terminal_does_not_reach_children() {
    let folder = tempfile::tempdir().unwrap();
    let child = Process::start(shell(folder.path(), "sleep 60")).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.pid().unwrap())).unwrap();
    let group = stat.rsplit(')').next().unwrap().split_whitespace().nth(2).unwrap().to_owned();
    assert_eq!(group, child.pid().unwrap().to_string(), "it leads a group of its own");
}

#[tokio::test]
async fn servers_of_a_cluster_are_stopped_in_the_reverse_order_of_their_start() {
    let folder = tempfile::tempdir().unwrap();
    let ends = folder.path().join("ends");
    let start = |name: &str| {
        let script = format!(
            "trap 'echo {name} >> {}; exit 0' TERM; echo up; while :; do sleep 0.05; done",
            ends.display()
        );
        let log = folder.path().join(name);
        let process = Process::start(Spec { log: log.clone(), ..shell(folder.path(), &script) }).unwrap();
        while std::fs::read(&log).unwrap().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        process
    };
    let servers = ["config", "shard-0", "shard-1", "router"].map(start).into();
    let mut mongo = Mongo { kind: Kind::MongoDb, servers, uri: String::new() };
    mongo.stop().await;
    assert_eq!(std::fs::read_to_string(&ends).unwrap(), "router\nshard-1\nshard-0\nconfig\n");
}

#[tokio::test]
async fn a_process_that_is_told_to_go_is_gone_later_and_is_killed_when_it_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut goes = Process::start(shell(folder.path(), "sleep 60")).unwrap();
    let mut stays =
        Process::start(shell(folder.path(), "trap '' TERM; while :; do sleep 0.1; done")).unwrap();
    assert_eq!(goes.gone(), None);
    tokio::time::sleep(Duration::from_millis(200)).await;
    goes.leave();
    stays.leave();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(goes.gone().is_some_and(|how| how.is_some()), "it ended by itself");
    assert_eq!(stays.gone(), None);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(stays.gone(), Some(None), "its time was over");
    assert_eq!(stays.pid(), None);
}

#[tokio::test]
async fn a_program_that_ends_at_once_is_an_error_with_the_end_of_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(shell(folder.path(), "echo no such luck >&2; exit 3")).unwrap();
    let error = process.ready(|| async { false }).await.unwrap_err().to_string();
    assert!(error.contains("exit status: 3") && error.contains("no such luck"), "{error}");
}

#[tokio::test]
async fn a_child_that_ignores_sigterm_is_killed_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut process =
        Process::start(shell(folder.path(), "trap '' TERM; while :; do sleep 0.1; done")).unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(process.stop().await, None);
    assert_eq!(process.pid(), None);
}

fn shell(folder: &std::path::Path, script: &str) -> Spec {
    Spec {
        name: "shell".into(),
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        env: Vec::new(),
        log: folder.join("shell.log"),
        user: None,
        port: 0,
        stop_signal: local::process::Signal::SIGTERM,
        stop_timeout: Duration::from_millis(500),
    }
}

/// Sends one command and answers the first line.
async fn command(port: u16, command: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
    let mut answer = [0; 64];
    let n = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..n]).lines().next().unwrap_or_default().to_owned()
}
