//! The session of the console, and what it reads that programs do not: over HTTP, as a browser asks.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod app;

use app::{ADMIN_EMAIL, ADMIN_PASSWORD, Answer, Api, FIRST_KEY};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use http_body_util::BodyExt;
use plan::scaling::{Observation, Spec, State, Workers, decide};
use serde_json::{Value, json};
use stream::decisions::{Mode, Recorder, Stored};
use tower::ServiceExt;

/// What the console's own page sends with every request.
const OURS: &[(&str, &str)] = &[
    ("x-requested-with", "console"),
    ("sec-fetch-site", "same-origin"),
    ("host", "127.0.0.1:3000"),
    ("origin", "http://127.0.0.1:3000"),
];

async fn ask(router: &Router, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let peer = std::net::SocketAddr::from(([192, 0, 2, 1], 5_000));
    let request = request.extension(ConnectInfo(peer)).body(Body::from(body.to_owned())).unwrap();
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Answer { status: parts.status.as_u16(), headers: parts.headers, json }
}

/// The cookie as the browser sends it back.
fn cookie(answer: &Answer) -> String {
    answer.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_a_cookie_that_only_the_console_can_use_for_a_change() {
    let api = Api::start().await;
    let login = json!({"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}).to_string();
    let signed_in = ask(&api.console, "POST", "/api/v1/auth/login", OURS, &login).await;
    assert_eq!((signed_in.status, &signed_in.json["user"]["role"]), (200, &"admin".into()));
    assert_eq!(signed_in.json.get("accessToken"), None, "the page is given no token");
    let set = signed_in.headers["set-cookie"].to_str().unwrap();
    assert!(set.ends_with("; Path=/api; HttpOnly; SameSite=Strict; Max-Age=1800"), "{set}");
    let session = cookie(&signed_in);
    let with = |more: &[(&'static str, &'static str)]| {
        let mut headers = vec![("cookie", session.as_str())];
        headers.extend_from_slice(more);
        headers
    };

    let me = ask(&api.console, "GET", "/api/v1/auth/me", &with(&[]), "").await;
    assert_eq!((me.status, &me.json["email"]), (200, &ADMIN_EMAIL.into()));
    let key = r#"{"scopes": ["read"]}"#;
    assert_eq!(ask(&api.console, "POST", "/api/v1/keys", &with(OURS), key).await.status, 201);
    let refused =
        ask(&api.console, "POST", "/api/v1/keys", &with(&[("sec-fetch-site", "cross-site")]), key).await;
    assert_eq!(refused.refusal(), (403, "cross_site", ""));
    let public = ask(&api.public, "GET", "/api/v1/events?userId=a", &with(OURS), "").await;
    assert_eq!(public.refusal(), (401, "credential_missing", ""), "the public listener knows no cookie");
    // A key beside a cookie counts alone, whoever sends it.
    let by_key = ask(&api.console, "POST", "/api/v1/keys", &with(&[("x-api-key", FIRST_KEY)]), key).await;
    assert_eq!(by_key.status, 201);

    let renewed = ask(&api.console, "POST", "/api/v1/auth/refresh", &with(OURS), "").await;
    assert_eq!((renewed.status, &renewed.json["expiresIn"]), (200, &1800.into()));
    let other = cookie(&renewed);
    assert_ne!(other, session, "a new token");
    assert_eq!(ask(&api.console, "GET", "/api/v1/auth/me", &[("cookie", &other)], "").await.status, 200);
    assert_eq!(ask(&api.console, "POST", "/api/v1/auth/logout", &with(&[]), "").await.status, 403);
    let out = ask(&api.console, "POST", "/api/v1/auth/logout", &with(OURS), "").await;
    assert_eq!((out.status, cookie(&out).as_str()), (204, "ep_session="));
    let empty = ask(&api.console, "GET", "/api/v1/auth/me", &[("cookie", "ep_session=")], "").await;
    assert_eq!(empty.refusal(), (401, "credential_missing", ""));

    // Programs sign in as before.
    let program = api.login(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    assert!(program.json["accessToken"].is_string());
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_takes_another_password_and_stays_signed_in_where_they_did_and_nowhere_else() {
    let api = Api::start().await;
    let sign_in = async |password: &str| {
        let login = json!({"email": ADMIN_EMAIL, "password": password}).to_string();
        ask(&api.console, "POST", "/api/v1/auth/login", OURS, &login).await
    };
    let (here, elsewhere) = (cookie(&sign_in(ADMIN_PASSWORD).await), cookie(&sign_in(ADMIN_PASSWORD).await));
    let change = async |session: &str, current: &str, new: &str| {
        let headers: Vec<_> = [("cookie", session)].into_iter().chain(OURS.iter().copied()).collect();
        let body = json!({"currentPassword": current, "newPassword": new}).to_string();
        ask(&api.console, "POST", "/api/v1/auth/password", &headers, &body).await
    };
    let me =
        async |session: &str| ask(&api.console, "GET", "/api/v1/auth/me", &[("cookie", session)], "").await;
    let guess = change(&here, "a wrong guess", "a longer password").await;
    assert_eq!(guess.refusal(), (422, "wrong_password", "/currentPassword"));
    let short = change(&here, ADMIN_PASSWORD, "short").await;
    assert_eq!(short.refusal(), (422, "invalid_field", "/newPassword"));
    assert_eq!(me(&here).await.status, 200, "nothing has changed");

    let changed = change(&here, ADMIN_PASSWORD, "a longer password").await;
    assert_eq!((changed.status, &changed.json["user"]["email"]), (200, &ADMIN_EMAIL.into()));
    assert_eq!(changed.json.get("accessToken"), None, "the page is given no token");
    assert_eq!(me(&cookie(&changed)).await.status, 200, "signed in anew");
    for old in [&here, &elsewhere] {
        assert_eq!(me(old).await.refusal(), (401, "credential_revoked", ""));
    }
    assert_eq!(sign_in(ADMIN_PASSWORD).await.refusal(), (401, "wrong_credentials", ""));
    assert_eq!(sign_in("a longer password").await.status, 200);

    // Whoever finds a page left open guesses as slowly as at the login.
    let open = cookie(&changed);
    let mut throttled = 0;
    for _ in 0..7 {
        throttled += usize::from(change(&open, "a guess", "a password of theirs").await.status == 429);
    }
    assert!(throttled > 0, "never throttled");
    let key = api.post("/api/v1/auth/password", FIRST_KEY, "{}").await;
    assert_eq!(key.refusal(), (403, "people_only", ""));
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_read_only_console_people_look_and_change_nothing_and_programs_go_on() {
    let api = Api::with(&[("CONSOLE_ACCESS", "ReadOnly")]).await;
    let login = json!({"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}).to_string();
    let signed_in = ask(&api.console, "POST", "/api/v1/auth/login", OURS, &login).await;
    assert_eq!((signed_in.status, &signed_in.json["user"]["access"]), (200, &"ReadOnly".into()));
    let session = cookie(&signed_in);
    let page: Vec<_> = [("cookie", session.as_str())].into_iter().chain(OURS.iter().copied()).collect();
    let program = api.login(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let bearer = format!("Bearer {}", program.json["accessToken"].as_str().unwrap());
    let token = [("authorization", bearer.as_str())];
    let user = r#"{"email": "a@b.c", "password": "long enough", "role": "viewer"}"#;
    let password = r#"{"currentPassword": "correct horse battery", "newPassword": "long enough"}"#;
    let event = r#"{"id": "a", "type": "t", "userId": "u"}"#;
    let letters = |dry_run: bool| format!(r#"{{"filter": {{}}, "dryRun": {dry_run}}}"#);
    let refused = (403, "console_read_only", "");
    for headers in [page.as_slice(), &token] {
        for (method, path, body) in [
            ("POST", "/api/v1/keys", r#"{"scopes": ["read"]}"#),
            ("DELETE", "/api/v1/keys/000000000001", ""),
            ("POST", "/api/v1/users", user),
            ("PATCH", "/api/v1/users/01930000-0000-7000-8000-000000000000", r#"{"disabled": true}"#),
            ("DELETE", "/api/v1/users/01930000-0000-7000-8000-000000000000", ""),
            ("POST", "/api/v1/auth/password", password),
            ("POST", "/api/v1/events", event),
            ("POST", "/api/v1/events/batch", event),
            ("POST", "/api/v1/dlq/replay", &letters(false)),
            ("POST", "/api/v1/dlq/discard", &letters(false)),
        ] {
            let answer = ask(&api.console, method, path, headers, body).await;
            assert_eq!(answer.refusal(), refused, "{method} {path}: {}", answer.json);
            assert!(answer.json["detail"].as_str().unwrap().contains("spec.console.access: ReadWrite"));
        }
        for (method, path, body) in [
            ("GET", "/api/v1/users", ""),
            ("GET", "/api/v1/auth/me", ""),
            ("PUT", "/api/v1/settings", r#"{"theme": "dark"}"#),
            ("POST", "/api/v1/dlq/replay", &letters(true)),
            ("POST", "/api/v1/dlq/discard", &letters(true)),
            ("POST", "/api/v1/auth/refresh", ""),
        ] {
            let answer = ask(&api.console, method, path, headers, body).await;
            assert_eq!(answer.status, 200, "{method} {path}: {}", answer.json);
        }
    }
    let nobody = ask(&api.console, "POST", "/api/v1/keys", &[], "{}").await;
    assert_eq!(nobody.refusal(), (401, "credential_missing", ""), "who is not known is asked that first");
    // The token of a person is no way around it.
    assert_eq!(ask(&api.public, "POST", "/api/v1/events", &token, event).await.refusal(), refused);
    for router in [&api.public, &api.console] {
        let sent = ask(router, "POST", "/api/v1/events", &[("x-api-key", FIRST_KEY)], event).await;
        assert_eq!(sent.status, 202, "{}", sent.json);
    }
    assert_eq!(api.post("/api/v1/keys", FIRST_KEY, r#"{"scopes": ["read"]}"#).await.status, 201);
    assert_eq!(ask(&api.console, "POST", "/api/v1/auth/logout", &page, "").await.status, 204);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_of_the_law_are_told_newest_first_and_the_same_one_once() {
    let api = Api::start().await;
    let empty = api.get("/api/v1/scaling", FIRST_KEY).await;
    assert_eq!((empty.status, &empty.json), (200, &json!({"decisions": []})));
    let ingest_only = api.key(r#"["ingest"]"#).await;
    assert_eq!(api.get("/api/v1/scaling", &ingest_only).await.refusal(), (403, "forbidden", ""));

    let mut redis = api.app.redis.clone();
    let mut told = Recorder::default();
    let workers = Workers { desired: 2, ready: 2, ..Workers::default() };
    let mut state = State::default();
    for (n, lag) in [0.0, 0.0, 0.0, 90_000.0].into_iter().enumerate() {
        let at = f64::from(u32::try_from(n).unwrap()).mul_add(5.0, 1_769_853_600.0);
        let observation = Observation {
            at,
            lag_events: Some(lag),
            pending_events: Some(0.0),
            orphaned_events: Some(0.0),
            oldest_seconds: Some(lag / 1_000.0),
            arrived_events: Some(lag),
            processed_events: Some(0.0),
            busy_seconds: Some(0.0),
            workers,
            sink_errors: Some(0.0),
        };
        let (decision, next) = decide(state, &observation, &Spec::default());
        state = next;
        let record = serde_json::to_value(&decision).unwrap();
        let at_ms = 1_769_853_600_000 + 5_000 * u64::try_from(n).unwrap();
        let made = Stored::new(at_ms, Mode::DryRun, decision.sentence(), record);
        told.note(&mut redis, &api.app.pipeline, &decision.gist(), made).await.unwrap();
    }
    let list = api.get("/api/v1/scaling", FIRST_KEY).await.json["decisions"].clone();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2, "{list:?}");
    assert_eq!((&list[0]["current"], &list[0]["backlogEvents"]), (&2.into(), &json!(90_000.0)));
    let sentence = list[0]["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("only told, `scaling` is DryRun: "), "{sentence}");
    assert!(sentence.contains("90,000 events wait"), "{sentence}");
    assert_eq!(list[0]["mode"], "DryRun");
    assert_eq!(
        (&list[1]["since"], &list[1]["at"]),
        (&"2026-01-31T10:00:00.000Z".into(), &"2026-01-31T10:00:10.000Z".into()),
        "three times the same is one row that began with the first"
    );
    api.stop().await;
}
