//! API keys with all servers up: life of a key, and a revocation that reaches every process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod servers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use accounts::{AuthError, Error, NewKey, Scope, Scopes};
use servers::{FIRST_KEY, Servers, eventually, origin, refused_by_all};

fn new_key(name: &str) -> NewKey {
    NewKey { name: Some(name.into()), scopes: [Scope::Ingest].into_iter().collect(), rate: Some(50) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_lives_from_creation_to_revocation_and_its_secret_is_nowhere() {
    let servers = Servers::started().await;
    let accounts = servers.ready_process().await;
    let (info, text) = accounts.create_key(&origin(), new_key("collector")).await.unwrap();
    assert!(text.starts_with(&format!("epk_{}_", info.id)));
    let facts = accounts.api_key(&text).await.unwrap();
    assert!(facts.scopes.contains(Scope::Ingest) && !facts.scopes.contains(Scope::Admin));
    assert_eq!((facts.rate, facts.name.as_deref()), (Some(50), Some("collector")));
    assert!(facts.limiter.as_ref().unwrap().take(1_000, Instant::now()).is_ok());
    assert!(facts.limiter.as_ref().unwrap().take(1, Instant::now()).is_err());
    let again = accounts.api_key(&text).await.unwrap();
    assert!(Arc::ptr_eq(&facts, &again), "all requests share one bucket");

    let wrong = format!("{}{}", &text[..56], if text.ends_with('a') { 'b' } else { 'a' });
    assert_eq!(accounts.api_key(&wrong).await.err(), Some(AuthError::Unknown));
    let unknown = FIRST_KEY.replace("000000000001", "zzzzzzzzzzzz");
    assert_eq!(accounts.api_key(&unknown).await.err(), Some(AuthError::Unknown));
    for malformed in ["", "epk_", "Bearer", &text[1..], &format!("{text}0")] {
        assert_eq!(accounts.api_key(malformed).await.err(), Some(AuthError::Malformed), "{malformed}");
    }

    let listed = accounts.list_keys(None, 10).await.unwrap();
    assert_eq!(listed.items.len(), 2);
    assert_eq!(listed.items[0].id, info.id, "newest first");
    accounts.revoke_key(&origin(), &info.id).await.unwrap();
    assert_eq!(accounts.api_key(&text).await.err(), Some(AuthError::Revoked));
    accounts.revoke_key(&origin(), &info.id).await.expect("again is no error");
    assert!(matches!(accounts.revoke_key(&origin(), "zzzzzzzzzzzz").await, Err(Error::NotFound(_))));
    assert!(matches!(accounts.revoke_key(&origin(), "'; drop table").await, Err(Error::NotFound(_))));
    assert!(accounts.list_keys(None, 1).await.unwrap().items[0].revoked_at.is_some());

    let pool = servers.pool().await;
    let hits: i64 =
        sqlx::query_scalar("select count(*) from api_keys where position($1 in api_keys::text) > 0")
            .bind(&text[17..])
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(hits, 0);
    let actions: Vec<(String, String)> =
        sqlx::query_as("select action, request_id from audit_log where subject = $1 order by id")
            .bind(&info.id)
            .fetch_all(&pool)
            .await
            .unwrap();
    let expected = [("key.create", "test"), ("key.revoke", "test")];
    assert_eq!(actions, expected.map(|(action, id)| (action.to_owned(), id.to_owned())), "one row a change");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_cannot_be_are_refused_with_the_field_and_pages_follow_each_other() {
    let servers = Servers::started().await;
    let accounts = servers.ready_process().await;
    let field = async |key: NewKey| match accounts.create_key(&origin(), key).await {
        Err(Error::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(NewKey { scopes: Scopes::default(), ..new_key("a") }).await, "scopes");
    assert_eq!(field(NewKey { rate: Some(0), ..new_key("a") }).await, "rateEventsPerSecond");
    assert_eq!(field(new_key(&"x".repeat(101))).await, "name");
    assert_eq!(field(new_key(" ")).await, "name");
    assert_eq!(field(new_key("a\0b")).await, "name");
    for n in 0..6 {
        accounts.create_key(&origin(), new_key(&format!("key {n}"))).await.unwrap();
    }
    let (mut after, mut ids) = (None, Vec::new());
    loop {
        let page = accounts.list_keys(after.as_deref(), 3).await.unwrap();
        assert!(page.items.len() <= 3);
        ids.extend(page.items.into_iter().map(|key| key.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(ids.len(), 7);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 7, "none twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_stops_within_a_second_in_every_process() {
    let servers = Servers::started().await;
    let (here, there) = (servers.ready_process().await, servers.ready_process().await);
    let third = servers.ready_process().await;
    let mut worst = Duration::ZERO;
    for n in 0..10 {
        let (info, text) = here.create_key(&origin(), new_key(&format!("{n}"))).await.unwrap();
        for accounts in [&here, &there, &third] {
            accounts.api_key(&text).await.unwrap();
        }
        there.revoke_key(&origin(), &info.id).await.unwrap();
        assert_eq!(
            there.api_key(&text).await.err(),
            Some(AuthError::Revoked),
            "at once where it was revoked"
        );
        worst = worst.max(refused_by_all(&[&here, &there, &third], &text, AuthError::Revoked).await);
    }
    println!("slowest of 10 revocations over 3 processes: {worst:?}");
    assert!(worst < Duration::from_secs(1), "{worst:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_revoked_while_it_is_being_looked_up_never_comes_back() {
    let servers = Servers::started().await;
    let here = servers.ready_process().await;
    // three entries: nearly every look-up goes through Redis and PostgreSQL
    let small = accounts::Settings { cache_entries_max: 3, ..servers.settings() };
    let there = servers.process_with(&small).await;
    eventually("ready", async || there.health().ready).await;
    let mut keys = Vec::new();
    for n in 0..60 {
        keys.push(here.create_key(&origin(), new_key(&format!("{n}"))).await.unwrap());
    }
    let texts: Arc<Vec<String>> = Arc::new(keys.iter().map(|(_, text)| text.clone()).collect());
    let hammer: Vec<_> = [&here, &there, &there]
        .into_iter()
        .map(|accounts| {
            let (accounts, texts) = (accounts.clone(), Arc::clone(&texts));
            tokio::spawn(async move {
                loop {
                    for text in texts.iter() {
                        let _ = accounts.api_key(text).await;
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let mut redis = servers.redis();
    for (info, _) in &keys {
        // make half of the look-ups find nothing in Redis
        let name = event::keys::shared("default/test", &format!("key:{}", info.id));
        let _: i64 = redis::cmd("DEL").arg(name).query_async(&mut redis).await.unwrap();
        here.revoke_key(&origin(), &info.id).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 0..20 {
        for text in texts.iter() {
            for accounts in [&here, &there] {
                assert_eq!(accounts.api_key(text).await.err(), Some(AuthError::Revoked));
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    hammer.iter().for_each(tokio::task::JoinHandle::abort);
    assert!(there.keys_in_memory() <= 16, "bounded: {}", there.keys_in_memory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_key_and_administrator_are_put_in_once_and_never_overwritten() {
    let servers = Servers::started().await;
    let (one, other) = (servers.process().await, servers.process().await);
    eventually("the first key works in both", async || {
        one.api_key(FIRST_KEY).await.is_ok() && other.api_key(FIRST_KEY).await.is_ok()
    })
    .await;
    assert_eq!(one.api_key(FIRST_KEY).await.unwrap().scopes, Scopes::ALL);
    assert_eq!(one.list_users(None, 10).await.unwrap().items.len(), 1);
    one.revoke_key(&origin(), "000000000001").await.unwrap();
    let restarted = servers.ready_process().await;
    assert_eq!(restarted.api_key(FIRST_KEY).await.err(), Some(AuthError::Revoked), "not even by a restart");
    let pool = servers.pool().await;
    let made: i64 = sqlx::query_scalar(
        "select count(*) from audit_log where actor = 'settings' and action like '%.create'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(made, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hit_in_memory_costs_about_a_microsecond_and_never_waits() {
    let servers = Servers::started().await;
    let accounts = servers.ready_process().await;
    eventually("known", async || accounts.api_key(FIRST_KEY).await.is_ok()).await;
    let began = Instant::now();
    let rounds = 200_000_u32;
    for _ in 0..rounds {
        let facts = futures_now(accounts.api_key(FIRST_KEY));
        assert!(facts.is_some_and(|facts| facts.is_ok()), "it was ready at the first poll");
    }
    let each = began.elapsed() / rounds;
    println!("{each:?} a hit");
    assert!(each < Duration::from_micros(20), "{each:?}");
}

/// Polls once.
fn futures_now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}
