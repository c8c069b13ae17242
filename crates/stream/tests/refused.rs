//! A Redis that takes a connection back with another password, on a real redis-server.
#![allow(clippy::unwrap_used, reason = "a test ends this way")]

use std::time::Duration;

#[tokio::test]
async fn a_connection_that_is_refused_for_good_is_told_of_and_one_that_is_only_cut_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let options = local::redis::Options { memory: None, always: false };
    let mut process =
        local::redis::start(folder.path(), local::ports::free().unwrap(), options).await.unwrap();
    let address = format!("127.0.0.1:{}", process.spec.port);
    let mut admin = stream::connect(&format!("redis://{address}")).await.unwrap();
    let set = async |admin: &mut redis::aio::ConnectionManager, words: &[&str]| {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async::<()>(admin).await.unwrap();
    };
    set(&mut admin, &["ACL", "SETUSER", "app", "on", ">first", "~*", "+@all"]).await;
    let app = stream::connect(&format!("redis://app:first@{address}")).await.unwrap();
    let mut watch = tokio::spawn(stream::refused(app));

    // Cut, and taken back.
    set(&mut admin, &["CLIENT", "KILL", "USER", "app"]).await;
    assert!(tokio::time::timeout(Duration::from_secs(5), &mut watch).await.is_err());
    // Cut, and refused.
    set(&mut admin, &["ACL", "SETUSER", "app", "resetpass", ">second"]).await;
    set(&mut admin, &["CLIENT", "KILL", "USER", "app"]).await;
    let why = tokio::time::timeout(Duration::from_mins(2), &mut watch).await.unwrap().unwrap();
    assert!(why.contains("Redis refuses this process"), "{why}");
    process.stop().await;
}
