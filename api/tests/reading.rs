//! Reading events and dead letters over HTTP: pages, places, replays, and a MongoDB that is away.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod app;

use app::{Api, BadRequest, FIRST_KEY};
use bson::{DateTime, RawDocumentBuf};
use event::EventId;
use serde_json::{Value, json};
use store::{DeadLetter, Place, Reason, write_dead_letter};

/// The bytes of an event, as the way in encodes it.
fn encoded(event: &Value) -> Vec<u8> {
    let mut new_id = uuid::Uuid::now_v7;
    let mut context = event::parse::Context {
        received_ms: 1_700_000_000_000,
        batch_events_max: 1,
        event_bytes_max: 256 * 1024,
        docs_bytes_max: usize::MAX,
        new_id: &mut new_id,
    };
    let parsed = event::parse::single(event.to_string().as_bytes(), &mut context).unwrap();
    parsed.doc(parsed.events[0].as_ref().unwrap()).to_vec()
}

async fn store_event(api: &Api, event: &Value) {
    let document = RawDocumentBuf::from_bytes(encoded(event)).unwrap();
    api.app.store.events.insert_one(document).await.unwrap();
}

async fn bury(api: &Api, bytes: &[u8], code: &str, frame: bool) {
    let reason = Reason { class: "refused".into(), code: code.into(), message: "no".into() };
    let place = Place { key: "k".into(), entry_id: "1-0".into(), index: 0 };
    let letter = if frame {
        DeadLetter::frame(bytes, reason, place, "w", DateTime::now())
    } else {
        DeadLetter::event(bytes, reason, place, "w", DateTime::now())
    };
    write_dead_letter(&api.app.store, &letter).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_users_events_come_newest_first_page_by_page_and_none_twice() {
    let api = Api::start().await;
    for n in 0..25 {
        // five at each moment, so that the page ends within a tie
        let at = format!("2026-01-01T00:00:0{}.000Z", n / 5);
        let kind = if n % 2 == 0 { "even" } else { "odd" };
        store_event(&api, &json!({"id": format!("e{n}"), "type": kind, "userId": "ann", "timestamp": at, "properties": {"n": n, "half": 0.5}})).await;
    }
    store_event(&api, &json!({"id": "e0", "type": "even", "userId": "bob"})).await;
    let (mut seen, mut times, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/api/v1/events?userId=ann&limit=7{cursor}"), FIRST_KEY).await;
        assert_eq!(page.status, 200, "{}", page.json);
        for event in page.json["events"].as_array().unwrap() {
            assert_eq!(event["userId"], "ann");
            assert_eq!(event["properties"]["half"], json!(0.5));
            seen.push(event["id"].as_str().unwrap().to_owned());
            times.push(event["timestamp"].as_str().unwrap().to_owned());
        }
        match page.json["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 25);
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 25);
    let count = async |query: &str| {
        let answer = api.get(&format!("/api/v1/events?userId=ann&{query}"), FIRST_KEY).await;
        answer.json["events"].as_array().unwrap_or_else(|| panic!("{query}: {}", answer.json)).len()
    };
    assert_eq!(count("type=even").await, 13);
    assert_eq!(count("from=2026-01-01T00:00:03Z").await, 10);
    assert_eq!(count("to=2026-01-01T00:00:03Z").await, 15);
    assert_eq!(count("from=2026-01-01T02:00:01%2B02:00&to=2026-01-01T00:00:02Z").await, 5);
    assert_eq!(api.get("/api/v1/events?userId=nobody", FIRST_KEY).await.json["events"], json!([]));
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_queued_stored_dead_or_nowhere() {
    let api = Api::start().await;
    let place = async |id: &str| {
        let answer = api.get(&format!("/api/v1/events/{id}?userId=ann"), FIRST_KEY).await;
        if answer.status == 200 {
            answer.json["state"].as_str().unwrap().to_owned()
        } else {
            answer.refusal().1.to_owned()
        }
    };
    let event = json!({"id": "a/b c", "type": "t", "userId": "ann", "properties": {"x": [1, 2.5, null]}});
    assert_eq!(place("a%2Fb%20c").await, "not_found");
    assert_eq!(api.post("/api/v1/events", FIRST_KEY, &event.to_string()).await.status, 202);
    assert_eq!(place("a%2Fb%20c").await, "queued");
    store_event(&api, &event).await;
    assert_eq!(place("a%2Fb%20c").await, "stored");
    let stored = api.get("/api/v1/events/a%2Fb%20c?userId=ann", FIRST_KEY).await.json;
    assert_eq!(stored["event"]["properties"], event["properties"]);
    assert_eq!(
        api.get("/api/v1/events/a%2Fb%20c?userId=bob", FIRST_KEY).await.status,
        404,
        "another user's is another event"
    );
    let dead = json!({"id": "d", "type": "t", "userId": "ann"});
    bury(&api, &encoded(&dead), "mongodb_2", false).await;
    let answer = api.get("/api/v1/events/d?userId=ann", FIRST_KEY).await.json;
    assert_eq!(
        (&answer["state"], &answer["deadLetter"]["reason"]["code"]),
        (&json!("dead"), &json!("mongodb_2"))
    );
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_grouped_shown_replayed_and_discarded() {
    let api = Api::start().await;
    let events: Vec<Value> = (0..6)
        .map(|n| json!({"id": format!("d{n}"), "type": "t", "userId": "ann", "properties": {"n": n}}))
        .collect();
    for (n, event) in events.iter().enumerate() {
        bury(&api, &encoded(event), if n < 4 { "mongodb_2" } else { "mongodb_121" }, false).await;
    }
    bury(&api, b"no frame at all", "checksum", true).await;

    let list = api.get("/api/v1/dlq", FIRST_KEY).await;
    assert_eq!(list.status, 200, "{}", list.json);
    assert_eq!(list.json["items"].as_array().unwrap().len(), 7);
    assert_eq!(
        list.json["groups"][0],
        json!({"class": "refused", "code": "mongodb_2", "type": "t", "count": 4})
    );
    assert_eq!(
        api.get("/api/v1/dlq?code=mongodb_121", FIRST_KEY).await.json["items"].as_array().unwrap().len(),
        2
    );
    assert_eq!(api.get("/api/v1/dlq?status=replayed", FIRST_KEY).await.json["items"], json!([]));
    let page = api.get("/api/v1/dlq?limit=4", FIRST_KEY).await.json;
    let next = page["nextCursor"].as_str().unwrap();
    let rest = api.get(&format!("/api/v1/dlq?limit=4&cursor={next}"), FIRST_KEY).await.json;
    assert_eq!(
        (rest["items"].as_array().unwrap().len(), &rest["nextCursor"], rest.get("groups")),
        (3, &Value::Null, None)
    );

    let id = EventId::derive("ann", "d0").to_string();
    let one = api.get(&format!("/api/v1/dlq/{id}"), FIRST_KEY).await.json;
    assert_eq!((&one["payload"]["events"][0]["properties"], &one["attempts"]), (&json!({"n": 0}), &json!(1)));
    let frame = EventId::of_bytes(b"no frame at all").to_string();
    let shown = api.get(&format!("/api/v1/dlq/{frame}"), FIRST_KEY).await.json;
    assert_eq!(
        (&shown["payload"]["base64"], &shown["payloadKind"]),
        (&json!("bm8gZnJhbWUgYXQgYWxs"), &json!("frame"))
    );

    let dry = api
        .post("/api/v1/dlq/replay", FIRST_KEY, r#"{"filter": {"code": "mongodb_2"}, "dryRun": true}"#)
        .await
        .json;
    assert_eq!(
        (&dry["letters"], &dry["events"], &dry["dryRun"]),
        (&json!(4), &json!(4), &json!(true)),
        "{dry}"
    );
    assert_eq!(queued(&api).await, 0, "a dry run queues nothing");
    // an event that was seen is queued all the same
    assert_eq!(
        api.post("/api/v1/events", FIRST_KEY, &events[0].to_string()).await.json["status"],
        "accepted"
    );
    let done = api
        .post("/api/v1/dlq/replay", FIRST_KEY, r#"{"filter": {"code": "mongodb_2"}, "limit": 3}"#)
        .await
        .json;
    assert_eq!((&done["letters"], &done["more"]), (&json!(3), &json!(true)), "{done}");
    assert_eq!(queued(&api).await, 1 + 3);
    let ids = json!({"ids": [id, frame, "00000000000000000000000000000000"]}).to_string();
    let done = api.post("/api/v1/dlq/replay", FIRST_KEY, &ids).await.json;
    let mut codes: Vec<_> =
        done["skipped"].as_array().unwrap().iter().map(|skipped| skipped["code"].as_str().unwrap()).collect();
    codes.sort_unstable();
    assert_eq!(
        (codes, &done["letters"]),
        (vec!["not_found", "undecodable"], &json!(1)),
        "one that was replayed before may be replayed again: {done}"
    );
    assert_eq!(queued(&api).await, 1 + 3 + 1);

    // one that fails again is open again
    bury(&api, &encoded(&events[0]), "mongodb_2", false).await;
    let again = api.get(&format!("/api/v1/dlq/{id}"), FIRST_KEY).await.json;
    assert_eq!((&again["status"], &again["attempts"]), (&json!("open"), &json!(2)));

    let done = api.post("/api/v1/dlq/discard", FIRST_KEY, r#"{"filter": {}}"#).await.json;
    assert_eq!(done["letters"], 5, "{done}");
    assert_eq!(api.get("/api/v1/dlq", FIRST_KEY).await.json["items"], json!([]));
    assert_eq!(
        api.get("/api/v1/dlq?status=discarded", FIRST_KEY).await.json["items"].as_array().unwrap().len(),
        5
    );
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_fails_after_its_sender_has_gone_gives_each_letter_its_status_back() {
    let api = Api::start().await;
    for n in 0..2 {
        let event = json!({"id": format!("e{n}"), "type": "t", "userId": "u"});
        bury(&api, &encoded(&event), &format!("mongodb_{n}"), false).await;
    }
    let discarded = api.post("/api/v1/dlq/discard", FIRST_KEY, r#"{"filter": {"code": "mongodb_1"}}"#).await;
    assert_eq!(discarded.json["letters"], 1);
    let of_status = async |status: &str| {
        let list = api.get(&format!("/api/v1/dlq?status={status}"), FIRST_KEY).await;
        list.json["items"].as_array().unwrap().len()
    };
    // Redis answers nobody, and the sender goes away while both letters say `replayed`.
    api.stores.redis.pause();
    let ask = api.post("/api/v1/dlq/replay", FIRST_KEY, r#"{"filter": {"status": "all"}}"#);
    tokio::select! {
        answer = ask => panic!("Redis answered: {}", answer.json),
        () = api.eventually("both letters are closed", async || of_status("replayed").await == 2) => (),
    }
    api.eventually("each is what it was", async || {
        of_status("replayed").await == 0 && of_status("open").await == 1 && of_status("discarded").await == 1
    })
    .await;
    api.stores.redis.resume();
    api.stop().await;
}

async fn queued(api: &Api) -> u64 {
    let mut count = 0;
    for keys in api.app.ingest.all_keys() {
        let events: Option<u64> = redis::cmd("HGET")
            .arg(&keys.counters)
            .arg(event::keys::EVENTS_IN)
            .query_async(&mut api.app.redis.clone())
            .await
            .unwrap();
        count += events.unwrap_or(0);
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_queries_are_refused_by_name_and_a_mongodb_that_is_away_is_503() {
    let mut api = Api::start().await;
    let viewer = api.viewer().await;
    let ingest = api.key(r#"["ingest"]"#).await;
    let long = format!("/api/v1/events?userId={}", "x".repeat(201));
    let many = format!(r#"{{"ids": [{}]}}"#, vec![r#""00000000000000000000000000000000""#; 1_001].join(","));
    let k = FIRST_KEY;
    #[rustfmt::skip]
    let table: &[BadRequest] = &[
        ("GET", "/api/v1/events?userId=a", "", None, (401, "credential_missing", "")),
        ("GET", "/api/v1/events?userId=a", &ingest, None, (403, "forbidden", "")),
        ("GET", "/api/v1/events", k, None, (400, "bad_parameter", "userId")),
        ("GET", "/api/v1/events?userId=", k, None, (400, "bad_parameter", "userId")),
        ("GET", "/api/v1/events?userId=a&userId=b", k, None, (400, "bad_parameter", "userId")),
        ("GET", &long, k, None, (400, "bad_parameter", "userId")),
        ("GET", "/api/v1/events?userid=a", k, None, (400, "bad_parameter", "userId")),
        ("GET", "/api/v1/events?userId=a&sort=asc", k, None, (400, "unknown_parameter", "sort")),
        ("GET", "/api/v1/events?userId=a&userId[$ne]=b", k, None, (400, "unknown_parameter", "userId[$ne]")),
        ("GET", "/api/v1/events?userId=%ff", k, None, (400, "bad_query", "")),
        ("GET", "/api/v1/events?userId=a%00", k, None, (400, "bad_parameter", "userId")),
        ("GET", "/api/v1/events?userId=a&limit=0", k, None, (400, "bad_parameter", "limit")),
        ("GET", "/api/v1/events?userId=a&limit=1001", k, None, (400, "bad_parameter", "limit")),
        ("GET", "/api/v1/events?userId=a&from=yesterday", k, None, (400, "bad_parameter", "from")),
        ("GET", "/api/v1/events?userId=a&to=2026-13-01T00:00:00Z", k, None, (400, "bad_parameter", "to")),
        ("GET", "/api/v1/events?userId=a&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", k, None, (400, "bad_parameter", "to")),
        ("GET", "/api/v1/events?userId=a&cursor=abc", k, None, (400, "bad_parameter", "cursor")),
        ("GET", "/api/v1/events?userId=a&cursor=AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", k, None, (400, "bad_parameter", "cursor")),
        ("GET", "/api/v1/events?userId=a&type=", k, None, (400, "bad_parameter", "type")),
        ("GET", "/api/v1/events/e", k, None, (400, "bad_parameter", "userId")),
        ("GET", "/api/v1/events/e?userId=a", k, None, (404, "not_found", "")),
        ("GET", "/api/v1/events/%ff?userId=a", k, None, (400, "bad_path", "")),
        ("GET", "/api/v1/dlq", &ingest, None, (403, "forbidden", "")),
        ("GET", "/api/v1/dlq?status=dead", k, None, (400, "bad_parameter", "status")),
        ("GET", "/api/v1/dlq?limit=x", k, None, (400, "bad_parameter", "limit")),
        ("GET", "/api/v1/dlq?cursor=x", k, None, (400, "bad_parameter", "cursor")),
        ("GET", "/api/v1/dlq/xyz", k, None, (404, "not_found", "")),
        ("GET", "/api/v1/dlq/00000000000000000000000000000000", k, None, (404, "not_found", "")),
        ("POST", "/api/v1/dlq/replay", &viewer, Some(r#"{"filter": {}}"#), (403, "forbidden", "")),
        ("POST", "/api/v1/dlq/replay", k, Some("{}"), (422, "invalid_field", "")),
        ("POST", "/api/v1/dlq/replay", k, Some(r#"{"ids": [], "filter": {}}"#), (422, "invalid_field", "")),
        ("POST", "/api/v1/dlq/replay", k, Some(r#"{"ids": []}"#), (422, "invalid_field", "/ids")),
        ("POST", "/api/v1/dlq/replay", k, Some(r#"{"ids": ["x"]}"#), (422, "invalid_field", "/ids/0")),
        ("POST", "/api/v1/dlq/replay", k, Some(&many), (422, "invalid_field", "/ids")),
        ("POST", "/api/v1/dlq/replay", k, Some(r#"{"filter": {}, "limit": 1001}"#), (422, "invalid_field", "/limit")),
        ("POST", "/api/v1/dlq/replay", k, Some(r#"{"filter": {}, "limit": 0}"#), (422, "invalid_field", "/limit")),
        ("POST", "/api/v1/dlq/replay", k, Some(r#"{"filter": {"status": "gone"}}"#), (422, "invalid_field", "/filter/status")),
        ("POST", "/api/v1/dlq/replay", k, Some(r#"{"filter": {"code": {"$ne": 1}}}"#), (422, "invalid_field", "/filter/code")),
        ("POST", "/api/v1/dlq/discard", k, Some(r#"{"filter": {"id": 1}}"#), (422, "invalid_field", "/filter/id")),
        ("POST", "/api/v1/dlq", k, None, (405, "method_not_allowed", "")),
    ];
    for (method, path, credential, body, expected) in table {
        let answer = api.send(method, path, credential, *body).await;
        assert_eq!(answer.refusal(), *expected, "{method} {path} {body:?}: {}", answer.json);
    }
    println!("{} bad requests", table.len());
    api.eventually("there are samples", async || {
        let stats = api.get("/api/v1/stats", &viewer).await.json;
        stats["samples"]
            .as_array()
            .unwrap()
            .iter()
            .any(|sample| sample["deadLettersOpen"] == 0 && sample["lagEvents"] == 0)
    })
    .await;
    api.stores.mongo.stop().await;
    for path in [
        "/api/v1/events?userId=a",
        "/api/v1/events/e?userId=a",
        "/api/v1/dlq",
        "/api/v1/dlq/00000000000000000000000000000000",
    ] {
        assert_eq!(api.get(path, k).await.refusal(), (503, "store_unavailable", ""), "{path}");
    }
    let event = r#"{"id": "x", "type": "t", "userId": "a"}"#;
    assert_eq!(api.post("/api/v1/events", k, event).await.status, 202, "events are taken all the same");
    api.stop().await;
}
