//! `/api/live`, `/api/ready`, `/api/health` and `/api/v1/limits`.

use std::time::Duration;

use accounts::Scope;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::auth::Caller;
use crate::code::Code;
use crate::problem::Problem;

/// The routes of this file.
pub fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(live))
        .routes(routes!(ready))
        .routes(routes!(health))
        .routes(routes!(limits))
}

/// The runtime answers; nothing else is asked, since a restart mends nothing else.
#[utoipa::path(get, path = "/api/live", tag = "health", responses((status = 200, description = "Alive", body = Word)))]
async fn live() -> Json<Word> {
    Json(Word { status: "live" })
}

/// Whether this process can take events now, from its last real looks at Redis.
#[utoipa::path(get, path = "/api/ready", tag = "health", responses(
    (status = 200, description = "Takes events", body = Word),
    (status = 503, description = "Does not, and why", body = Problem, content_type = "application/problem+json"),
))]
async fn ready(State(app): State<Shared>) -> Result<Json<Word>, Problem> {
    match app.ready() {
        Ok(()) => Ok(Json(Word { status: "ready" })),
        Err(why) => Err(Problem::unavailable(Code::NotReady, why, app.pressure.retry_after_seconds())),
    }
}

/// One word.
#[derive(Serialize, ToSchema)]
pub struct Word {
    status: &'static str,
}

/// Every dependency with the age and the latency of its last answer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `ok`, or `degraded` when a dependency is not.
    status: &'static str,
    /// Version of this program.
    version: &'static str,
    uptime_seconds: u64,
    redis: Dependency,
    postgres: Dependency,
    mongodb: Dependency,
    /// Bytes of frames that workers have not acknowledged.
    queued_bytes: u64,
}

/// One dependency.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// `ok`, `away`, or `refusing`: it answers and takes no events.
    status: &'static str,
    /// Milliseconds since it last answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_ms: Option<u64>,
    /// Milliseconds that the last answer took.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<f64>,
    /// What is wrong and what still works.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Redis is looked at five times a second; as old as readiness takes it.
const REDIS_AGE_MAX: Duration = Duration::from_secs(3);
/// PostgreSQL is looked at every 0.4 s and a look is given up after 1.5 s; twice that, since a busy one answers late.
const POSTGRES_AGE_MAX: Duration = Duration::from_secs(4);
/// MongoDB is looked at every 5 s; three missed looks, since a busy one answers some of them too late.
const MONGODB_AGE_MAX: Duration = Duration::from_secs(16);

impl Dependency {
    /// An answer older than `age_max` counts as none.
    fn new(answered: Option<(Duration, Duration)>, age_max: Duration, without: &str) -> Self {
        let fresh = answered.is_some_and(|(age, _)| age < age_max);
        Self {
            status: if fresh { "ok" } else { "away" },
            age_ms: answered.map(|(age, _)| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            latency_ms: answered.map(|(_, took)| took.as_secs_f64() * 1000.0),
            detail: (!fresh).then(|| without.to_owned()),
        }
    }

    /// The same, for one that answers and refuses.
    fn refusing(self, why: Option<&str>) -> Self {
        match why {
            Some(why) if self.status == "ok" => {
                Self { status: "refusing", detail: Some(why.to_owned()), ..self }
            }
            _ => self,
        }
    }
}

/// Each dependency with its age and latency.
#[utoipa::path(get, path = "/api/health", tag = "health", responses(
    (status = 200, description = "All answer", body = Health),
    (status = 503, description = "One is away, or refuses events", body = Health),
))]
async fn health(State(app): State<Shared>) -> Response {
    let without = "Redis is away: events are answered with 503";
    let redis = Dependency::new(app.pressure.answered(), REDIS_AGE_MAX, without).refusing(app.refusing());
    let postgres = app.accounts.health();
    // A connection that broke says so at once; one that is silent is found out by its age.
    let age_max = if postgres.ready { POSTGRES_AGE_MAX } else { Duration::ZERO };
    let without = "PostgreSQL is away: known API keys go on working, unknown ones get 503";
    let postgres = Dependency::new(postgres.answered_ago.zip(postgres.latency), age_max, without);
    let without = "MongoDB is away: events queue up, reads get 503";
    let mongodb = Dependency::new(app.stats.mongodb_answered(), MONGODB_AGE_MAX, without);
    let ok = [&redis, &postgres, &mongodb].iter().all(|dependency| dependency.status == "ok");
    let health = Health {
        status: if ok { "ok" } else { "degraded" },
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: app.started.elapsed().as_secs(),
        redis,
        postgres,
        mongodb,
        queued_bytes: app.pressure.queued_bytes(),
    };
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}

/// The limits in force.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitsReply {
    body_bytes_max: usize,
    inflated_bytes_max: usize,
    /// Of the calling key: at a low rate no more than a minute's worth.
    batch_events_max: usize,
    event_bytes_max: usize,
    id_bytes_max: usize,
    type_bytes_max: usize,
    user_id_bytes_max: usize,
    depth_max: usize,
    /// Of the calling key; `null`: no limit.
    events_per_second: Option<u32>,
    /// Of keys that have no rate of their own; `null`: no limit.
    default_events_per_second: Option<u32>,
    content_encodings: [&'static str; 3],
    acks: [&'static str; 1],
}

/// The limits in force, for the calling key.
#[utoipa::path(get, path = "/api/v1/limits", tag = "events", responses(
    (status = 200, description = "Limits", body = LimitsReply),
    (status = "4XX", description = "Not allowed", body = Problem, content_type = "application/problem+json"),
))]
async fn limits(State(app): State<Shared>, caller: Caller) -> Result<Json<LimitsReply>, Problem> {
    let (events_per_second, at_once) = match &caller {
        Caller::Key(key) => {
            let at_once = key.limiter.as_ref().and_then(|limiter| usize::try_from(limiter.capacity()).ok());
            (key.rate.or(app.limits.events_per_second), at_once)
        }
        Caller::Person(_) => {
            caller.require(Scope::Read)?;
            (None, None)
        }
    };
    Ok(Json(LimitsReply {
        body_bytes_max: app.limits.body_bytes_max,
        inflated_bytes_max: app.limits.inflated_bytes_max,
        batch_events_max: at_once.unwrap_or(usize::MAX).min(app.limits.batch_events_max),
        event_bytes_max: app.limits.event_bytes_max,
        id_bytes_max: event::ID_BYTES_MAX,
        type_bytes_max: event::TYPE_BYTES_MAX,
        user_id_bytes_max: event::USER_ID_BYTES_MAX,
        depth_max: event::DEPTH_MAX,
        events_per_second,
        default_events_per_second: app.limits.events_per_second,
        content_encodings: ["identity", "gzip", "zstd"],
        acks: ["queued"],
    }))
}
