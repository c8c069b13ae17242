//! MongoDB as a sharded cluster: MongoDB's own programs when they are on PATH, else the double's.

use std::path::Path;

use eventpipeline::dev::cluster::events_by_shard;
use eventpipeline::ledger::{Ledger, Told};
use eventpipeline::sender::Event;

use crate::run::{Dev, Home, manifest, mongo, path_with, to_the_end};

#[test]
fn the_check_runs_on_a_sharded_cluster_and_both_shards_hold_events() {
    let (programs, folder) = (mongo(&["mongod", "mongos"]), tempfile::tempdir().unwrap());
    let file = manifest(folder.path(), "{}").display().to_string();
    let output = to_the_end(&[&file, "--check"], &path_with(programs.path()));
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    assert!(output.status.success(), "{said}{errors}");
    assert!(said.contains("check: every acknowledged event is stored exactly once"), "{said}");
    for step in [
        "initiate replica set eventpipeline-config",
        "create user eventpipeline-operator",
        "make reads and writes wait for a majority",
        "add shard eventpipeline-shard-0",
        "add shard eventpipeline-shard-1",
        "shard eventpipeline.events by the hash of userId",
        "shard eventpipeline.events_dlq by the hash of userId",
    ] {
        assert!(said.contains(&format!("  MongoDB: {step}")), "{step} is not among the steps:\n{said}");
    }
    let of_shard = |name: &str| -> u64 {
        let line = said.lines().find_map(|line| line.trim().strip_prefix(&format!("of them on {name}")));
        line.unwrap_or_else(|| panic!("no line of {name}: {said}")).trim().parse().unwrap()
    };
    let (first, second) = (of_shard("shard-0"), of_shard("shard-1"));
    assert!(first > 5_000 && second > 5_000, "{first} and {second}");
    assert_eq!(first + second, 20_050, "20,000 events in batches and 50 alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_survives_a_restart_with_its_data_its_key_and_its_record() {
    let (programs, home) = (mongo(&["mongod", "mongos"]), Home::new());
    let path = path_with(programs.path());
    let env = [("PATH", path.as_str())];
    let dev = Dev::start(&home, "{mongodb: {shards: 3}}", &env).await;
    let facts = dev.facts();
    let names: Vec<&str> = facts.processes.iter().map(|process| process.name.as_str()).collect();
    for name in ["redis", "postgres", "config", "shard-0", "shard-1", "shard-2", "router", "api", "worker-0"]
    {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    let router = facts.processes.iter().find(|process| process.name == "router").unwrap();
    assert!(facts.mongodb.starts_with("mongodb://eventpipeline:"), "{}", facts.mongodb);
    assert!(facts.mongodb.contains(&format!("@127.0.0.1:{}/", router.port)), "{}", facts.mongodb);
    assert!(dev.terminal().contains("a router, a config server, 3 shard(s)"), "{}", dev.terminal());

    let mut ledger = Ledger::default();
    send(&dev, "before", &mut ledger).await;
    dev.prove(&ledger).await;
    let by_shard = events_by_shard(&dev.data).await.unwrap();
    assert!(by_shard.len() == 3 && by_shard.values().all(|events| *events > 0), "{by_shard:?}");
    let known_by = known_by(&dev.data);
    dev.stop().await;

    let again = Dev::start(&home, "{mongodb: {shards: 3}}", &env).await;
    assert!(!again.terminal().contains("  MongoDB: "), "the bootstrap did it again: {}", again.terminal());
    assert_eq!(known_by, self::known_by(&again.data), "key, passwords, ports and record are for good");
    again.prove(&ledger).await;
    send(&again, "after", &mut ledger).await;
    again.prove(&ledger).await;
    assert!(events_by_shard(&again.data).await.unwrap().values().sum::<u64>() == 1_000);
    again.stop().await;

    // A volume that is gone is said, and no empty set is put in its place.
    std::fs::remove_dir_all(home.data().join("mongo/shard-1")).unwrap();
    let file = manifest(home.path(), "{mongodb: {shards: 3}}").display().to_string();
    let data = home.data().display().to_string();
    let output = to_the_end(&[&file, "--data", &data, "--api-port", "0", "--console-port", "0"], &path);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("eventpipeline-shard-1 is known"), "{said}");
}

#[test]
fn mongod_without_mongos_is_refused_with_what_is_missing() {
    let (programs, folder) = (mongo(&["mongod"]), tempfile::tempdir().unwrap());
    let file = manifest(folder.path(), "{}").display().to_string();
    let output = to_the_end(&[&file, "--check"], &programs.path().display().to_string());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("mongos is not installed") && said.contains("mongodb-org-mongos"), "{said}");
}

/// Five hundred events, of as many users.
async fn send(dev: &Dev, run: &str, ledger: &mut Ledger) {
    let events: Vec<Event> = (0..500).map(|n| Event::numbered(run, n)).collect();
    let (told, _) = dev.sender().send(&events).await;
    for (event, told) in events.iter().zip(told) {
        assert_eq!(told, Told::Acknowledged);
        ledger.note(event.event_id(), told);
    }
}

/// The files by which a cluster is known again.
fn known_by(data: &Path) -> [String; 3] {
    ["mongodb.json", "mongodb-initiated.json", "mongo/keyfile"]
        .map(|name| std::fs::read_to_string(data.join(name)).unwrap())
}
