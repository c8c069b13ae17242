//! A reply of PostgreSQL that is held back while the key in it is revoked: what was read before a change must not be
//! written anywhere after it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod servers;

use std::sync::Arc;
use std::time::Duration;

use accounts::{AuthError, NewKey, Scope, Settings};
use servers::{Servers, eventually, origin};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Below what a look-up waits for PostgreSQL (0.8 s), above what an announcement needs to arrive (0.2 s).
const HELD: Duration = Duration::from_millis(500);

/// Passes everything on, but holds back what is answered to a question that contains `word`.
async fn proxy(target: u16, word: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let word = word.clone();
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", target)).await?;
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let asked = Arc::new(tokio::sync::Mutex::new(false));
                let seen = Arc::clone(&asked);
                let questions = async move {
                    let mut bytes = vec![0; 65_536];
                    loop {
                        let count = from_client.read(&mut bytes).await?;
                        if count == 0 {
                            return to_server.shutdown().await;
                        }
                        if bytes[..count].windows(word.len()).any(|part| part == word.as_bytes()) {
                            *seen.lock().await = true;
                        }
                        to_server.write_all(&bytes[..count]).await?;
                    }
                };
                let answers = async move {
                    let mut bytes = vec![0; 65_536];
                    loop {
                        let count = from_server.read(&mut bytes).await?;
                        if count == 0 {
                            return to_client.shutdown().await;
                        }
                        if std::mem::take(&mut *asked.lock().await) {
                            tokio::time::sleep(HELD).await;
                        }
                        to_client.write_all(&bytes[..count]).await?;
                    }
                };
                tokio::try_join!(questions, answers)
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_before_a_revocation_is_not_remembered_after_it() {
    let servers = Servers::started().await;
    let here = servers.ready_process().await;
    let key = NewKey { name: None, scopes: [Scope::Ingest].into_iter().collect(), rate: None };
    let (info, text) = here.create_key(&origin(), key).await.unwrap();
    let port = proxy(servers.postgres_port(), info.id.clone()).await;
    let slow = Settings { postgres_url: Servers::postgres_url(port), ..servers.settings() };
    let there = servers.process_with(&slow).await;
    eventually("ready", async || there.health().ready).await;

    let (asking, asked) = (there.clone(), text.clone());
    let reading = tokio::spawn(async move { asking.api_key(&asked).await.err() });
    tokio::time::sleep(HELD / 5).await;
    here.revoke_key(&origin(), &info.id).await.unwrap();
    assert!(!reading.is_finished(), "the reply is still held back");
    assert_eq!(reading.await.unwrap(), Some(AuthError::Revoked), "it was read again");

    assert_eq!(there.api_key(&text).await.err(), Some(AuthError::Revoked));
    let mut redis = servers.redis();
    let entry: String = redis::cmd("GET")
        .arg(event::keys::shared("default/test", &format!("key:{}", info.id)))
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!(
        entry.contains("\"row\":null"),
        "Redis holds the revocation, not what was read before it: {entry}"
    );
    let newcomer = servers.ready_process().await;
    assert_eq!(newcomer.api_key(&text).await.err(), Some(AuthError::Revoked));
}
