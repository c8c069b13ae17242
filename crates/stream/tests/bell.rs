//! Waking by push, on a real redis-server.
#![allow(clippy::unwrap_used, reason = "a test ends this way")]

mod server;

use std::time::Duration;

use event::keys::Keys;
use stream::Bell;

use server::Server;

const PIPELINE: &str = "default/test";

#[tokio::test]
async fn a_bell_rings_for_the_first_event_of_any_partition_and_takes_nothing() {
    let mut server = Server::start(None).await;
    let url = server.url("");
    let mut redis = stream::connect(&url).await.unwrap();
    let add = |partition| {
        let mut add = redis::cmd("XADD");
        add.arg(Keys::new(PIPELINE, partition).frames).arg("*").arg("f").arg("frame");
        add
    };
    // What is there already is for the regular look.
    add(0).query_async::<()>(&mut redis).await.unwrap();

    let bell = Bell::hang(url, PIPELINE, 2);
    let listens = async {
        loop {
            let clients: String = redis::cmd("CLIENT").arg("LIST").query_async(&mut redis).await.unwrap();
            if clients.contains("cmd=xread") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), listens).await.unwrap();
    assert!(!bell.rang());

    add(1).query_async::<()>(&mut redis).await.unwrap();
    let rings = async {
        while !bell.rang() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), rings).await.unwrap();
    let left: u64 =
        redis::cmd("XLEN").arg(Keys::new(PIPELINE, 1).frames).query_async(&mut redis).await.unwrap();
    assert_eq!(left, 1);
    server.process.stop().await;
}
