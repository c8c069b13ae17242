//! Stores that stop, fill up or lose their way, workers that stall or are told to stop, events that nobody can store.

use std::collections::HashSet;
use std::time::Duration;

use bson::{Document, doc};
use event::frame::Frame;
use eventpipeline::ledger::{Ledger, Told};
use eventpipeline::sender::Event;
use local::mongo::Kind;
use serde_json::json;
use testbed::traffic::Traffic;
use testbed::{Options, Pipeline, eventually};

/// How long traffic flows before and after each fault.
const FLOW: Duration = Duration::from_millis(1500);

#[tokio::test(flavor = "multi_thread")]
async fn redis_postgres_and_mongodb_stopped_and_started_under_load_lose_nothing() {
    let mut pipeline = Pipeline::start(Options::default()).await;
    let traffic = Traffic::start(&pipeline.sender(), "stores", 50);
    for n in 0..6 {
        tokio::time::sleep(FLOW).await;
        let stores = &mut pipeline.processes.stores;
        match n % 3 {
            0 => stores.redis.stop().await,
            1 => stores.postgres.stop().await,
            _ => {
                stores.mongo.stop().await;
                None
            }
        };
        tokio::time::sleep(Duration::from_secs(1)).await;
        let started = match n % 3 {
            0 => stores.redis.start_again(),
            1 => stores.postgres.start_again(),
            _ => stores.mongo.start_again(),
        };
        started.expect("starts again");
    }
    tokio::time::sleep(FLOW).await;
    let ledger = traffic.end().await;
    assert!(ledger.count(Told::Acknowledged) > 2_000, "only {}", ledger.count(Told::Acknowledged));
    let verdict = pipeline.prove(&ledger).await;
    assert_eq!(verdict.dead, 0, "an outage made a dead letter\n{}", pipeline.logs());
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_answers_503_marks_nothing_that_it_did_not_queue_and_recovers_by_itself() {
    let options = Options {
        spec: "{redis: {memory: 16Mi}, workers: {claimIdleSeconds: 2}}",
        workers: 0,
        ..Options::default()
    };
    let mut pipeline = Pipeline::start(options).await;
    let mut sender = pipeline.sender();
    sender.patience = Duration::ZERO;

    // Filled to the brim with nobody to drain it.
    let mut ledger = Ledger::default();
    let mut refused = 0;
    for n in 0..2_000 {
        let events: Vec<Event> = (n * 100..n * 100 + 100).map(|n| Event::numbered("full", n)).collect();
        let (told, _) = sender.send(&events).await;
        refused += told.iter().filter(|told| **told == Told::Unknown).count();
        events.iter().zip(told).for_each(|(event, told)| ledger.note(event.event_id(), told));
        if refused > 2_000 {
            break;
        }
    }
    assert!(refused > 2_000, "Redis never said full: {} acknowledged", ledger.count(Told::Acknowledged));
    // Marks give way, so a small frame may still find room; one as large as those that were refused does not.
    let many: Vec<_> = (10_000_000..10_001_000).map(|n| Event::numbered("full", n).json).collect();
    let request = pipeline
        .http
        .post(format!("{}/api/v1/events/batch", pipeline.api()))
        .header("x-api-key", &pipeline.key);
    let response = request.json(&many).send().await.unwrap();
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    let (status, reply): (_, serde_json::Value) = (response.status(), response.json().await.unwrap());
    assert!(
        status == 503 && reply["code"] == "queue_full" || reply["retry"].as_u64() > Some(0),
        "{status} {reply}"
    );
    assert_no_mark_without_a_frame(&pipeline).await;

    // Drained while writing.
    let traffic = Traffic::start(&pipeline.sender(), "again", 50);
    tokio::time::sleep(Duration::from_millis(500)).await;
    pipeline.processes.start_worker().expect("a worker");
    let flowing = eventually(Duration::from_mins(1), async || traffic.sent() > 4_000).await;
    assert!(flowing, "events are still refused\n{}", pipeline.logs());
    ledger.merge(traffic.end().await);
    pipeline.prove(&ledger).await;
    pipeline.stop().await;
}

/// An entry's id and its fields.
type Entry = (String, Vec<(String, Vec<u8>)>);

/// Every mark is an id of a frame in the stream; nothing was consumed yet, so all frames are there.
async fn assert_no_mark_without_a_frame(pipeline: &Pipeline) {
    let (mut redis, keys) = (pipeline.redis().await, pipeline.keys());
    let entries: Vec<Entry> =
        redis::cmd("XRANGE").arg(&keys.frames).arg("-").arg("+").query_async(&mut redis).await.unwrap();
    let mut queued: HashSet<Vec<u8>> = HashSet::new();
    for (_, fields) in &entries {
        let frame = Frame::decode(&fields[0].1).expect("a good frame");
        queued.extend(frame.docs().filter_map(event::doc::event_id).map(|id| id.0.to_vec()));
    }
    let names: Vec<String> = redis::cmd("KEYS").arg("ep:*:seen:*").query_async(&mut redis).await.unwrap();
    let mut marks = 0;
    for name in names {
        let marked: Vec<Vec<u8>> = redis::cmd("SMEMBERS").arg(name).query_async(&mut redis).await.unwrap();
        marks += marked.len();
        let without = marked.iter().filter(|id| !queued.contains(*id)).count();
        assert_eq!(without, 0, "marks without a frame");
    }
    println!("full with {} frames, {} events, {marks} marks left", entries.len(), queued.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_stopped_past_the_claim_time_and_continued_stores_nothing_twice() {
    let pipeline = Pipeline::start(Options { workers: 2, ..Options::default() }).await;
    let traffic = Traffic::start(&pipeline.sender(), "stall", 50);
    for _ in 0..2 {
        tokio::time::sleep(FLOW).await;
        pipeline.processes.workers[0].pause();
        tokio::time::sleep(Duration::from_secs(5)).await;
        pipeline.processes.workers[0].resume();
    }
    tokio::time::sleep(FLOW).await;
    let ledger = traffic.end().await;
    pipeline.prove(&ledger).await;
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_with_work_in_flight_finishes_or_hands_back_everything() {
    let mut pipeline = Pipeline::start(Options { workers: 2, ..Options::default() }).await;
    let traffic = Traffic::start(&pipeline.sender(), "sigterm", 50);
    for n in 0..4 {
        tokio::time::sleep(FLOW).await;
        let process =
            if n % 2 == 0 { &mut pipeline.processes.workers[n / 2] } else { &mut pipeline.processes.apis[0] };
        let status = process.stop().await.unwrap_or_else(|| panic!("{} had to be killed", process.spec.name));
        assert!(status.success(), "{} ended with {status}", process.spec.name);
        process.start_again().expect("starts again");
    }
    let ledger = traffic.end().await;
    pipeline.prove(&ledger).await;
    for worker in &mut pipeline.processes.workers {
        worker.stop().await.expect("ends by itself");
    }
    let consumers: Vec<redis::Value> = redis::cmd("XINFO")
        .arg("CONSUMERS")
        .arg(pipeline.keys().frames)
        .arg(event::keys::GROUP)
        .query_async(&mut pipeline.redis().await)
        .await
        .unwrap();
    assert!(consumers.is_empty(), "consumers are left: {consumers:?}");
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_told_to_stop_while_mongodb_hangs_hands_its_frames_back_and_that_counts_as_no_delivery() {
    let options = Options { worker_env: vec![("SHUTDOWN_SECONDS", "2")], ..Options::default() };
    let mut pipeline = Pipeline::start(options).await;
    pipeline.processes.stores.mongo.servers.iter().for_each(local::Process::pause);
    let events: Vec<Event> = (0..10).map(|n| Event::numbered("hang", n)).collect();
    let (told, _) = pipeline.sender().send(&events).await;
    assert!(told.iter().all(|told| *told == Told::Acknowledged));
    let read = eventually(Duration::from_secs(10), async || {
        pipeline.observe().await.facts.pending_frames.is_some_and(|frames| frames > 0)
    });
    assert!(read.await, "{}", pipeline.logs());
    let status = pipeline.processes.workers[0].stop().await.expect("ends by itself, and waits for no insert");
    assert!(status.success(), "{status}\n{}", pipeline.logs());
    let pending: Vec<(String, String, u64, u64)> = redis::cmd("XPENDING")
        .arg(pipeline.keys().frames)
        .arg(event::keys::GROUP)
        .arg("-")
        .arg("+")
        .arg(10)
        .query_async(&mut pipeline.redis().await)
        .await
        .unwrap();
    assert!(!pending.is_empty());
    for (_, _, idle_ms, deliveries) in pending {
        assert!(idle_ms >= 3_600_000 && deliveries == 0, "{idle_ms} ms idle, {deliveries} deliveries");
    }
    pipeline.processes.stores.mongo.servers.iter().for_each(local::Process::resume);
    pipeline.processes.workers[0].start_again().expect("starts again");
    let mut ledger = Ledger::default();
    events.iter().for_each(|event| ledger.note(event.event_id(), Told::Acknowledged));
    assert_eq!(pipeline.prove(&ledger).await.stored, 10);
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undecodable_frame_and_poison_events_become_dead_letters_and_their_neighbours_are_stored() {
    let pipeline = Pipeline::start(Options::default()).await;
    let mut redis = pipeline.redis().await;
    let add = |bytes: Vec<u8>| {
        let mut command = redis::cmd("XADD");
        command.arg(pipeline.keys().frames).arg("*").arg("f").arg(bytes);
        command
    };
    let _: String = add(b"this is no frame".to_vec()).query_async(&mut redis).await.unwrap();
    let _: String = add(Vec::new()).query_async(&mut redis).await.unwrap();

    let mut events: Vec<Event> = (0..100).map(|n| Event::numbered("poison", n)).collect();
    events[10].json["properties"] = json!({"$set": 1});
    events[50].json["properties"] = json!({"a.b": 1});
    events[99].json["properties"] = json!({"matrix": [[1, 2], [3, 4]]});
    let (told, _) = pipeline.sender().send(&events).await;
    assert!(told.iter().all(|told| *told == Told::Acknowledged));

    let dead_letters = pipeline.database().await.collection::<Document>("events_dlq");
    let poison = if pipeline.processes.stores.mongo.kind == Kind::FerretDb { 3 } else { 0 };
    let all_there = eventually(Duration::from_secs(20), async || {
        let stored = pipeline
            .database()
            .await
            .collection::<Document>("events")
            .count_documents(doc! {})
            .await
            .unwrap_or(0);
        stored == 100 - poison && dead_letters.count_documents(doc! {}).await.unwrap_or(0) == 2 + poison
    });
    assert!(all_there.await, "{}", pipeline.logs());
    let frames = dead_letters
        .count_documents(doc! {"payloadKind": "frame", "reason.class": "undecodable"})
        .await
        .unwrap();
    let refused = dead_letters
        .count_documents(
            doc! {"payloadKind": "event", "reason.class": "refused", "status": "open", "attempts": 1},
        )
        .await
        .unwrap();
    assert_eq!((frames, refused), (2, poison));
    let mut ledger = Ledger::default();
    events.iter().for_each(|event| ledger.note(event.event_id(), Told::Acknowledged));
    assert_eq!(usize::try_from(poison + 2).unwrap(), pipeline.prove(&ledger).await.dead);
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_on_which_two_workers_died_alone_is_given_up_and_its_neighbours_are_stored() {
    let mut pipeline = Pipeline::start(Options { workers: 0, ..Options::default() }).await;
    let events: Vec<Event> = (0..3).map(|n| Event::numbered("killer", n)).collect();
    let (told, _) = pipeline.sender().send(&events).await;
    assert!(told.iter().all(|told| *told == Told::Acknowledged));

    // What two dead workers leave behind: a frame delivered too often, and the marker of the event they tried.
    let (mut redis, keys) = (pipeline.redis().await, pipeline.keys());
    let read: Vec<(String, Vec<Entry>)> = redis::cmd("XREADGROUP")
        .arg("GROUP")
        .arg(event::keys::GROUP)
        .arg("dead")
        .arg("STREAMS")
        .arg(&keys.frames)
        .arg(">")
        .query_async(&mut redis)
        .await
        .unwrap();
    let [(entry, _)] = &read[0].1[..] else { panic!("three events of one request are one frame") };
    let mut claim = redis::cmd("XCLAIM");
    claim
        .arg(&keys.frames)
        .arg(event::keys::GROUP)
        .arg("dead")
        .arg(0)
        .arg(entry)
        .arg("IDLE")
        .arg(60_000)
        .arg("RETRYCOUNT")
        .arg(9);
    claim.query_async::<redis::Value>(&mut redis).await.unwrap();
    redis::cmd("HSET").arg(keys.alone()).arg(entry).arg("1 1").query_async::<()>(&mut redis).await.unwrap();

    pipeline.processes.start_worker().unwrap();
    let mut ledger = Ledger::default();
    events.iter().for_each(|event| ledger.note(event.event_id(), Told::Acknowledged));
    let verdict = pipeline.prove(&ledger).await;
    assert_eq!((verdict.stored, verdict.dead), (2, 1));
    let letter = pipeline
        .database()
        .await
        .collection::<Document>("events_dlq")
        .find_one(doc! {})
        .await
        .unwrap()
        .unwrap();
    assert_eq!(letter.get_str("eventId").unwrap(), events[1].id);
    assert_eq!(letter.get_document("reason").unwrap().get_str("class").unwrap(), "worker_died");
    let left: u64 = redis::cmd("HLEN").arg(keys.alone()).query_async(&mut redis).await.unwrap();
    assert_eq!(left, 0, "the marker stays behind");
    pipeline.stop().await;
}
