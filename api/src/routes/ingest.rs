//! `POST /api/v1/events` and `/api/v1/events/batch`: the way in.

use std::time::Instant;

use accounts::{AboveRate, Scope};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use event::parse::{Accepted, BodyError, Context, Parsed};
use event::{Reject, doc, parse};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::{DISK, Shared};
use crate::auth::Caller;
use crate::code::Code;
use crate::ingest::room::{BSON_TIMES, Share, overloaded};
use crate::ingest::{Failure, Outcome, Ticket, body, unix_ms};
use crate::prefer::Prefer;
use crate::problem::{ERRORS_LISTED_MAX, Problem, ProblemItem};

/// Seconds to wait while the pipeline is stopped: a person decides when that ends.
const STOPPED_RETRY_AFTER_SECONDS: u64 = 60;
/// Seconds to wait while Redis cannot write to its disk: a person frees space, and Redis finds out within a second.
const DISK_RETRY_AFTER_SECONDS: u64 = 10;

/// The routes of this file.
pub fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(one)).routes(routes!(batch))
}

/// A batch: its events, alone or as an object's only field.
#[derive(ToSchema)]
#[schema(as = Batch)]
#[serde(untagged)]
#[allow(dead_code, reason = "only described in the OpenAPI document")]
enum BatchBody {
    /// The events.
    Alone(Vec<EventBody>),
    /// An object that has them.
    Named {
        /// The events.
        events: Vec<EventBody>,
    },
}

/// An event as it is sent.
#[derive(ToSchema)]
#[schema(as = Event)]
#[allow(
    dead_code,
    reason = "only described in the OpenAPI document; the body is read in one pass without it"
)]
struct EventBody {
    /// The sender's idempotency key, at most 128 bytes. Without it the server makes one.
    #[schema(value_type = String, required = false, example = "order-4711-paid", min_length = 1, max_length = 128)]
    id: Option<String>,
    /// What happened, at most 200 bytes.
    #[schema(example = "order.paid", min_length = 1, max_length = 200)]
    r#type: String,
    /// Whose it is, 1 to 200 bytes; the shard key.
    #[schema(rename = "userId", example = "user-42", min_length = 1, max_length = 200)]
    user_id: String,
    /// When it happened, RFC 3339; without it, when it was received.
    #[schema(value_type = String, required = false, example = "2026-01-31T12:00:00.000Z", format = DateTime)]
    timestamp: Option<String>,
    /// Anything, at most 32 levels deep.
    #[schema(value_type = Object, required = false)]
    properties: Option<()>,
}

/// The answer to one event.
#[derive(Serialize, ToSchema)]
pub struct OneReply<'a> {
    /// The event's id, the sender's or the server's.
    id: &'a str,
    /// `accepted` or `duplicate`.
    status: &'static str,
    /// What was waited for.
    ack: &'static str,
    /// Whether the event can be sent again without being stored twice.
    idempotent: bool,
}

/// The answer to a batch of which at least one event was taken.
#[derive(Serialize, ToSchema)]
pub struct BatchReply {
    /// Queued now.
    accepted: usize,
    /// Queued or stored before, or twice in this batch.
    duplicates: usize,
    /// Refused for good.
    rejected: usize,
    /// To be sent again with the same ids.
    retry: usize,
    /// What was waited for.
    ack: &'static str,
    /// The events that were not plainly accepted; all with `Prefer: return=representation`.
    results: Vec<ItemReply>,
}

/// What became of one event of a batch.
#[derive(Serialize, ToSchema)]
pub struct ItemReply {
    index: usize,
    /// The event's id; of a rejected event the sender's, when it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// `accepted`, `duplicate`, `rejected` or `retry`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    retryable: bool,
}

