//! A Redis that takes a connection back with another password, on a real redis-server.
#![allow(clippy::unwrap_used, reason = "a test ends this way")]

mod server;

use std::time::Duration;

use server::Server;

#[tokio::test]
async fn a_connection_that_is_refused_for_good_is_told_of_and_one_that_is_only_cut_is_not() {
    let mut server = Server::start(None).await;
    let mut admin = stream::connect(&server.url("")).await.unwrap();
    let set = async |admin: &mut redis::aio::ConnectionManager, words: &[&str]| {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async::<()>(admin).await.unwrap();
    };
    set(&mut admin, &["ACL", "SETUSER", "app", "on", ">first", "~*", "+@all"]).await;
    let app = stream::connect(&server.url("app:first@")).await.unwrap();
    let mut watch = tokio::spawn(stream::refused(app));

    // Cut, and taken back.
    set(&mut admin, &["CLIENT", "KILL", "USER", "app"]).await;
    assert!(tokio::time::timeout(Duration::from_secs(5), &mut watch).await.is_err());
    // Cut, and refused.
    set(&mut admin, &["ACL", "SETUSER", "app", "resetpass", ">second"]).await;
    set(&mut admin, &["CLIENT", "KILL", "USER", "app"]).await;
    let why = tokio::time::timeout(Duration::from_mins(2), &mut watch).await.unwrap().unwrap();
    assert!(why.contains("Redis refuses this process"), "{why}");
    server.process.stop().await;
}
