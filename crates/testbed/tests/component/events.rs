//! Events in and out again: batches, compression, queries, states, dead letters, and what the API says of itself.

use std::io::Write;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use testbed::{Options, Pipeline, eventually};

async fn get(pipeline: &Pipeline, path: &str) -> (u16, Value) {
    let response = pipeline
        .http
        .get(format!("{}{path}", pipeline.api()))
        .header("x-api-key", &pipeline.key)
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
}

async fn post(pipeline: &Pipeline, path: &str, body: &Value) -> (u16, Value) {
    let request = pipeline.http.request(Method::POST, format!("{}{path}", pipeline.api()));
    let response = request.header("x-api-key", &pipeline.key).json(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_queued_then_stored_and_reads_back_as_it_was_sent() {
    let mut pipeline = Pipeline::start(Options { workers: 0, ..Options::default() }).await;
    let event = json!({"id": "e1", "type": "order.paid", "userId": "u/1", "timestamp": "2026-01-31T12:00:00.123Z",
        "properties": {"i": 9_007_199_254_740_993_i64, "d": 2.5, "t": true, "n": null, "s": "ü\u{0000}", "o": {"a": [1, "x", {"b": []}]}}});
    let (status, reply) = post(&pipeline, "/api/v1/events", &event).await;
    assert_eq!(
        (status, reply),
        (202, json!({"id": "e1", "status": "accepted", "ack": "queued", "idempotent": true}))
    );
    let (_, again) = post(&pipeline, "/api/v1/events", &event).await;
    assert_eq!(again["status"], "duplicate");
    let (status, made) = post(&pipeline, "/api/v1/events", &json!({"type": "t", "userId": "other"})).await;
    assert_eq!((status, &made["idempotent"], made["id"].as_str().unwrap().len()), (202, &json!(false), 36));
    let (status, found) = get(&pipeline, "/api/v1/events/e1?userId=u/1").await;
    assert_eq!((status, &found["state"]), (200, &json!("queued")), "{found}");

    pipeline.processes.start_worker().unwrap();
    let stored = eventually(Duration::from_secs(15), async || {
        get(&pipeline, "/api/v1/events/e1?userId=u/1").await.1["state"] == "stored"
    })
    .await;
    assert!(stored, "{}", pipeline.logs());
    let (_, found) = get(&pipeline, "/api/v1/events/e1?userId=u/1").await;
    for field in ["id", "type", "userId", "timestamp", "properties"] {
        assert_eq!(found["event"][field], event[field], "{field}");
    }
    assert_eq!(get(&pipeline, "/api/v1/events/e1?userId=another").await.0, 404);
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_says_index_by_index_what_became_of_it() {
    let pipeline = Pipeline::start(Options::default()).await;
    let good = |id: &str| json!({"id": id, "type": "t", "userId": "u"});
    let events = json!([good("a"), good("b"), {"type": "t"}, good("a"), good("c")]);
    let (status, reply) = post(&pipeline, "/api/v1/events/batch", &json!({"events": events})).await;
    assert_eq!(status, 202);
    assert_eq!(
        (&reply["accepted"], &reply["duplicates"], &reply["rejected"], &reply["retry"]),
        (&json!(3), &json!(1), &json!(1), &json!(0))
    );
    let results = reply["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!(
        (&results[0]["index"], &results[0]["code"], &results[0]["pointer"]),
        (&json!(2), &json!("missing_field"), &json!("/events/2/userId"))
    );
    assert_eq!(
        (&results[1]["index"], &results[1]["id"], &results[1]["status"]),
        (&json!(3), &json!("a"), &json!("duplicate"))
    );

    // The same in other wrappings: nothing new is queued, and all are listed when asked for.
    let body = serde_json::to_vec(&events).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&body).unwrap();
    let zipped = [("gzip", gzip.finish().unwrap()), ("zstd", zstd::encode_all(&body[..], 1).unwrap())];
    for (encoding, bytes) in zipped {
        let request =
            pipeline.http.post(format!("{}/api/v1/events/batch", pipeline.api())).bearer_auth(&pipeline.key);
        let request = request
            .header("content-type", "application/json; charset=utf-8")
            .header("content-encoding", encoding);
        let response =
            request.header("prefer", "return=representation, ack=queued").body(bytes).send().await.unwrap();
        assert_eq!(response.status(), 202, "{encoding}");
        let reply: Value = response.json().await.unwrap();
        assert_eq!(
            (&reply["accepted"], &reply["duplicates"], reply["results"].as_array().unwrap().len()),
            (&json!(0), &json!(4), 5)
        );
        assert_eq!(reply["results"][2]["pointer"], "/2/userId");
    }
    assert_eq!(pipeline.queued_events().await, 3);
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_user_come_newest_first_page_by_page() {
    let pipeline = Pipeline::start(Options::default()).await;
    let events: Vec<Value> = (0..250)
        .map(|n| {
            json!({"id": format!("e{n}"), "type": if n % 2 == 0 { "even" } else { "odd" }, "userId": "u",
            "timestamp": format!("2026-01-31T12:{:02}:{:02}Z", n / 60, n % 60), "properties": {"n": n}})
        })
        .collect();
    assert_eq!(post(&pipeline, "/api/v1/events/batch", &json!(events)).await.0, 202);
    let all_there = eventually(Duration::from_secs(15), async || {
        get(&pipeline, "/api/v1/events?userId=u&limit=1000").await.1["events"]
            .as_array()
            .is_some_and(|e| e.len() == 250)
    });
    assert!(all_there.await, "{}", pipeline.logs());
    let (mut numbers, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, page) = get(&pipeline, &format!("/api/v1/events?userId=u&limit=100{cursor}")).await;
        assert_eq!(status, 200, "{page}");
        numbers.extend(
            page["events"].as_array().unwrap().iter().map(|e| e["properties"]["n"].as_i64().unwrap()),
        );
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(numbers, (0..250).rev().collect::<Vec<i64>>());
    let (_, odd) = get(
        &pipeline,
        "/api/v1/events?userId=u&type=odd&from=2026-01-31T12:01:00Z&to=2026-01-31T12:02:00Z&limit=1000",
    )
    .await;
    assert_eq!(odd["events"].as_array().unwrap().len(), 30);
    assert_eq!(get(&pipeline, "/api/v1/events?userId=nobody").await.1["events"], json!([]));
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_listed_shown_and_replayed() {
    let pipeline = Pipeline::start(Options::default()).await;
    if pipeline.processes.stores.mongo.kind != local::mongo::Kind::FerretDb {
        // MongoDB refuses none of our events, so there is no dead letter to look at.
        return pipeline.stop().await;
    }
    let poison = json!({"id": "p1", "type": "poison", "userId": "u", "properties": {"$set": {"a": [[1]]}}});
    assert_eq!(post(&pipeline, "/api/v1/events", &poison).await.0, 202);
    let there = eventually(Duration::from_secs(15), async || {
        get(&pipeline, "/api/v1/events/p1?userId=u").await.1["state"] == "dead"
    })
    .await;
    assert!(there, "{}", pipeline.logs());
    let (status, list) = get(&pipeline, "/api/v1/dlq").await;
    assert_eq!(status, 200, "{list}");
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{list}");
    let id = items[0]["id"].as_str().unwrap();
    let (status, letter) = get(&pipeline, &format!("/api/v1/dlq/{id}")).await;
    assert_eq!(status, 200);
    assert!(letter.to_string().contains("$set"), "the payload reads back: {letter}");

    let (status, dry) = post(&pipeline, "/api/v1/dlq/replay", &json!({"ids": [id], "dryRun": true})).await;
    assert_eq!(status, 200, "{dry}");
    let queued = pipeline.queued_events().await;
    assert_eq!(queued, 1, "a dry run queues nothing");
    pipeline.processes.workers[0].pause();
    let (status, replayed) = post(&pipeline, "/api/v1/dlq/replay", &json!({"ids": [id]})).await;
    assert_eq!(status, 200, "{replayed}");
    assert_eq!(pipeline.queued_events().await, 2);
    assert_eq!(get(&pipeline, &format!("/api/v1/dlq/{id}")).await.1["status"], "replayed");
    pipeline.processes.workers[0].resume();
    let failed_again = eventually(Duration::from_secs(15), async || {
        let (_, letter) = get(&pipeline, &format!("/api/v1/dlq/{id}")).await;
        letter["attempts"] == 2 && letter["status"] == "open"
    });
    assert!(
        failed_again.await,
        "it fails again, in the same dead letter: {}",
        get(&pipeline, &format!("/api/v1/dlq/{id}")).await.1
    );
    // However fast the worker is, none is left as replayed that was not stored.
    for attempt in 3..=12 {
        assert_eq!(post(&pipeline, "/api/v1/dlq/replay", &json!({"ids": [id]})).await.0, 200);
        let again = eventually(Duration::from_secs(15), async || {
            let (_, letter) = get(&pipeline, &format!("/api/v1/dlq/{id}")).await;
            letter["attempts"] == attempt && letter["status"] == "open"
        });
        assert!(again.await, "{attempt}: {}", get(&pipeline, &format!("/api/v1/dlq/{id}")).await.1);
    }
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_says_how_it_is_and_what_it_takes() {
    let mut pipeline = Pipeline::start(Options::default()).await;
    assert_eq!(get(&pipeline, "/api/live").await, (200, json!({"status": "live"})));
    assert_eq!(get(&pipeline, "/api/ready").await, (200, json!({"status": "ready"})));
    let healthy =
        eventually(Duration::from_secs(15), async || get(&pipeline, "/api/health").await.0 == 200).await;
    assert!(healthy, "{}", get(&pipeline, "/api/health").await.1);
    let (_, limits) = get(&pipeline, "/api/v1/limits").await;
    assert_eq!((&limits["batchEventsMax"], &limits["depthMax"]), (&json!(1000), &json!(32)));
    let (status, document) = get(&pipeline, "/api/openapi.json").await;
    assert_eq!(status, 200);
    for path in
        ["/api/v1/events", "/api/v1/events/batch", "/api/v1/events/{id}", "/api/v1/dlq", "/api/v1/limits"]
    {
        assert!(document["paths"][path].is_object(), "{path} is not in the OpenAPI document");
    }
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));

    post(&pipeline, "/api/v1/events", &json!({"type": "t", "userId": "u"})).await;
    let facts = pipeline.processes.facts();
    let metrics = pipeline.http.get(&facts.metrics).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("eventpipeline_api_events_total{outcome=\"accepted\"} 1"), "{metrics}");
    for worker in facts.processes.iter().filter(|process| process.name.starts_with("worker")) {
        let ready = eventually(Duration::from_secs(10), async || {
            let url = format!("http://127.0.0.1:{}/readyz", worker.port);
            pipeline.http.get(url).send().await.is_ok_and(|r| r.status() == 200)
        });
        assert!(ready.await, "{} is not ready", worker.name);
    }

    pipeline.processes.stores.redis.stop().await;
    let unready =
        eventually(Duration::from_secs(15), async || get(&pipeline, "/api/ready").await.0 == 503).await;
    assert!(unready);
    let (status, problem) =
        post(&pipeline, "/api/v1/events", &json!({"type": "t", "userId": "u", "id": "while-away"})).await;
    assert_eq!((status, &problem["retryable"]), (503, &json!(true)), "{problem}");
    let (status, problem) = get(&pipeline, "/api/v1/events/while-away?userId=u").await;
    assert_eq!(
        (status, &problem["code"]),
        (503, &json!("queue_unavailable")),
        "not known is not 404: {problem}"
    );
    assert_eq!(get(&pipeline, "/api/live").await.0, 200, "alive whatever is away");
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_pipeline_takes_no_event_and_can_still_be_read() {
    let api_env = vec![("INGEST", "stopped")];
    let pipeline = Pipeline::start(Options { workers: 0, api_env, ..Options::default() }).await;
    let event = json!({"id": "a", "type": "t", "userId": "u"});
    for (path, body) in [("/api/v1/events", event.clone()), ("/api/v1/events/batch", json!([event]))] {
        let (status, problem) = post(&pipeline, path, &body).await;
        assert_eq!((status, &problem["code"]), (503, &json!("ingest_stopped")), "{problem}");
    }
    assert_eq!(
        get(&pipeline, "/api/v1/events?userId=u").await,
        (200, json!({"events": [], "nextCursor": null}))
    );
    pipeline.stop().await;
}