/// Take one event.
#[utoipa::path(post, path = "/api/v1/events", tag = "events", request_body = EventBody, responses(
    (status = 202, description = "Queued", body = OneReply),
    (status = 400, description = "No JSON, or a header that cannot be; nothing was queued", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "Too large, or too many events; nothing was queued", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "JSON of another shape than an event's; the pointer says where; nothing was queued", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Above the key's rate: send it again after `Retry-After`; nothing was queued", body = Problem, content_type = "application/problem+json"),
    (status = "4XX", description = "Mend it first; nothing was queued", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "Send it again with the same id", body = Problem, content_type = "application/problem+json"),
))]
async fn one(
    State(app): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mut request = Request::begin(&app, &caller, &headers, body).await?;
    let parsed =
        parse::single(&request.body, &mut request.context(&mut Uuid::now_v7)).map_err(refused_body)?;
    request.encoded(&parsed)?;
    let accepted = match parsed.events.first() {
        Some(Ok(accepted)) => accepted,
        Some(Err(reject)) => {
            app.metrics.reject(Code::from(reject.code).as_str());
            return Err(refused_event(reject));
        }
        None => return Err(Problem::new(Code::InvalidJson, "the body is empty")),
    };
    let outcomes = request.queue(&parsed, &caller).await?;
    let status = match outcomes.first() {
        Some(Outcome::Accepted) => "accepted",
        Some(Outcome::Duplicate) => "duplicate",
        Some(Outcome::Retry(failure)) => return Err(not_queued(&app, *failure)),
        None => return Err(not_queued(&app, Failure::Unavailable)),
    };
    let id = doc::client_id(parsed.doc(accepted)).unwrap_or_default();
    let reply = OneReply { id, status, ack: "queued", idempotent: accepted.idempotent };
    Ok(json(StatusCode::ACCEPTED, &reply))
}

/// Take many events.
///
/// Each event has its own outcome; a bad one does not hold up the others.
#[utoipa::path(post, path = "/api/v1/events/batch", tag = "events", request_body = BatchBody, responses(
    (status = 202, description = "At least one event was taken", body = BatchReply),
    (status = 400, description = "No JSON, or a header that cannot be; nothing was queued", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "Too large, or too many events; nothing was queued", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "JSON of another shape than a batch's, `{}` too, or every event was refused; nothing was queued", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Above the key's rate: send it again after `Retry-After`; nothing was queued", body = Problem, content_type = "application/problem+json"),
    (status = "4XX", description = "Nothing was queued", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "Send it again with the same ids while `retryable` is true", body = Problem, content_type = "application/problem+json"),
))]
async fn batch(
    State(app): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mut request = Request::begin(&app, &caller, &headers, body).await?;
    let parsed =
        parse::batch(&request.body, &mut request.context(&mut Uuid::now_v7)).map_err(refused_body)?;
    request.encoded(&parsed)?;
    for reject in parsed.events.iter().filter_map(|event| event.as_ref().err()) {
        app.metrics.reject(Code::from(reject.code).as_str());
    }
    let outcomes = request.queue(&parsed, &caller).await?;
    let count = |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| wanted(outcome)).count();
    let accepted = count(|o| *o == Outcome::Accepted);
    let duplicates = count(|o| *o == Outcome::Duplicate);
    let retry = outcomes.len() - accepted - duplicates;
    if accepted + duplicates == 0 {
        return Err(nothing_taken(&app, &parsed, &outcomes));
    }
    let results = results(&parsed, &outcomes, request.prefer.representation);
    let rejected = parsed.events.len() - outcomes.len();
    let reply = BatchReply { accepted, duplicates, rejected, retry, ack: "queued", results };
    let mut response = json(StatusCode::ACCEPTED, &reply);
    if retry > 0 {
        response.headers_mut().insert(header::RETRY_AFTER, app.pressure.retry_after_seconds().into());
    }
    Ok(response)
}

/// What both handlers do before and after the body is parsed.
struct Request<'a> {
    app: &'a Shared,
    body: Bytes,
    /// The room that the body and its events take, until the answer.
    share: Share,
    prefer: Prefer,
    received_ms: u64,
    began: Instant,
}

