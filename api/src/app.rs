//! What the handlers share, and which paths each listener serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use accounts::Accounts;
use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use redis::aio::ConnectionManager;
use store::Store;
use utoipa_axum::router::OpenApiRouter;

use crate::access::Access;
use crate::console::{self, Console};
use crate::ingest::room::Room;
use crate::ingest::{Ingest, Pressure};
use crate::metrics::Metrics;
use crate::openapi;
use crate::problem::{ProblemCode, no_such_method, no_such_path};
use crate::routes;
use crate::routes::stats::Stats;
use crate::server::headers;
use crate::session;
use crate::settings::{Limits, Settings};

/// What a Redis says that cannot write to its disk, in words for whoever reads an answer.
pub const DISK: &str = "Redis cannot write to its disk, most likely because it is full: free some space there, and it goes on by itself";

/// A write that failed makes a process not ready for so long, unless another works before; after that nothing is known
/// of the next one. Longer than a write may take (`RESPONSE_TIMEOUT`), so that one that fails after the other is seen as one.
const WRITE_FAILED_MAX: Duration = Duration::from_secs(6);

/// What the handlers share.
pub struct App {
    /// `namespace/name`.
    pub pipeline: String,
    /// The files of the console.
    pub console: Console,
    /// What people may do.
    pub access: Access,
    /// Limits of requests.
    pub limits: Limits,
    /// For the bytes of bodies.
    pub room: Room,
    /// The way into the streams.
    pub ingest: Ingest,
    /// How full Redis is.
    pub pressure: Pressure,
    /// Keys and people.
    pub accounts: Accounts,
    /// Events and dead letters.
    pub store: Store,
    /// Short commands only; nothing here blocks.
    pub redis: ConnectionManager,
    /// Counters.
    pub metrics: Metrics,
    /// The last 15 minutes.
    pub stats: Stats,
    /// When the process began.
    pub started: Instant,
    /// Set at the first signal: ready no more.
    pub draining: AtomicBool,
}

/// What handlers take as state.
pub type Shared = Arc<App>;

impl App {
    /// Why Redis takes no events although it answers.
    pub fn refusing(&self) -> Option<&'static str> {
        if self.pressure.is_unwritable() {
            return Some(DISK);
        }
        self.pressure.is_full().then_some("Redis is full; workers are draining it")
    }

    /// Whether requests are answered here. Also while a store is away: a 503 with `Retry-After`, and what the other
    /// stores can answer, are worth more to a sender than a refused connection.
    pub fn serving(&self) -> Result<(), String> {
        if self.draining.load(Ordering::Relaxed) { Err("stopping".into()) } else { Ok(()) }
    }

    /// Whether this process can take events now; `Err` says why not.
    pub fn ready(&self) -> Result<(), String> {
        self.serving()?;
        if let Some(why) = self.refusing() {
            return Err(why.into());
        }
        if let Some(age) = self.ingest.last_write_failed().filter(|age| *age < WRITE_FAILED_MAX) {
            return Err(format!("Redis did not take the last write, {} s ago", age.as_secs()));
        }
        match self.pressure.answered() {
            Some((age, _)) if age.as_secs() < 3 => Ok(()),
            Some((age, _)) => Err(format!("Redis has not answered for {} s", age.as_secs())),
            None => Err("Redis has not answered yet".into()),
        }
    }
}

/// The routers of the two listeners, and the document that describes the larger one.
pub struct Routers {
    /// Port 3001.
    pub public: Router,
    /// Port 3000.
    pub console: Router,
}

/// Builds both routers.
pub fn routers(app: &Shared, settings: &Settings) -> Routers {
    let finish = |routes: OpenApiRouter<Shared>| -> Router {
        // Each listener describes what it serves and nothing else.
        let (router, mut document) = routes.split_for_parts();
        openapi::finish(&mut document);
        let json: Arc<str> = document.to_pretty_json().unwrap_or_default().into();
        let document = move || async move {
            ([(axum::http::header::CONTENT_TYPE, "application/json")], json.to_string())
        };
        router
            .route("/api/openapi.json", axum::routing::get(document))
            .fallback(no_such_path)
            .method_not_allowed_fallback(no_such_method)
            .with_state(Arc::clone(app))
    };
    let guard = |router: Router| {
        router
            .layer(headers::cors(&settings.allowed_origins))
            .layer(from_fn(headers::security))
            .layer(from_fn_with_state(app.metrics.clone(), count_problems))
    };
    let files = console::serve.with_state(app.console.clone());
    let console = finish(everything()).fallback_service(files).layer(from_fn(session::read));
    Routers { public: guard(finish(public())), console: guard(console) }
}

/// Whatever refused a request, and be it before its body was read, is counted.
async fn count_problems(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if let Some(ProblemCode(code)) = response.extensions().get() {
        metrics.problem(code);
    }
    response
}

/// The OpenAPI document of the larger listener.
pub fn document() -> String {
    let mut document = everything().into_openapi();
    openapi::finish(&mut document);
    document.to_pretty_json().unwrap_or_default()
}

fn public() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(openapi::start())
        .merge(routes::ingest::router())
        .merge(routes::events::router())
        .merge(routes::dlq::router())
        .merge(routes::health::router())
}

fn everything() -> OpenApiRouter<Shared> {
    public()
        .merge(routes::auth::router())
        .merge(routes::keys::router())
        .merge(routes::users::router())
        .merge(routes::stats::router())
        .merge(routes::scaling::router())
}
