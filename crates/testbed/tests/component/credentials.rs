//! API keys and people: made, used, revoked everywhere within a second, and what still works when PostgreSQL is away.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testbed::{Options, Pipeline};

async fn call(
    pipeline: &Pipeline,
    method: Method,
    url: String,
    credential: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let mut request = pipeline.http.request(method, url).bearer_auth(credential);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap_or(Value::Null))
}

async fn new_key(pipeline: &Pipeline, body: Value) -> (String, String) {
    let (status, key) = call(
        pipeline,
        Method::POST,
        format!("{}/api/v1/keys", pipeline.console()),
        &pipeline.key,
        Some(body),
    )
    .await;
    assert_eq!(status, 201, "{key}");
    let text = key["key"].as_str().unwrap_or_else(|| panic!("the key's text in {key}")).to_owned();
    let id = text.split('_').nth(1).unwrap().to_owned();
    (id, text)
}

async fn ingest(pipeline: &Pipeline, n: usize, key: &str) -> (StatusCode, Value) {
    let event = json!({"type": "t", "userId": "u"});
    call(pipeline, Method::POST, format!("{}/api/v1/events", pipeline.processes.api(n)), key, Some(event))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_stops_working_within_a_second_on_two_api_processes() {
    let pipeline = Pipeline::start(Options { apis: 2, ..Options::default() }).await;
    let (id, key) = new_key(&pipeline, json!({"name": "short-lived", "scopes": ["ingest"]})).await;
    for n in [0, 1] {
        assert_eq!(ingest(&pipeline, n, &key).await.0, 202);
    }
    let (status, _) = call(
        &pipeline,
        Method::DELETE,
        format!("{}/api/v1/keys/{id}", pipeline.console()),
        &pipeline.key,
        None,
    )
    .await;
    assert!(status.is_success(), "{status}");
    let revoked = Instant::now();
    for n in [0, 1] {
        while ingest(&pipeline, n, &key).await.0 != 401 {
            assert!(revoked.elapsed() < Duration::from_secs(1), "process {n} still takes the key");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert_eq!(ingest(&pipeline, 0, &key).await.1["code"], "credential_revoked");
    assert_eq!(ingest(&pipeline, 1, &pipeline.key).await.0, 202, "another key is not affected");
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_postgres_down_known_keys_work_and_unknown_ones_get_503() {
    let mut pipeline = Pipeline::start(Options::default()).await;
    let (_, known) = new_key(&pipeline, json!({"scopes": ["ingest"]})).await;
    assert_eq!(ingest(&pipeline, 0, &known).await.0, 202);
    pipeline.processes.stores.postgres.stop().await;
    for _ in 0..30 {
        assert_eq!(ingest(&pipeline, 0, &known).await.0, 202);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let stranger = format!("epk_{}_{}", "z".repeat(12), "y".repeat(40));
    let (status, body) = ingest(&pipeline, 0, &stranger).await;
    assert_eq!(
        (status.as_u16(), &body["code"], &body["retryable"]),
        (503, &json!("accounts_unavailable"), &json!(true))
    );
    let (status, body) = call(
        &pipeline,
        Method::POST,
        format!("{}/api/v1/keys", pipeline.console()),
        &pipeline.key,
        Some(json!({"scopes": ["read"]})),
    )
    .await;
    assert_eq!(status, 503, "{body}");
    pipeline.processes.stores.postgres.start_again().unwrap();
    let back =
        testbed::eventually(Duration::from_secs(15), async || ingest(&pipeline, 0, &stranger).await.0 == 401)
            .await;
    assert!(back, "unknown keys are not refused again");
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_and_roles_open_what_they_name_and_nothing_else() {
    let pipeline = Pipeline::start(Options::default()).await;
    let (api, console) = (pipeline.api(), pipeline.console());
    let (_, ingest_key) = new_key(&pipeline, json!({"scopes": ["ingest"]})).await;
    let (_, read_key) = new_key(&pipeline, json!({"scopes": ["read"]})).await;
    let events = || format!("{api}/api/v1/events");
    let event = || Some(json!({"type": "t", "userId": "u"}));
    assert_eq!(call(&pipeline, Method::POST, events(), &read_key, event()).await.0, 403);
    assert_eq!(
        call(&pipeline, Method::GET, format!("{api}/api/v1/events?userId=u"), &ingest_key, None).await.0,
        403
    );
    assert_eq!(
        call(&pipeline, Method::GET, format!("{api}/api/v1/events?userId=u"), &read_key, None).await.0,
        200
    );
    assert_eq!(call(&pipeline, Method::GET, format!("{console}/api/v1/keys"), &read_key, None).await.0, 403);

    let login = |email: &str, password: &str| {
        let body = Some(json!({"email": email, "password": password}));
        let url = format!("{console}/api/v1/auth/login");
        let pipeline = &pipeline;
        async move { call(pipeline, Method::POST, url, "", body).await }
    };
    let secrets = &pipeline.processes.setup.secrets;
    assert_eq!(login(&secrets.admin_email, "wrong-password-wrong").await.0, 401);
    let (status, token) = login(&secrets.admin_email, &secrets.admin_password).await;
    assert_eq!(status, 200, "{token}");
    let admin = token["accessToken"].as_str().unwrap().to_owned();
    let viewer = json!({"email": "viewer@example.com", "password": "a-good-long-password", "role": "viewer"});
    let (status, user) =
        call(&pipeline, Method::POST, format!("{console}/api/v1/users"), &admin, Some(viewer)).await;
    assert_eq!(status, 201, "{user}");
    let (_, token) = login("viewer@example.com", "a-good-long-password").await;
    let viewer = token["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(
        call(&pipeline, Method::GET, format!("{api}/api/v1/events?userId=u"), &viewer, None).await.0,
        200
    );
    assert_eq!(call(&pipeline, Method::POST, events(), &viewer, event()).await.0, 403);
    assert_eq!(
        call(
            &pipeline,
            Method::POST,
            format!("{console}/api/v1/keys"),
            &viewer,
            Some(json!({"scopes": ["read"]}))
        )
        .await
        .0,
        403
    );
    assert_eq!(
        call(
            &pipeline,
            Method::POST,
            format!("{api}/api/v1/dlq/replay"),
            &viewer,
            Some(json!({"dryRun": true}))
        )
        .await
        .0,
        403
    );
    assert_eq!(
        call(
            &pipeline,
            Method::POST,
            format!("{api}/api/v1/keys"),
            &admin,
            Some(json!({"scopes": ["read"]}))
        )
        .await
        .0,
        404,
        "keys are not on the public listener"
    );
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_above_its_rate_gets_429_and_nothing_of_that_request_is_queued() {
    let pipeline = Pipeline::start(Options { workers: 0, ..Options::default() }).await;
    let (_, key) = new_key(&pipeline, json!({"scopes": ["ingest"], "rateEventsPerSecond": 20})).await;
    let url = format!("{}/api/v1/events/batch", pipeline.api());
    let batch: Vec<Value> =
        (0..1000).map(|n| json!({"type": "t", "userId": "u", "id": n.to_string()})).collect();
    let first = call(&pipeline, Method::POST, url.clone(), &key, Some(json!(batch))).await;
    assert_eq!(first.0, 202, "a whole batch fits into the burst: {}", first.1);
    let queued = pipeline.queued_events().await;
    // The rate allows for them after half a minute, however slow this machine is.
    let more: Vec<Value> =
        (0..600).map(|n| json!({"type": "t", "userId": "u", "id": format!("more {n}")})).collect();
    let (status, body) = call(&pipeline, Method::POST, url, &key, Some(json!(more))).await;
    assert_eq!((status.as_u16(), &body["code"]), (429, &json!("rate_limited")));
    assert!(body["retryAfterSeconds"].as_u64().unwrap() >= 1);
    assert_eq!(pipeline.queued_events().await, queued);

    // At one event a second a batch would wait for a quarter of an hour: it is told what fits instead.
    let (_, slow) = new_key(&pipeline, json!({"scopes": ["ingest"], "rateEventsPerSecond": 1})).await;
    let limits =
        call(&pipeline, Method::GET, format!("{}/api/v1/limits", pipeline.api()), &slow, None).await.1;
    assert_eq!(limits["batchEventsMax"], 60);
    let send = async |from: usize, to: usize| {
        let url = format!("{}/api/v1/events/batch", pipeline.api());
        let events: Vec<Value> =
            (from..to).map(|n| json!({"type": "t", "userId": "slow", "id": n.to_string()})).collect();
        call(&pipeline, Method::POST, url, &slow, Some(json!(events))).await
    };
    let (status, body) = send(0, 61).await;
    assert_eq!(
        (status.as_u16(), &body["code"], &body["retryable"]),
        (413, &json!("too_many_events"), &json!(false))
    );
    assert!(body["detail"].as_str().unwrap().contains("at most 60 events"), "{body}");
    assert_eq!(send(0, 60).await.0, 202);
    let (status, body) = send(60, 120).await;
    assert_eq!(status, 429);
    assert!((50..=60).contains(&body["retryAfterSeconds"].as_u64().unwrap()), "{body}");
    assert_eq!(pipeline.queued_events().await, queued + 60);
    pipeline.stop().await;
}
