//! The scripts on a real redis-server: what each promises at its head.
#![allow(clippy::unwrap_used, reason = "a test ends this way")]

mod server;

use std::time::Duration;

use event::keys::{FRAME_FIELD, GROUP, Keys};
use event::lag::{Certainty, Lag};
use redis::aio::ConnectionManager;
use stream::{InHand, acknowledge, ensure_group, hand_back, heartbeat, observe, release, sweep};

use server::Server;

struct Redis {
    server: Server,
    connection: ConnectionManager,
    keys: Keys,
}

async fn redis(memory: Option<u64>) -> Redis {
    let server = Server::start(memory).await;
    let mut connection = stream::connect(&server.url("")).await.unwrap();
    let keys = Keys::new("default/test", 0);
    ensure_group(&mut connection, &keys).await.unwrap();
    ensure_group(&mut connection, &keys).await.unwrap();
    Redis { server, connection, keys }
}

impl Redis {
    /// Writes `count` entries of `bytes` bytes, each as one frame of ten events.
    async fn write(&mut self, count: usize, bytes: usize) -> redis::RedisResult<()> {
        for _ in 0..count {
            let mut pipe = redis::pipe();
            pipe.atomic();
            pipe.cmd("XADD").arg(&self.keys.frames).arg("*").arg(FRAME_FIELD).arg(vec![b'x'; bytes]);
            for (name, value) in [("events_in", 10), ("bytes_in", bytes), ("frames_in", 1)] {
                pipe.cmd("HINCRBY").arg(&self.keys.counters).arg(name).arg(value);
            }
            pipe.query_async::<()>(&mut self.connection).await?;
        }
        Ok(())
    }

    /// Reads up to `count` entries as `consumer`.
    async fn read(&mut self, consumer: &str, count: usize) -> Vec<InHand> {
        type Entries = Vec<(String, Vec<(String, Vec<u8>)>)>;
        let streams: Option<Vec<(String, Entries)>> = redis::cmd("XREADGROUP")
            .arg("GROUP")
            .arg(GROUP)
            .arg(consumer)
            .arg("COUNT")
            .arg(count)
            .arg("STREAMS")
            .arg(&self.keys.frames)
            .arg(">")
            .query_async(&mut self.connection)
            .await
            .unwrap();
        let entries = streams.unwrap_or_default().into_iter().flat_map(|(_, entries)| entries);
        entries.map(|(entry, fields)| InHand { entry, events: 10, bytes: fields[0].1.len() as u64 }).collect()
    }

    async fn claim(&mut self, consumer: &str, entry: &str) {
        let mut claim = redis::cmd("XCLAIM");
        claim.arg(&self.keys.frames).arg(GROUP).arg(consumer).arg(0).arg(entry);
        claim.query_async::<redis::Value>(&mut self.connection).await.unwrap();
    }

    /// The oldest ten that are not acknowledged: entry, owner, milliseconds since its delivery, deliveries.
    async fn pending(&mut self) -> Vec<(String, String, u64, u64)> {
        let mut pending = redis::cmd("XPENDING");
        pending.arg(&self.keys.frames).arg(GROUP).arg("-").arg("+").arg(10);
        pending.query_async(&mut self.connection).await.unwrap()
    }

    async fn lag(&mut self) -> Lag {
        observe(&mut self.connection, &self.keys, 0).await.unwrap().lag()
    }

    async fn length(&mut self) -> u64 {
        redis::cmd("XLEN").arg(&self.keys.frames).query_async(&mut self.connection).await.unwrap()
    }
}

fn known(events: u64) -> Lag {
    Lag { events: Some(events), certainty: Certainty::Known }
}

