//! The whole API within the test's process, on real stores of its own.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use accounts::Accounts;
use api::app::{App, Shared, routers};
use api::console::Console;
use api::ingest::room::Room;
use api::ingest::{Ingest, Pressure};
use api::metrics::Metrics;
use api::routes::stats::Stats;
use api::settings::Settings;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use local::stores::{Options, Stores};
use serde_json::Value;
use service::settings::Reader;
use tempfile::TempDir;
use tower::ServiceExt;

pub const FIRST_KEY: &str = "epk_000000000001_0123456789012345678901234567890123456789";
pub const ADMIN_EMAIL: &str = "admin@example.com";
pub const ADMIN_PASSWORD: &str = "correct horse battery";

/// Method, path, credential, body, and what comes back: status, code, pointer or parameter.
pub type BadRequest<'a> = (&'a str, &'a str, &'a str, Option<&'a str>, (u16, &'a str, &'a str));

pub struct Api {
    pub stores: Stores,
    pub app: Shared,
    pub console: Router,
    pub public: Router,
    folder: TempDir,
}

pub struct Answer {
    pub status: u16,
    pub headers: axum::http::HeaderMap,
    pub json: Value,
}

impl Answer {
    /// Status, code and pointer or parameter: what a table of bad requests compares.
    pub fn refusal(&self) -> (u16, &str, &str) {
        let text = |name: &str| self.json[name].as_str().unwrap_or_default();
        let place = if self.json["pointer"].is_string() { text("pointer") } else { text("parameter") };
        (self.status, text("code"), place)
    }
}

impl Api {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With more settings.
    pub async fn with(more: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stores = Stores::start(folder.path(), Options::default()).await.unwrap();
        let mut reader = Reader::new(
            [
                ("REDIS_URL", stores.redis_url()),
                ("MONGODB_URI", stores.mongodb_uri()),
                ("POSTGRES_URL", stores.postgres_url()),
                ("JWT_SECRET", "0123456789abcdef0123456789abcdef".into()),
                ("FIRST_API_KEY", FIRST_KEY.into()),
                ("ADMIN_EMAIL", ADMIN_EMAIL.into()),
                ("ADMIN_PASSWORD", ADMIN_PASSWORD.into()),
            ]
            .into_iter()
            .chain(more.iter().map(|(name, value)| (*name, (*value).to_owned())))
            .map(|(name, value)| (name.to_owned(), value)),
        );
        let settings = Settings::read(&mut reader);
        reader.finish().unwrap();
        let redis = stream::connect(&settings.redis_url).await.unwrap();
        let accounts = Accounts::connect(&settings.accounts, redis.clone()).await.unwrap();
        let store = store::connect(&settings.mongodb_uri, &settings.mongodb_database).await.unwrap();
        let pressure = Pressure::default();
        let ingest = Ingest::start(&settings.pipeline, settings.redis_partitions, &redis, &pressure);
        let keys: Vec<_> = ingest.all_keys().cloned().collect();
        for keys in &keys {
            stream::ensure_group(&mut redis.clone(), keys).await.unwrap();
        }
        pressure.watch(keys.clone(), redis.clone(), settings.redis_memory_bytes);
        let metrics = Metrics::new(&service::inside::Metrics::default());
        let app = Arc::new(App {
            pipeline: settings.pipeline.clone(),
            console: Console::load(&settings.console_dir).unwrap(),
            access: settings.console_access,
            limits: settings.limits,
            room: Room::new(&settings.limits),
            pressure,
            stats: Stats::start(keys, redis.clone(), store.clone(), metrics.clone()),
            ingest,
            accounts,
            store,
            redis,
            metrics,
            started: Instant::now(),
            draining: AtomicBool::new(false),
        });
        let routers = routers(&app, &settings);
        let api = Self { stores, app, console: routers.console, public: routers.public, folder };
        api.eventually("PostgreSQL is ready", async || {
            api.get("/api/v1/keys", FIRST_KEY).await.status == 200
        })
        .await;
        api
    }

    pub async fn get(&self, path: &str, credential: &str) -> Answer {
        self.send("GET", path, credential, None).await
    }

    /// `/api/health`, which is no problem even when it is a 503.
    pub async fn health(&self) -> Answer {
        let request = Request::builder().uri("/api/health").body(Body::empty()).unwrap();
        let (parts, body) = self.public.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            json: serde_json::from_slice(&bytes).unwrap(),
        }
    }

    pub async fn post(&self, path: &str, credential: &str, body: &str) -> Answer {
        self.send("POST", path, credential, Some(body)).await
    }

    pub async fn send(&self, method: &str, path: &str, credential: &str, body: Option<&str>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !credential.is_empty() {
            request = request.header("authorization", format!("Bearer {credential}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let peer = SocketAddr::from(([192, 0, 2, 1], 5_000));
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_owned()));
        let request = request.extension(ConnectInfo(peer)).body(body).unwrap();
        let response = self.console.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let json = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        if parts.status.is_client_error() || parts.status.is_server_error() {
            assert_eq!(parts.headers["content-type"], "application/problem+json", "{json}");
            assert_eq!(json["status"], parts.status.as_u16());
            let retryable =
                [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&parts.status);
            assert_eq!(json["retryable"], retryable, "{json}");
            assert_eq!(parts.headers.contains_key("retry-after"), retryable, "{json}");
        }
        Answer { status: parts.status.as_u16(), headers: parts.headers, json }
    }

    pub async fn login(&self, email: &str, password: &str) -> Answer {
        let body = serde_json::json!({"email": email, "password": password}).to_string();
        self.post("/api/v1/auth/login", "", &body).await
    }

    /// A token of a viewer made for the purpose.
    pub async fn viewer(&self) -> String {
        let body = r#"{"email": "viewer@example.com", "password": "a viewer's password", "role": "viewer"}"#;
        assert_eq!(self.post("/api/v1/users", FIRST_KEY, body).await.status, 201);
        let answer = self.login("viewer@example.com", "a viewer's password").await;
        answer.json["accessToken"].as_str().unwrap().to_owned()
    }

    /// A key with these scopes.
    pub async fn key(&self, scopes: &str) -> String {
        let answer = self.post("/api/v1/keys", FIRST_KEY, &format!(r#"{{"scopes": {scopes}}}"#)).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        answer.json["key"].as_str().unwrap().to_owned()
    }

    pub async fn eventually(&self, what: &str, mut condition: impl AsyncFnMut() -> bool) {
        let start = Instant::now();
        while !condition().await {
            assert!(start.elapsed() < Duration::from_secs(30), "in vain: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// At once: an orderly stop of PostgreSQL would wait for the connections of the API.
    pub async fn stop(mut self) {
        self.stores.postgres.kill9();
        self.stores.stop_and_forget().await;
    }
}
