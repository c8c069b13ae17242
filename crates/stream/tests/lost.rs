//! A Redis that takes a connection back with another password, and a way to it that goes silent, on a real redis-server.
#![allow(clippy::unwrap_used, reason = "a test ends this way")]

mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

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
    let mut watch = tokio::spawn(stream::lost(app, server.url("app:first@")));

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

/// A way to a server whose connections can be made silent: they stay open, are acknowledged, and carry nothing.
struct Way {
    url: String,
    silent: Arc<AtomicBool>,
}

impl Way {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let silent = Arc::new(AtomicBool::new(false));
        let now = Arc::clone(&silent);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // One that is made later carries again.
                now.store(false, Ordering::Relaxed);
                let mine = Arc::new(AtomicBool::new(false));
                let (now, server) =
                    (Arc::clone(&now), TcpStream::connect(("127.0.0.1", port)).await.unwrap());
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(carry(from_client, to_server, Arc::clone(&now), Arc::clone(&mine)));
                tokio::spawn(carry(from_server, to_client, now, mine));
            }
        });
        Self { url, silent }
    }

    fn silence(&self) {
        self.silent.store(true, Ordering::Relaxed);
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    now: Arc<AtomicBool>,
    mine: Arc<AtomicBool>,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if now.load(Ordering::Relaxed) {
            mine.store(true, Ordering::Relaxed);
        }
        if !mine.load(Ordering::Relaxed) && to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_silent_while_new_ones_are_answered_is_told_of_and_a_redis_that_sleeps_is_not() {
    let server = Server::start(None).await;
    let way = Way::to(server.process.spec.port).await;
    let shared = stream::connect(&way.url).await.unwrap();
    let mut watch = tokio::spawn(stream::lost(shared.clone(), way.url.clone()));

    // Redis answers nobody, for longer than a silent connection would be believed.
    server.process.pause();
    assert!(tokio::time::timeout(Duration::from_secs(40), &mut watch).await.is_err());
    server.process.resume();
    assert!(tokio::time::timeout(Duration::from_secs(10), &mut watch).await.is_err());

    way.silence();
    let why = tokio::time::timeout(Duration::from_mins(1), &mut watch).await.unwrap().unwrap();
    assert!(why.contains("silent"), "{why}");
    // What the process does when it is started again.
    let mut again = stream::connect(&way.url).await.unwrap();
    redis::cmd("PING").query_async::<()>(&mut again).await.unwrap();
}