#[tokio::test]
async fn the_lag_stays_exact_through_acknowledging_and_sweeping() {
    let mut redis = redis(None).await;
    assert_eq!(redis.lag().await, known(0));
    redis.write(10, 100).await.unwrap();
    assert_eq!(redis.lag().await, known(100));
    let frames = redis.read("a", 6).await;
    assert_eq!(redis.lag().await, known(100), "read is not stored");
    assert_eq!(acknowledge(&mut redis.connection, &redis.keys, &frames[1..]).await.unwrap(), 5);
    assert_eq!(redis.lag().await, known(50));
    // All acknowledged but the last delivered are gone at once, although an older one is still pending.
    assert_eq!(redis.length().await, 6);
    acknowledge(&mut redis.connection, &redis.keys, &frames[..1]).await.unwrap();
    assert_eq!(redis.lag().await, known(40));
    let swept = sweep(&mut redis.connection, &redis.keys).await.unwrap();
    assert!(!swept.counters_set);
    assert_eq!((redis.lag().await, redis.length().await), (known(40), 5));
    let rest = redis.read("a", 100).await;
    acknowledge(&mut redis.connection, &redis.keys, &rest).await.unwrap();
    sweep(&mut redis.connection, &redis.keys).await.unwrap();
    assert_eq!((redis.lag().await, redis.length().await), (known(0), 1));
    redis.server.process.stop().await;
}

#[tokio::test]
async fn a_frame_acknowledged_by_two_workers_counts_once() {
    let mut redis = redis(None).await;
    redis.write(3, 100).await.unwrap();
    let frames = redis.read("a", 2).await;
    redis.claim("b", &frames[0].entry).await;
    assert_eq!(acknowledge(&mut redis.connection, &redis.keys, &frames[..1]).await.unwrap(), 1);
    assert_eq!(acknowledge(&mut redis.connection, &redis.keys, &frames).await.unwrap(), 1);
    assert_eq!(redis.lag().await, known(10));
}

#[tokio::test]
async fn a_stalled_workers_heartbeat_steals_nothing_back() {
    let mut redis = redis(None).await;
    redis.write(2, 100).await.unwrap();
    let frames = redis.read("stalled", 2).await;
    redis.claim("other", &frames[0].entry).await;
    let entries: Vec<String> = frames.iter().map(|frame| frame.entry.clone()).collect();
    let own = heartbeat(&mut redis.connection, &redis.keys, "stalled", &entries).await.unwrap();
    assert_eq!(own, entries[1..]);
    let pending = redis.pending().await;
    assert_eq!(pending[0].1, "other");
    assert_eq!((pending[1].1.as_str(), pending[1].3), ("stalled", 1), "a heartbeat is no delivery");
}

#[tokio::test]
async fn a_full_redis_can_be_drained() {
    let mut redis = redis(Some(8 << 20)).await;
    let full = redis.write(10_000, 16 * 1024).await.unwrap_err();
    assert!(full.to_string().contains("OOM") || full.to_string().contains("EXECABORT"), "{full}");
    ensure_group(&mut redis.connection, &redis.keys).await.expect("a worker may start now");
    let before = redis.length().await;
    loop {
        let frames = redis.read("a", 50).await;
        if frames.is_empty() {
            break;
        }
        let entries: Vec<String> = frames.iter().map(|frame| frame.entry.clone()).collect();
        heartbeat(&mut redis.connection, &redis.keys, "a", &entries).await.unwrap();
        acknowledge(&mut redis.connection, &redis.keys, &frames).await.unwrap();
    }
    sweep(&mut redis.connection, &redis.keys).await.unwrap();
    assert!(before > 100 && redis.length().await == 1);
    assert_eq!(redis.lag().await, known(0));
    redis.write(10, 1024).await.expect("there is room again");
}

