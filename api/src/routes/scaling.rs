//! `/api/v1/scaling`: why there are as many workers as there are. The autoscaler writes its decisions into Redis, each
//! with its sentence; here they are only told.

use accounts::Scope;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use stream::decisions::Mode;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::auth::Caller;
use crate::code::Code;
use crate::ingest::unix_ms;
use crate::problem::Problem;
use crate::stored::rfc3339;

/// Seconds to wait after Redis was not there.
const RETRY_AFTER_SECONDS: u64 = 2;

/// The routes of this file.
pub fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(scaling))
}

/// Decisions of the autoscaler.
#[derive(Serialize, ToSchema)]
pub struct ScalingReply {
    /// Newest first, at most 50. Empty: nothing scales this pipeline, or it has not decided yet.
    decisions: Vec<ScalingDecision>,
}

/// One decision that stood for a while. Its numbers are those of the last time it was made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScalingDecision {
    /// When it was made first.
    #[schema(format = DateTime)]
    since: String,
    /// When it was made last.
    #[schema(format = DateTime)]
    at: String,
    /// Seconds since it was made last.
    age_seconds: u64,
    /// `Lag`: it is obeyed. `Manual`, `DryRun` (of `scaling`), `Paused`, `Stopped` (of `desiredState`): it is not, and
    /// only told. `null`: an older release wrote it.
    #[schema(value_type = Option<String>, example = "Lag")]
    mode: Option<Mode>,
    /// What, why, and from which numbers; of one that is not obeyed, that it is not.
    sentence: String,
    #[serde(flatten)]
    record: Record,
}

/// What is told of the record that the law made; the rest of it is passed over.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScalingRecord)]
struct Record {
    /// Workers there were.
    current: u32,
    /// Workers there should be.
    desired: u32,
    /// Why, for programs.
    #[schema(example = "BacklogAboveTarget")]
    reason: String,
    /// Workers needed; `null`: not reckoned.
    need: Option<f64>,
    /// `Known`, `Estimated` or `Unknown`.
    certainty: String,
    /// Events that wait for a worker; `null`: not known.
    backlog_events: Option<f64>,
    /// Age of the oldest of them, in seconds.
    oldest_seconds: Option<f64>,
    /// Events a second that arrive, and that are processed.
    rates: Rates,
    /// Events a second of one busy worker; `null`: not measured yet.
    mu: Option<f64>,
    /// What limited the answer.
    clamps: Vec<Clamp>,
}

/// Events a second.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = ScalingRates)]
struct Rates {
    /// That arrive.
    arrival: f64,
    /// That are processed; `null`: not known.
    processed: Option<f64>,
}

/// One limit that changed the number of workers.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = ScalingClamp)]
struct Clamp {
    /// Which.
    #[schema(example = "maxReplicas")]
    by: String,
    /// Workers before.
    from: u32,
    /// Workers after.
    to: u32,
}

/// Why there are as many workers as there are.
#[utoipa::path(get, path = "/api/v1/scaling", tag = "stats", responses(
    (status = 200, description = "Decisions, newest first", body = ScalingReply),
))]
async fn scaling(State(app): State<Shared>, caller: Caller) -> Result<Json<ScalingReply>, Problem> {
    caller.require(Scope::Read)?;
    let stored = stream::decisions::read(&mut app.redis.clone(), &app.pipeline).await;
    let stored = stored.map_err(|error| {
        tracing::warn!(%error, "the scaling decisions were not read");
        Problem::unavailable(Code::RedisUnavailable, "Redis is out of reach", RETRY_AFTER_SECONDS)
    })?;
    let now = unix_ms();
    let told = stored.into_iter().filter_map(|decision| {
        // Written by another version: passed over rather than guessed at.
        let record = serde_json::from_value(decision.record).ok()?;
        Some(ScalingDecision {
            since: rfc3339(decision.since_ms.cast_signed()),
            at: rfc3339(decision.at_ms.cast_signed()),
            age_seconds: now.saturating_sub(decision.at_ms) / 1000,
            mode: decision.mode,
            sentence: decision.sentence,
            record,
        })
    });
    Ok(Json(ScalingReply { decisions: told.collect() }))
}
