//! Signing in, keys, people and settings over HTTP, with good and bad input.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod app;

use app::{ADMIN_EMAIL, ADMIN_PASSWORD, Api, BadRequest, FIRST_KEY};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_signs_in_makes_keys_and_people_and_takes_them_back() {
    let api = Api::start().await;
    let login = api.login(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    assert_eq!(login.status, 200, "{}", login.json);
    assert_eq!((&login.json["tokenType"], &login.json["expiresIn"]), (&"Bearer".into(), &1800.into()));
    let token = login.json["accessToken"].as_str().unwrap();
    let me = api.get("/api/v1/auth/me", token).await.json;
    assert_eq!(
        (&me["kind"], &me["email"], &me["role"]),
        (&"person".into(), &ADMIN_EMAIL.into(), &"admin".into())
    );
    assert_eq!(
        api.get("/api/v1/auth/me", FIRST_KEY).await.json["scopes"],
        serde_json::json!(["ingest", "read", "admin"])
    );

    let made = api
        .post("/api/v1/keys", token, r#"{"name": "shop", "scopes": ["ingest"], "rateEventsPerSecond": 9}"#)
        .await;
    assert_eq!(made.status, 201);
    let (key, id) = (made.json["key"].as_str().unwrap(), made.json["id"].as_str().unwrap());
    assert_eq!(made.headers["cache-control"], "no-store");
    let listed = api.get("/api/v1/keys?limit=1", token).await.json;
    assert_eq!(
        (&listed["keys"][0]["id"], &listed["keys"][0]["rateEventsPerSecond"]),
        (&id.into(), &9.into())
    );
    assert!(!listed.to_string().contains(&key[17..]), "no secret in a list");
    let next = listed["nextCursor"].as_str().unwrap();
    assert_eq!(
        api.get(&format!("/api/v1/keys?cursor={next}"), token).await.json["keys"][0]["name"],
        "first key"
    );
    assert_eq!(api.get("/api/v1/auth/me", key).await.status, 200);
    let revoked = api.send("DELETE", &format!("/api/v1/keys/{id}"), token, None).await;
    assert!(revoked.status == 200 && revoked.json["revokedAt"].is_string(), "{}", revoked.json);
    assert_eq!(api.get("/api/v1/auth/me", key).await.refusal(), (401, "credential_revoked", ""));

    let body = r#"{"email": "Ada@Example.com", "password": "analytical engine", "role": "viewer"}"#;
    let ada = api.post("/api/v1/users", token, body).await;
    assert_eq!((ada.status, &ada.json["email"]), (201, &"ada@example.com".into()));
    let path = format!("/api/v1/users/{}", ada.json["id"].as_str().unwrap());
    let hers = api.login("ada@example.com", "analytical engine").await.json["accessToken"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        api.get("/api/v1/users", &hers).await.json["users"].as_array().unwrap().len(),
        2,
        "a viewer looks"
    );
    assert_eq!(
        api.post("/api/v1/keys", &hers, r#"{"scopes": ["read"]}"#).await.refusal(),
        (403, "forbidden", "")
    );
    let promoted = api.send("PATCH", &path, token, Some(r#"{"role": "admin"}"#)).await;
    assert_eq!((promoted.status, &promoted.json["role"]), (200, &"admin".into()));
    assert_eq!(
        api.post("/api/v1/keys", &hers, r#"{"scopes": ["read"]}"#).await.status,
        201,
        "at once, with the same token"
    );
    assert_eq!(api.send("DELETE", &path, token, None).await.status, 204);
    assert_eq!(api.get("/api/v1/auth/me", &hers).await.refusal(), (401, "credential_unknown", ""));
    assert_eq!(
        api.login("ada@example.com", "analytical engine").await.refusal(),
        (401, "wrong_credentials", "")
    );

    assert_eq!(api.get("/api/v1/settings", token).await.json["timeZone"], "local");
    let settings = r#"{"theme": "dark", "timeZone": "Europe/Vienna", "pageRows": 50}"#;
    assert_eq!(api.send("PUT", "/api/v1/settings", token, Some(settings)).await.status, 200);
    let stored = api.get("/api/v1/settings", token).await.json;
    assert_eq!(stored, serde_json::from_str::<serde_json::Value>(settings).unwrap());
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_are_refused_with_status_code_and_place() {
    let api = Api::start().await;
    let viewer = api.viewer().await;
    let (ingest, read) = (api.key(r#"["ingest"]"#).await, api.key(r#"["read"]"#).await);
    let admin_id =
        api.get("/api/v1/users", FIRST_KEY).await.json["users"][1]["id"].as_str().unwrap().to_owned();
    let admin = format!("/api/v1/users/{admin_id}");
    let nobody = "/api/v1/users/01930000-0000-7000-8000-000000000000";
    let long = format!(r#"{{"scopes": ["read"], "name": "{}"}}"#, "x".repeat(101));
    let huge = format!(r#"{{"scopes": ["read"], "name": "{}"}}"#, "x".repeat(70_000));
    let unknown_key = FIRST_KEY.replace("000000000001", "zzzzzzzzzzzz");
    let wrong_secret = FIRST_KEY.replace("_0123", "_1123");
    let k = FIRST_KEY;
    #[rustfmt::skip]
    let table: &[BadRequest] = &[
        ("GET", "/api/v1/auth/me", "", None, (401, "credential_missing", "")),
        ("GET", "/api/v1/auth/me", "nonsense", None, (401, "credential_malformed", "")),
        ("GET", "/api/v1/auth/me", "epk_short_x", None, (401, "credential_malformed", "")),
        ("GET", "/api/v1/auth/me", &unknown_key, None, (401, "credential_unknown", "")),
        ("GET", "/api/v1/auth/me", &wrong_secret, None, (401, "credential_unknown", "")),
        ("GET", "/api/v1/keys", "", None, (401, "credential_missing", "")),
        ("GET", "/api/v1/keys", &read, None, (403, "forbidden", "")),
        ("GET", "/api/v1/keys", &ingest, None, (403, "forbidden", "")),
        ("GET", "/api/v1/keys?limit=0", k, None, (400, "bad_parameter", "limit")),
        ("GET", "/api/v1/keys?limit=1001", k, None, (400, "bad_parameter", "limit")),
        ("GET", "/api/v1/keys?limit=ten", k, None, (400, "bad_parameter", "limit")),
        ("GET", "/api/v1/keys?cursor=x", k, None, (400, "bad_parameter", "cursor")),
        ("GET", "/api/v1/keys?cursor=no-base62-at", k, None, (400, "bad_parameter", "cursor")),
        ("GET", "/api/v1/keys?cursor=", k, None, (400, "bad_parameter", "cursor")),
        ("GET", "/api/v1/keys?page=2", k, None, (400, "unknown_parameter", "page")),
        ("POST", "/api/v1/keys", &read, Some(r#"{"scopes": ["read"]}"#), (403, "forbidden", "")),
        ("POST", "/api/v1/keys", &viewer, Some("not even json"), (403, "forbidden", "")),
        ("POST", "/api/v1/keys", k, Some(""), (400, "invalid_json", "")),
        ("POST", "/api/v1/keys", k, Some("{"), (400, "invalid_json", "")),
        ("POST", "/api/v1/keys", k, Some("{}"), (422, "invalid_field", "/scopes")),
        ("POST", "/api/v1/keys", k, Some(r#"{"scopes": []}"#), (422, "invalid_field", "/scopes")),
        ("POST", "/api/v1/keys", k, Some(r#"{"scopes": ["root"]}"#), (422, "invalid_field", "/scopes/0")),
        ("POST", "/api/v1/keys", k, Some(r#"{"scopes": "read"}"#), (422, "invalid_field", "/scopes")),
        ("POST", "/api/v1/keys", k, Some(r#"{"scopes": ["read"], "name": ""}"#), (422, "invalid_field", "/name")),
        ("POST", "/api/v1/keys", k, Some(r#"{"scopes": ["read"], "name": "a\u0000b"}"#), (422, "invalid_field", "/name")),
        ("POST", "/api/v1/keys", k, Some(&long), (422, "invalid_field", "/name")),
        ("POST", "/api/v1/keys", k, Some(&huge), (413, "body_too_large", "")),
        ("POST", "/api/v1/keys", k, Some(r#"{"scopes": ["read"], "rateEventsPerSecond": 0}"#), (422, "invalid_field", "/rateEventsPerSecond")),
        ("POST", "/api/v1/keys", k, Some(r#"{"scopes": ["read"], "rateEventsPerSecond": -1}"#), (422, "invalid_field", "/rateEventsPerSecond")),
        ("POST", "/api/v1/keys", k, Some(r#"{"scopes": ["read"], "rateEventsPerSecond": 1.5}"#), (422, "invalid_field", "/rateEventsPerSecond")),
        ("POST", "/api/v1/keys", k, Some(r#"{"scopes": ["read"], "admin": true}"#), (422, "invalid_field", "/admin")),
        ("POST", "/api/v1/keys", k, None, (415, "unsupported_media_type", "")),
        ("PUT", "/api/v1/keys", k, None, (405, "method_not_allowed", "")),
        ("DELETE", "/api/v1/keys/zzzzzzzzzzzz", k, None, (404, "not_found", "")),
        ("DELETE", "/api/v1/keys/'%20or%20true", k, None, (404, "not_found", "")),
        ("DELETE", "/api/v1/keys/000000000001", &viewer, None, (403, "forbidden", "")),
        ("GET", "/api/v1/users", &read, None, (403, "forbidden", "")),
        ("GET", "/api/v1/users?cursor=1", k, None, (400, "bad_parameter", "cursor")),
        ("POST", "/api/v1/users", k, Some(r#"{"email": "x", "password": "long enough", "role": "viewer"}"#), (422, "invalid_field", "/email")),
        ("POST", "/api/v1/users", k, Some(r#"{"email": "a@b.c", "password": "short", "role": "viewer"}"#), (422, "invalid_field", "/password")),
        ("POST", "/api/v1/users", k, Some(r#"{"email": "a@b.c", "password": "long enough", "role": "root"}"#), (422, "invalid_field", "/role")),
        ("POST", "/api/v1/users", k, Some(r#"{"email": "a@b.c", "role": "viewer"}"#), (422, "invalid_field", "/password")),
        ("POST", "/api/v1/users", k, Some(r#"{"email": "ADMIN@example.com", "password": "long enough", "role": "viewer"}"#), (409, "email_taken", "/email")),
        ("POST", "/api/v1/users", &viewer, Some("{}"), (403, "forbidden", "")),
        ("PATCH", nobody, k, Some(r#"{"disabled": true}"#), (404, "not_found", "")),
        ("PATCH", "/api/v1/users/me", k, Some(r#"{"disabled": true}"#), (404, "not_found", "")),
        ("PATCH", &admin, k, Some("{}"), (422, "invalid_field", "")),
        ("PATCH", &admin, k, Some(r#"{"disabled": "yes"}"#), (422, "invalid_field", "/disabled")),
        ("PATCH", &admin, k, Some(r#"{"id": 1}"#), (422, "invalid_field", "/id")),
        ("PATCH", &admin, k, Some(r#"{"disabled": true}"#), (409, "last_admin", "")),
        ("PATCH", &admin, k, Some(r#"{"role": "viewer"}"#), (409, "last_admin", "")),
        ("PATCH", &admin, k, Some(r#"{"email": "viewer@example.com"}"#), (409, "email_taken", "/email")),
        ("DELETE", &admin, k, None, (409, "last_admin", "")),
        ("DELETE", nobody, k, None, (404, "not_found", "")),
        ("DELETE", &admin, &viewer, None, (403, "forbidden", "")),
        ("GET", "/api/v1/settings", k, None, (403, "people_only", "")),
        ("PUT", "/api/v1/settings", k, Some("not even json"), (403, "people_only", "")),
        ("PUT", "/api/v1/settings", "", Some("not even json"), (401, "credential_missing", "")),
        ("PUT", "/api/v1/settings", &viewer, Some(r#"{"theme": "pink"}"#), (422, "invalid_field", "/theme")),
        ("PUT", "/api/v1/settings", &viewer, Some(r#"{"timeZone": ""}"#), (422, "invalid_field", "/timeZone")),
        ("PUT", "/api/v1/settings", &viewer, Some(r#"{"pageRows": 5}"#), (422, "invalid_field", "/pageRows")),
        ("PUT", "/api/v1/settings", &viewer, Some(r#"{"colour": 1}"#), (422, "invalid_field", "/colour")),
        ("POST", "/api/v1/auth/login", "", Some(r#"{"email": "a@b.c"}"#), (422, "invalid_field", "/password")),
        ("POST", "/api/v1/auth/login", "", Some(r#"{"email": "nobody@b.c", "password": "x"}"#), (401, "wrong_credentials", "")),
        ("POST", "/api/v1/auth/login", "", Some(r#"{"email": "a\u0000b", "password": "x"}"#), (401, "wrong_credentials", "")),
        ("GET", "/api/v1/auth/login", "", None, (405, "method_not_allowed", "")),
        ("GET", "/api/v1/stats", &ingest, None, (403, "forbidden", "")),
    ];
    for (method, path, credential, body, expected) in table {
        let answer = api.send(method, path, credential, *body).await;
        assert_eq!(answer.refusal(), *expected, "{method} {path} {body:?}: {}", answer.json);
    }
    println!("{} bad requests", table.len());
    for _ in 0..3 {
        api.login(ADMIN_EMAIL, "a wrong guess").await;
    }
    let throttled = api.login(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    assert_eq!(throttled.refusal(), (429, "too_many_logins", ""), "from this address, whatever the e-mail");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_postgresql_away_administration_is_503_and_known_keys_read_on() {
    let mut api = Api::start().await;
    let never_used = api.key(r#"["read"]"#).await;
    api.stores.postgres.kill9();
    let killed = std::time::Instant::now();
    api.eventually("it is noticed", async || api.health().await.json["postgres"]["status"] == "away").await;
    assert!(killed.elapsed().as_millis() < 1_500, "{:?}", killed.elapsed());
    let health = api.health().await;
    assert_eq!(health.status, 503);
    let age = health.json["postgres"]["ageMs"].as_u64().unwrap();
    assert!(age < 4_000, "its last answer was {age} ms ago");
    let read = api.get("/api/v1/keys", FIRST_KEY).await;
    assert_eq!(read.refusal(), (503, "accounts_unavailable", ""));
    let words = read.json["detail"].as_str().unwrap();
    assert!(words.contains("ask again") && !words.contains("may or may not"), "of a read: {words}");
    let write = api.post("/api/v1/keys", FIRST_KEY, r#"{"scopes": ["read"]}"#).await;
    assert!(write.json["detail"].as_str().unwrap().contains("may or may not"), "{}", write.json);
    for (method, path, body) in [
        ("GET", "/api/v1/users", None),
        ("POST", "/api/v1/keys", Some(r#"{"scopes": ["read"]}"#)),
        ("DELETE", "/api/v1/keys/000000000001", None),
        ("POST", "/api/v1/auth/login", Some(r#"{"email": "a@b.c", "password": "x"}"#)),
    ] {
        let answer = api.send(method, path, FIRST_KEY, body).await;
        assert_eq!(answer.refusal(), (503, "accounts_unavailable", ""), "{method} {path}");
    }
    assert_eq!(api.get("/api/v1/auth/me", &never_used).await.refusal(), (503, "accounts_unavailable", ""));
    assert_eq!(api.get("/api/v1/stats", FIRST_KEY).await.status, 200);
    api.stop().await;
}