#[tokio::test]
async fn counters_that_drifted_are_set_right_only_when_nothing_waits() {
    let mut redis = redis(None).await;
    redis.write(2, 100).await.unwrap();
    redis::cmd("HINCRBY")
        .arg(&redis.keys.counters)
        .arg("events_in")
        .arg(7)
        .query_async::<()>(&mut redis.connection)
        .await
        .unwrap();
    assert!(!sweep(&mut redis.connection, &redis.keys).await.unwrap().counters_set);
    let frames = redis.read("a", 2).await;
    assert!(!sweep(&mut redis.connection, &redis.keys).await.unwrap().counters_set, "two are pending");
    acknowledge(&mut redis.connection, &redis.keys, &frames).await.unwrap();
    assert!(sweep(&mut redis.connection, &redis.keys).await.unwrap().counters_set);
    redis.write(1, 100).await.unwrap();
    assert_eq!(redis.lag().await, known(10));
}

#[tokio::test]
async fn a_consumer_that_owns_frames_is_never_deleted() {
    let mut redis = redis(None).await;
    redis.write(1, 100).await.unwrap();
    let frames = redis.read("a", 1).await;
    assert_eq!(release(&mut redis.connection, &redis.keys, Some("a"), Duration::ZERO).await.unwrap(), 0);
    acknowledge(&mut redis.connection, &redis.keys, &frames).await.unwrap();
    assert_eq!(release(&mut redis.connection, &redis.keys, Some("a"), Duration::ZERO).await.unwrap(), 1);
}

#[tokio::test]
async fn a_redis_that_would_evict_frames_is_refused() {
    let mut redis = redis(None).await;
    assert_eq!(stream::check_server(&mut redis.connection).await.unwrap().policy, "volatile-lru");
    redis::cmd("CONFIG")
        .arg("SET")
        .arg("maxmemory-policy")
        .arg("allkeys-lru")
        .query_async::<()>(&mut redis.connection)
        .await
        .unwrap();
    let refused = stream::check_server(&mut redis.connection).await.unwrap_err().to_string();
    assert!(refused.contains("allkeys-lru") && refused.contains("volatile-lru"), "{refused}");
}

#[tokio::test]
async fn a_lag_that_redis_counts_too_high_is_not_believed_when_the_newest_frame_was_delivered_and_is_set_right()
 {
    let mut redis = redis(None).await;
    redis.write(5, 100).await.unwrap();
    let frames = redis.read("a", 5).await;
    acknowledge(&mut redis.connection, &redis.keys, &frames).await.unwrap();
    // As after a start from the append-only file: fewer entries read than there were.
    let mut set = redis::cmd("XGROUP");
    set.arg("SETID").arg(&redis.keys.frames).arg(GROUP).arg(&frames[4].entry).arg("ENTRIESREAD").arg(2);
    set.query_async::<()>(&mut redis.connection).await.unwrap();
    assert_eq!(redis.lag().await, known(0));
    sweep(&mut redis.connection, &redis.keys).await.unwrap();
    redis.write(1, 100).await.unwrap();
    assert_eq!(redis.lag().await, known(10), "one frame, and no other that is not there");
    redis.server.process.stop().await;
}

#[tokio::test]
async fn what_is_handed_back_is_claimed_at_once_and_that_counts_as_no_delivery() {
    let mut redis = redis(None).await;
    redis.write(3, 100).await.unwrap();
    let frames = redis.read("a", 3).await;
    // One of them came twice before: a worker died with it.
    redis.claim("a", &frames[1].entry).await;
    for leaving in ["a", "b", "c"] {
        let freed = hand_back(&mut redis.connection, &redis.keys, leaving, 100).await.unwrap();
        assert_eq!(freed, 3);
        let next = if leaving == "a" { "b" } else { "c" };
        let mut claim = redis::cmd("XAUTOCLAIM");
        claim.arg(&redis.keys.frames).arg(GROUP).arg(next).arg(30_000).arg("0-0");
        claim.query_async::<redis::Value>(&mut redis.connection).await.unwrap();
    }
    let pending = redis.pending().await;
    let deliveries: Vec<u64> = pending.iter().map(|(.., deliveries)| *deliveries).collect();
    assert_eq!(deliveries, [1, 2, 1]);
    assert!(pending.iter().all(|(_, owner, ..)| owner == "c"));
}