impl<'a> Request<'a> {
    async fn begin(
        app: &'a Shared,
        caller: &Caller,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Self, Problem> {
        let began = Instant::now();
        caller.require(Scope::Ingest)?;
        let prefer = Prefer::read(headers)?;
        if app.limits.stopped {
            let detail = "this pipeline is stopped (desiredState: Stopped); nothing was queued";
            return Err(Problem::unavailable(Code::IngestStopped, detail, STOPPED_RETRY_AFTER_SECONDS));
        }
        if app.pressure.is_full() {
            return Err(not_queued(app, Failure::Full));
        }
        let (body, mut share) = body::read(headers, body, &app.limits, &app.room).await?;
        share.grow(body.len() * BSON_TIMES)?;
        app.metrics.body_bytes.inc_by(body.len() as u64);
        Ok(Self { app, body, share, prefer, received_ms: unix_ms(), began })
    }

    /// Counts what the events take beyond what was expected of them.
    fn encoded(&mut self, parsed: &Parsed) -> Result<(), Problem> {
        self.share.grow(parsed.docs.len().saturating_sub(self.body.len() * BSON_TIMES))
    }

    fn context<'b>(&self, new_id: &'b mut dyn FnMut() -> Uuid) -> Context<'b> {
        Context {
            received_ms: self.received_ms.cast_signed(),
            batch_events_max: self.app.limits.batch_events_max,
            event_bytes_max: self.app.limits.event_bytes_max,
            docs_bytes_max: self.app.limits.inflated_bytes_max * BSON_TIMES,
            new_id,
        }
    }

    /// Queues the good events of the body; one outcome for each, in order.
    async fn queue(&self, parsed: &Parsed, caller: &Caller) -> Result<Vec<Outcome>, Problem> {
        let good = parsed.events.iter().filter_map(|event| event.as_ref().ok());
        let count = good.clone().count();
        if count == 0 {
            return Ok(Vec::new());
        }
        within_rate(caller, count)?;
        let Ok(tickets) = self.app.ingest.submit(parsed, good, self.received_ms.cast_signed()) else {
            return Err(overloaded());
        };
        let outcomes = tokio::time::timeout(self.app.limits.request_timeout, outcomes(&tickets)).await;
        let outcomes = outcomes.map_err(|_| {
            let detail = "Redis did not answer in time; the outcome is unknown, send the same ids again";
            Problem::new(Code::OutcomeUnknown, detail)
        })?;
        let metrics = &self.app.metrics;
        let mut counts = [0u64; 3];
        for outcome in &outcomes {
            counts[match outcome {
                Outcome::Accepted => 0,
                Outcome::Duplicate => 1,
                Outcome::Retry(_) => 2,
            }] += 1;
        }
        metrics.accepted.inc_by(counts[0]);
        metrics.duplicates.inc_by(counts[1]);
        metrics.retries.inc_by(counts[2]);
        let took = self.began.elapsed();
        metrics.ingest_seconds.observe(took.as_secs_f64());
        self.app.stats.took(took);
        Ok(outcomes)
    }
}

async fn outcomes(tickets: &[Ticket]) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(tickets.len());
    for ticket in tickets {
        outcomes.push(ticket.outcome().await);
    }
    outcomes
}

fn within_rate(caller: &Caller, events: usize) -> Result<(), Problem> {
    let Caller::Key(key) = caller else { return Ok(()) };
    let Some(limiter) = &key.limiter else { return Ok(()) };
    limiter.take(u32::try_from(events).unwrap_or(u32::MAX), Instant::now()).map_err(|above| match above {
        AboveRate::Wait(wait) => {
            let detail = "this key is above its rate in events a second; nothing was queued";
            let seconds = wait.as_millis().div_ceil(1_000).max(1);
            Problem::new(Code::RateLimited, detail)
                .retry_after(u64::try_from(seconds).unwrap_or(u64::MAX))
        }
        AboveRate::TooMany(most) => {
            let detail = format!(
                "at the rate of this key a request takes at most {most} events, a minute's worth; nothing was queued"
            );
            Problem::new(Code::TooManyEvents, detail)
        }
    })
}

