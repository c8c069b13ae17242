//! The way in when Redis refuses: full, read only; and what a batch is told of its events.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod app;

use app::{Api, FIRST_KEY};
use serde_json::{Value, json};

fn events(name: &str, count: usize, bytes: usize) -> String {
    let event = |n| json!({"id": format!("{name}-{n}"), "type": "t", "userId": "u", "properties": {"text": "x".repeat(bytes)}});
    Value::from((0..count).map(event).collect::<Vec<_>>()).to_string()
}

async fn redis(api: &Api, words: &[&str]) {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.query_async::<redis::Value>(&mut api.app.redis.clone()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_full_before_the_counters_say_so_is_believed_and_taken_for_what_it_holds() {
    let api = Api::with(&[("REDIS_MEMORY_BYTES", "1000000000")]).await;
    for n in 0..4 {
        let sent = api.post("/api/v1/events/batch", FIRST_KEY, &events(&format!("a{n}"), 100, 5_000)).await;
        assert_eq!((sent.status, &sent.json["accepted"]), (202, &100.into()), "{}", sent.json);
    }
    api.eventually("the counters are read", async || api.app.pressure.queued_bytes() > 2_000_000).await;
    assert_eq!(api.get("/api/ready", "").await.status, 200);

    redis(&api, &["CONFIG", "SET", "maxmemory", "2mb"]).await;
    let refused = api.post("/api/v1/events/batch", FIRST_KEY, &events("b", 100, 5_000)).await;
    assert_eq!((refused.status, &refused.json["code"]), (503, &"queue_full".into()), "{}", refused.json);
    // By the counters Redis is at a fifth of a percent, and nobody drains it.
    api.eventually("senders are told to stay away for long", async || {
        api.app.pressure.retry_after_seconds() == 60
    })
    .await;
    let refused = api.post("/api/v1/events/batch", FIRST_KEY, &events("c", 1, 10)).await;
    assert_eq!((refused.status, &refused.headers["retry-after"]), (503, &"60".parse().unwrap()));
    let ready = api.get("/api/ready", "").await;
    assert_eq!(ready.status, 503);
    assert!(ready.json["detail"].as_str().unwrap().contains("full"), "{}", ready.json);

    // A third of it is drained.
    let keys = event::keys::Keys::new(&api.app.pipeline, 0);
    redis(&api, &["CONFIG", "SET", "maxmemory", "0"]).await;
    redis(&api, &["HINCRBY", &keys.counters, "bytes_out", "800000"]).await;
    api.eventually("events are taken again", async || {
        api.post("/api/v1/events", FIRST_KEY, r#"{"id": "d", "type": "t", "userId": "u"}"#).await.status
            == 202
    })
    .await;
    assert_eq!(api.get("/api/ready", "").await.status, 200);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_takes_no_writes_is_not_told_of_as_full_and_the_process_is_not_ready_until_it_does() {
    let api = Api::start().await;
    redis(&api, &["REPLICAOF", "127.0.0.1", "1"]).await;
    let refused = api.post("/api/v1/events", FIRST_KEY, r#"{"id": "a", "type": "t", "userId": "u"}"#).await;
    assert_eq!(
        (refused.status, &refused.json["code"]),
        (503, &"queue_unavailable".into()),
        "{}",
        refused.json
    );
    let ready = api.get("/api/ready", "").await;
    assert_eq!(ready.status, 503);
    assert!(ready.json["detail"].as_str().unwrap().contains("last write"), "{}", ready.json);
    redis(&api, &["REPLICAOF", "NO", "ONE"]).await;
    let taken = api.post("/api/v1/events", FIRST_KEY, r#"{"id": "a", "type": "t", "userId": "u"}"#).await;
    assert_eq!((taken.status, &taken.json["status"]), (202, &"accepted".into()), "{}", taken.json);
    assert_eq!(api.get("/api/ready", "").await.status, 200);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_event_of_a_batch_is_told_by_its_id_and_large_bodies_at_once_by_a_503() {
    let api = Api::with(&[("MAX_BODY_BYTES", "67108864")]).await;
    let body = r#"[{"id": "good", "type": "t", "userId": "u"}, {"id": "bad", "type": "t"}, {"type": "t"}]"#;
    let reply = api.post("/api/v1/events/batch", FIRST_KEY, body).await;
    let told = |n: usize, name: &str| reply.json["results"][n][name].clone();
    assert_eq!((reply.status, told(0, "id"), told(0, "index")), (202, "bad".into(), 1.into()));
    assert_eq!((told(0, "code"), told(1, "id")), ("missing_field".into(), Value::Null));

    // Somebody else's body fills the room.
    let mut other = api.app.room.share();
    while other.grow(1 << 20).is_ok() {}
    let body = events("large", 1000, 1_500);
    let refused = api.post("/api/v1/events/batch", FIRST_KEY, &body).await;
    assert_eq!((refused.status, &refused.json["code"]), (503, &"overloaded".into()), "{}", refused.json);
    drop(other);
    assert_eq!(api.post("/api/v1/events/batch", FIRST_KEY, &body).await.status, 202);
    api.stop().await;
}
