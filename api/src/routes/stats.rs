//! `/api/v1/stats`: the last 15 minutes of figures, for those who have no Prometheus.

use accounts::Scope;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::auth::Caller;
use crate::problem::Problem;
pub use crate::sampler::Stats;
use crate::sampler::{PERIOD, Sample};

/// The routes of this file.
pub fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(stats))
}

/// Samples, oldest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatsReply {
    /// `namespace/name` of the pipeline.
    pipeline: String,
    /// Events taken since the streams were made; `null`: not known.
    events_in_total: Option<u64>,
    /// Shards that hold the events; 0: MongoDB is not sharded; `null`: not known.
    shards: Option<usize>,
    /// Between two samples.
    interval_seconds: u64,
    /// At most 15 minutes of them; fewer after a start.
    samples: Vec<Sample>,
}

/// The last 15 minutes.
#[utoipa::path(get, path = "/api/v1/stats", tag = "stats", responses(
    (status = 200, description = "Samples, oldest first", body = StatsReply),
))]
async fn stats(State(app): State<Shared>, caller: Caller) -> Result<Json<StatsReply>, Problem> {
    caller.require(Scope::Read)?;
    Ok(Json(StatsReply {
        pipeline: app.pipeline.clone(),
        events_in_total: app.stats.events_in_total(),
        shards: app.stats.shards(),
        interval_seconds: PERIOD.as_secs(),
        samples: app.stats.samples(),
    }))
}
