//! Keys while a store is away, full, hung or has lost something.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod servers;

use std::time::{Duration, Instant};

use accounts::{Accounts, AuthError, Error, NewKey, Scope};
use nix::sys::signal::Signal;
use servers::{FIRST_KEY, Servers, eventually, origin, refused_by_all};

async fn new_key(accounts: &Accounts) -> (String, String) {
    let key = NewKey { name: None, scopes: [Scope::Ingest].into_iter().collect(), rate: None };
    let (info, text) = accounts.create_key(&origin(), key).await.unwrap();
    (info.id, text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_postgresql_stopped_known_keys_work_unknown_ones_are_unavailable_and_it_comes_back_by_itself() {
    let mut servers = Servers::started().await;
    let accounts = servers.ready_process().await;
    let (_, known) = new_key(&accounts).await;
    let (_, never_used) = new_key(&accounts).await;
    let (revoked_id, revoked) = new_key(&accounts).await;
    accounts.api_key(&known).await.unwrap();
    accounts.api_key(&revoked).await.unwrap();
    accounts.revoke_key(&origin(), &revoked_id).await.unwrap();
    servers.postgres.stop().await;

    let until = Instant::now() + Duration::from_secs(4);
    while Instant::now() < until {
        accounts.api_key(&known).await.expect("in memory");
        assert_eq!(accounts.api_key(&revoked).await.err(), Some(AuthError::Revoked));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!accounts.health().ready && accounts.health().error.is_some());
    let asked = Instant::now();
    assert_eq!(accounts.api_key(&never_used).await.err(), Some(AuthError::Unavailable));
    assert!(asked.elapsed() < Duration::from_millis(100), "said at once: {:?}", asked.elapsed());
    assert!(matches!(accounts.list_keys(None, 1).await, Err(Error::Unavailable(_))));

    // A process that starts now has nothing in memory: Redis knows.
    let newcomer = servers.process().await;
    newcomer.api_key(&known).await.expect("in Redis");
    assert_eq!(newcomer.api_key(&revoked).await.err(), Some(AuthError::Revoked));
    assert_eq!(newcomer.api_key(&never_used).await.err(), Some(AuthError::Unavailable));
    assert_eq!(newcomer.api_key("nonsense").await.err(), Some(AuthError::Malformed));

    servers.postgres.start().await;
    for accounts in [&accounts, &newcomer] {
        eventually("unknown keys are asked for again", async || accounts.api_key(&never_used).await.is_ok())
            .await;
        // Told by the next look at PostgreSQL, which may come after the first answer.
        let well = async || accounts.health().ready && accounts.health().error.is_none();
        eventually("it is well", well).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_postgresql_hung_known_keys_do_not_notice() {
    let mut servers = Servers::started().await;
    let accounts = servers.ready_process().await;
    let (_, known) = new_key(&accounts).await;
    let (_, never_used) = new_key(&accounts).await;
    accounts.api_key(&known).await.unwrap();
    servers.postgres.signal(Signal::SIGSTOP);
    let until = Instant::now() + Duration::from_secs(4);
    let mut slowest = Duration::ZERO;
    while Instant::now() < until {
        let asked = Instant::now();
        accounts.api_key(&known).await.expect("in memory");
        slowest = slowest.max(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(slowest < Duration::from_millis(200), "{slowest:?}");
    assert_eq!(accounts.api_key(&never_used).await.err(), Some(AuthError::Unavailable));
    servers.postgres.signal(Signal::SIGCONT);
    eventually("it is asked again", async || accounts.api_key(&never_used).await.is_ok()).await;
    servers.postgres.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_starts_without_postgresql_and_is_ready_once_it_comes() {
    let mut servers = Servers::new();
    servers.redis.start().await;
    let accounts = servers.process().await;
    assert_eq!(accounts.api_key(FIRST_KEY).await.err(), Some(AuthError::Unavailable), "503, not 401");
    assert!(!accounts.health().ready);
    tokio::time::sleep(Duration::from_millis(500)).await;
    servers.postgres.start().await;
    let took = eventually("the first key works", async || accounts.api_key(FIRST_KEY).await.is_ok()).await;
    println!("ready {took:?} after PostgreSQL listened");
    assert!(accounts.health().latency.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_away_revocations_still_hold_within_a_second_and_say_that_they_were_not_announced() {
    let mut servers = Servers::started().await;
    let (here, there) = (servers.ready_process().await, servers.ready_process().await);
    let (id, text) = new_key(&here).await;
    let (_, other) = new_key(&here).await;
    for accounts in [&here, &there] {
        accounts.api_key(&text).await.unwrap();
        accounts.api_key(&other).await.unwrap();
    }
    servers.redis.kill();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    there.api_key(&other).await.expect("PostgreSQL alone keeps memory fresh");
    let (_, made_meanwhile) = new_key(&here).await;
    there.api_key(&made_meanwhile).await.expect("and is asked for what is not in memory");
    assert!(matches!(here.revoke_key(&origin(), &id).await, Err(Error::NotAnnounced)));
    let took = refused_by_all(&[&here, &there], &text, AuthError::Revoked).await;
    println!("without Redis: {took:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    // it is announced once Redis is back, by whoever sees it first
    servers.redis.start().await;
    let pool = servers.pool().await;
    eventually("announced later", async || unannounced(&pool).await == 0).await;
    there.api_key(&other).await.unwrap();
}

async fn unannounced(pool: &sqlx::PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from account_changes where not announced")
        .fetch_one(pool)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_both_stores_away_memory_is_not_believed_beyond_a_second() {
    let mut servers = Servers::started().await;
    let accounts = servers.ready_process().await;
    let (_, text) = new_key(&accounts).await;
    accounts.api_key(&text).await.unwrap();
    servers.redis.kill();
    servers.postgres.stop().await;
    let took = eventually("no longer believed", async || {
        accounts.api_key(&text).await.err() == Some(AuthError::Unavailable)
    })
    .await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    servers.redis.start().await;
    eventually("Redis came back empty; memory was good until then", async || {
        accounts.api_key(&text).await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_full_a_revocation_reports_it_and_holds_all_the_same() {
    let servers = Servers::started().await;
    let (here, there) = (servers.ready_process().await, servers.ready_process().await);
    let (id, text) = new_key(&here).await;
    for accounts in [&here, &there] {
        accounts.api_key(&text).await.unwrap();
    }
    let mut redis = servers.redis();
    // one byte of memory: nothing that takes any is accepted, everything that expires is evicted
    let _: () =
        redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("1").query_async(&mut redis).await.unwrap();
    assert!(matches!(here.revoke_key(&origin(), &id).await, Err(Error::NotAnnounced)));
    let took = refused_by_all(&[&here, &there], &text, AuthError::Revoked).await;
    println!("with Redis full: {took:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    let _: () =
        redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("0").query_async(&mut redis).await.unwrap();
    let pool = servers.pool().await;
    eventually("announced later", async || unannounced(&pool).await == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_between_its_commit_and_its_announcement_leaves_no_hole() {
    let servers = Servers::started().await;
    let (here, there) = (servers.ready_process().await, servers.ready_process().await);
    let (id, text) = new_key(&here).await;
    for accounts in [&here, &there] {
        accounts.api_key(&text).await.unwrap();
    }
    // exactly what the dead process had committed
    let pool = servers.pool().await;
    let mut transaction = pool.begin().await.unwrap();
    sqlx::query("update api_keys set revoked_at = now() where id = $1")
        .bind(&id)
        .execute(&mut *transaction)
        .await
        .unwrap();
    sqlx::query("insert into account_changes (subject) values ('key:' || $1)")
        .bind(&id)
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    let took = refused_by_all(&[&here, &there], &text, AuthError::Revoked).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    eventually("another process announces it", async || unannounced(&pool).await == 0).await;
    let mut redis = servers.redis();
    let entry: String = redis::cmd("GET")
        .arg(event::keys::shared("default/test", &format!("key:{id}")))
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!(entry.contains("\"row\":null"), "{entry}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_redis_loses_everything_revoked_keys_stay_revoked_and_known_ones_work_even_without_postgresql() {
    let mut servers = Servers::started().await;
    let accounts = servers.ready_process().await;
    let (_, known) = new_key(&accounts).await;
    let (id, revoked) = new_key(&accounts).await;
    let mut redis = servers.redis();
    accounts.api_key(&known).await.unwrap();
    accounts.api_key(&revoked).await.unwrap();
    let name = event::keys::shared("default/test", &format!("key:{id}"));
    let before: String = redis::cmd("GET").arg(&name).query_async(&mut redis).await.unwrap();
    accounts.revoke_key(&origin(), &id).await.unwrap();
    servers.postgres.stop().await;
    eventually("PostgreSQL is known to be away", async || !accounts.health().ready).await;
    // a crash that went back to just before the revocation
    let _: () = redis::cmd("FLUSHALL").query_async(&mut redis).await.unwrap();
    let _: () = redis::cmd("SET").arg(&name).arg(&before).query_async(&mut redis).await.unwrap();
    for _ in 0..100 {
        assert_eq!(accounts.api_key(&revoked).await.err(), Some(AuthError::Revoked));
        accounts.api_key(&known).await.expect("memory was good until Redis lost its list");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_entry_in_redis_is_looked_at_again_and_served_only_when_postgresql_is_away() {
    let mut servers = Servers::started().await;
    let accounts = servers.ready_process().await;
    let (id, text) = new_key(&accounts).await;
    accounts.api_key(&text).await.unwrap();
    let mut redis = servers.redis();
    let name = event::keys::shared("default/test", &format!("key:{id}"));
    let entry: String = redis::cmd("GET").arg(&name).query_async(&mut redis).await.unwrap();
    let at = entry.split("\"at\":").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    let old = (at.parse::<i64>().unwrap() - 3_600_000).to_string();
    // an hour old, and revoked behind everybody's back
    let _: () =
        redis::cmd("SET").arg(&name).arg(entry.replace(at, &old)).query_async(&mut redis).await.unwrap();
    let pool = servers.pool().await;
    sqlx::query("update api_keys set revoked_at = now() where id = $1")
        .bind(&id)
        .execute(&pool)
        .await
        .unwrap();
    let newcomer = servers.ready_process().await;
    assert_eq!(newcomer.api_key(&text).await.err(), Some(AuthError::Revoked));
    let _: () =
        redis::cmd("SET").arg(&name).arg(entry.replace(at, &old)).query_async(&mut redis).await.unwrap();
    pool.close().await;
    servers.postgres.stop().await;
    let latecomer = servers.process().await;
    latecomer.api_key(&text).await.expect("the best that anybody knows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_unknown_keys_is_bounded_and_does_not_hold_up_a_known_one() {
    let servers = Servers::started().await;
    let accounts = servers.ready_process().await;
    accounts.api_key(FIRST_KEY).await.unwrap();
    let storm: Vec<_> = (0..4_000)
        .map(|n| {
            let accounts = accounts.clone();
            let key = FIRST_KEY.replace("000000000001", &format!("x{n:011}"));
            tokio::spawn(async move { accounts.api_key(&key).await.err() })
        })
        .collect();
    let asked = Instant::now();
    accounts.api_key(FIRST_KEY).await.unwrap();
    assert!(asked.elapsed() < Duration::from_millis(100));
    let mut counts = (0, 0);
    for one in storm {
        match one.await.unwrap() {
            Some(AuthError::Unknown) => counts.0 += 1,
            Some(AuthError::Unavailable) => counts.1 += 1,
            other => panic!("{other:?}"),
        }
    }
    println!("4,000 different unknown keys at once: {} refused, {} told to come again", counts.0, counts.1);
    accounts.api_key(FIRST_KEY).await.unwrap();
    assert_eq!(accounts.keys_in_memory(), 1);
}