fn results(parsed: &Parsed, outcomes: &[Outcome], all: bool) -> Vec<ItemReply> {
    let mut outcomes = outcomes.iter();
    let items = parsed.events.iter().enumerate().filter_map(|(index, event)| match event {
        Err(reject) => Some(ItemReply {
            index,
            id: reject.id.clone(),
            status: "rejected",
            code: Some(Code::from(reject.code).as_str()),
            pointer: Some(reject.pointer.clone()),
            detail: Some(reject.detail.clone()),
            retryable: false,
        }),
        Ok(accepted) => taken(parsed, accepted, index, *outcomes.next()?, all),
    });
    items.collect()
}

fn taken(
    parsed: &Parsed,
    accepted: &Accepted,
    index: usize,
    outcome: Outcome,
    all: bool,
) -> Option<ItemReply> {
    let (status, code) = match outcome {
        Outcome::Accepted if !all => return None,
        Outcome::Accepted => ("accepted", None),
        Outcome::Duplicate => ("duplicate", None),
        Outcome::Retry(failure) => ("retry", Some(failure_code(failure).as_str())),
    };
    let id = doc::client_id(parsed.doc(accepted)).map(str::to_owned);
    Some(ItemReply { index, id, status, code, pointer: None, detail: None, retryable: status == "retry" })
}

fn nothing_taken(app: &Shared, parsed: &Parsed, outcomes: &[Outcome]) -> Problem {
    let failure = outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Retry(failure) => Some(*failure),
        _ => None,
    });
    let mut problem = match failure {
        Some(failure) => not_queued(app, failure),
        None => Problem::new(
            Code::AllRejected,
            "every event of the batch was refused; `errors` says why, nothing was queued",
        ),
    };
    let refused = || parsed.events.iter().enumerate().filter_map(|(i, e)| e.as_ref().err().map(|r| (i, r)));
    let count = refused().count();
    problem.error_count = (count > 0).then_some(count);
    problem.errors = refused()
        .take(ERRORS_LISTED_MAX)
        .map(|(index, reject)| ProblemItem {
            index,
            code: Code::from(reject.code).as_str(),
            pointer: reject.pointer.clone(),
            detail: reject.detail.clone(),
        })
        .collect();
    problem
}

fn failure_code(failure: Failure) -> Code {
    match failure {
        Failure::Full => Code::QueueFull,
        Failure::Disk => Code::QueueDisk,
        Failure::Unavailable => Code::QueueUnavailable,
    }
}

/// Why nothing was queued, or may not have been. Dead letters sent again fail the same way.
pub fn not_queued(app: &Shared, failure: Failure) -> Problem {
    let drained = app.pressure.retry_after_seconds();
    let (detail, seconds) = match failure {
        Failure::Full => {
            ("Redis is full and workers are draining it; send the same ids again".into(), drained)
        }
        Failure::Disk => {
            (format!("{DISK}. Nothing was queued; send the same ids again"), DISK_RETRY_AFTER_SECONDS)
        }
        Failure::Unavailable => {
            ("Redis did not take the events; the outcome is unknown, send the same ids again".into(), drained)
        }
    };
    Problem::unavailable(failure_code(failure), detail, seconds)
}

fn refused_body(error: BodyError) -> Problem {
    let problem = Problem::new(error.code.into(), error.detail).at(error.pointer);
    match error.code {
        // So deep that it was not read to its end, and may be no JSON.
        parse::BodyCode::TooDeep => problem.with_status(StatusCode::BAD_REQUEST),
        _ => problem,
    }
}

fn refused_event(reject: &Reject) -> Problem {
    Problem::new(reject.code.into(), reject.detail.clone()).at(reject.pointer.clone())
}

fn json(status: StatusCode, reply: &impl Serialize) -> Response {
    let body = serde_json::to_vec(reply).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
