//! Reading events: one user's, newest first, and one event with where it is. Every query on `events` carries the
//! userId, so that one shard answers.

use std::time::{Duration, SystemTime};

use accounts::Scope;
use axum::extract::State;
use bson::spec::BinarySubtype;
use bson::{Binary, DateTime, Document, doc};
use event::keys::SEEN_WINDOW_SECONDS;
use event::{EventId, ID_BYTES_MAX, TYPE_BYTES_MAX, USER_ID_BYTES_MAX};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::admin::internal;
use crate::app::Shared;
use crate::auth::Caller;
use crate::code::Code;
use crate::openapi::Paging;
use crate::problem::Problem;
use crate::query::{Cursor, Id, Params};
use crate::routes::dlq::{DeadLetter, Letter};
use crate::stored::StoredEvent;

/// MongoDB gives a query up after this.
pub const QUERY_TIME_MAX: Duration = Duration::from_secs(10);
/// And the API gives MongoDB up after this, when it does not even answer that.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(11);
/// A page ends early past this many bytes of BSON: a thousand events of 256 KiB would be too much to hold.
const PAGE_BYTES: usize = 8 * 1024 * 1024;
/// Seconds to wait after MongoDB was not there: about an election.
const RETRY_AFTER_SECONDS: u64 = 5;

/// The routes of this file.
pub fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one))
}

/// Events of one user, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventList {
    events: Vec<StoredEvent>,
    /// `null`: there are no more.
    next_cursor: Option<String>,
}

/// Where an event is.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = EventState)]
pub enum Where {
    /// Acknowledged, and not yet written.
    Queued,
    /// In MongoDB.
    Stored,
    /// In the dead letters.
    Dead,
}

/// One event.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventReply {
    /// `queued`, `stored` or `dead`.
    state: Where,
    /// The event, where it is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<StoredEvent>,
    /// Why it is dead.
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter: Option<DeadLetter>,
}

/// Stored events of one user, newest first.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(
    ("userId" = String, Query, description = "Whose events; required"),
    ("type" = Option<String>, Query, description = "Only of this type"),
    ("from" = Option<String>, Query, description = "RFC 3339: at or after this moment"),
    ("to" = Option<String>, Query, description = "RFC 3339: before this moment"),
    Paging,
), responses(
    (status = 200, description = "Some events", body = EventList),
    (status = 400, description = "A query parameter that cannot be", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "MongoDB is away", body = Problem, content_type = "application/problem+json"),
))]
async fn list(
    State(app): State<Shared>,
    caller: Caller,
    mut params: Params,
) -> Result<axum::Json<EventList>, Problem> {
    caller.require(Scope::Read)?;
    let user_id = params.required("userId", USER_ID_BYTES_MAX)?;
    let kind = params.text("type", TYPE_BYTES_MAX)?;
    let (from, to) = (params.moment("from")?, params.moment("to")?);
    let (limit, cursor) = (params.limit()?, params.cursor()?);
    params.finish()?;
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(Problem::bad_parameter("to", "`to` must be after `from`"));
    }
    let filter = filter(user_id, kind, from, to, cursor);
    answer(page(&app, filter, limit)).await.map(axum::Json)
}

fn filter(
    user_id: String,
    kind: Option<String>,
    from: Option<i64>,
    to: Option<i64>,
    cursor: Option<Cursor>,
) -> Document {
    let mut filter = doc! {"userId": user_id};
    if let Some(kind) = kind {
        filter.insert("type", kind);
    }
    let mut range = Document::new();
    if let Some(from) = from {
        range.insert("$gte", DateTime::from_millis(from));
    }
    if let Some(to) = to {
        range.insert("$lt", DateTime::from_millis(to));
    }
    if !range.is_empty() {
        filter.insert("timestamp", range);
    }
    if let Some(cursor) = cursor {
        filter.insert("$or", before(&cursor, "timestamp"));
    }
    filter
}

/// What comes after a cursor in a list sorted by `field` and `_id`, both descending.
pub fn before(cursor: &Cursor, field: &str) -> Vec<Document> {
    let at = DateTime::from_millis(cursor.at_ms);
    vec![doc! {field: {"$lt": at}}, doc! {field: at, "_id": {"$lt": binary(&cursor.id)}}]
}

/// As `_id` is stored.
pub fn binary(id: &[u8]) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: id.to_vec() }
}

async fn page(app: &Shared, filter: Document, limit: u32) -> mongodb::error::Result<EventList> {
    let mut rows = app
        .store
        .events
        .find(filter)
        .sort(doc! {"timestamp": -1, "_id": -1})
        .limit(i64::from(limit) + 1)
        .max_time(QUERY_TIME_MAX)
        .await?;
    let (mut events, mut bytes, mut last) = (Vec::new(), 0, None);
    while rows.advance().await? {
        let row = rows.current();
        if events.len() >= limit as usize || bytes > PAGE_BYTES {
            return Ok(EventList { events, next_cursor: last.as_ref().map(Cursor::encode) });
        }
        bytes += row.as_bytes().len();
        // Another writer's document is not one of ours and is passed over; the cursor still moves past it.
        let (Ok(at), Ok(id)) = (row.get_datetime("timestamp"), row.get_binary("_id")) else { continue };
        let Ok(id) = id.bytes.try_into() else { continue };
        last = Some(Cursor { at_ms: at.timestamp_millis(), id });
        events.extend(StoredEvent::read(row));
    }
    Ok(EventList { events, next_cursor: None })
}

/// One event by its id and user, and where it is.
#[utoipa::path(get, path = "/api/v1/events/{id}", tag = "events", params(
    ("id" = String, Path, description = "The event's id, as it was sent or answered"),
    ("userId" = String, Query, description = "Whose event; required"),
), responses(
    (status = 200, description = "Queued, stored or dead", body = EventReply),
    (status = 400, description = "A query parameter that cannot be", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "Not stored, not dead, not seen in the last 10 minutes", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "MongoDB is away", body = Problem, content_type = "application/problem+json"),
))]
async fn one(
    State(app): State<Shared>,
    caller: Caller,
    Id(id): Id,
    mut params: Params,
) -> Result<axum::Json<EventReply>, Problem> {
    caller.require(Scope::Read)?;
    let user_id = params.required("userId", USER_ID_BYTES_MAX)?;
    params.finish()?;
    if id.len() > ID_BYTES_MAX {
        return Err(Problem::not_found("no event has an id that long"));
    }
    let id = EventId::derive(&user_id, &id);
    if let Some(event) = stored(&app, id, &user_id).await? {
        return Ok(axum::Json(event));
    }
    if let Some(letter) = dead(&app, id, &user_id, &["open", "discarded"]).await? {
        return Ok(axum::Json(letter));
    }
    if !seen(&app, id).await? {
        // Replayed, and neither stored nor failed again since: it may wait in a long queue. It is not unknown.
        if let Some(letter) = dead(&app, id, &user_id, &["replayed"]).await? {
            return Ok(axum::Json(letter));
        }
        let detail = "not stored, not among the dead letters, and not taken within the last 10 minutes";
        return Err(Problem::not_found(detail));
    }
    // It may have been written between the first look and the one at the marks.
    let queued = EventReply { state: Where::Queued, event: None, dead_letter: None };
    Ok(axum::Json(stored(&app, id, &user_id).await?.unwrap_or(queued)))
}

async fn stored(app: &Shared, id: EventId, user_id: &str) -> Result<Option<EventReply>, Problem> {
    let filter = doc! {"_id": binary(&id.0), "userId": user_id};
    let found = answer(async { app.store.events.find_one(filter).max_time(QUERY_TIME_MAX).await }).await?;
    Ok(found.map(|row| EventReply {
        state: Where::Stored,
        event: StoredEvent::read(&row),
        dead_letter: None,
    }))
}

/// A letter that was replayed says nothing of where the event is now, as long as anything else does.
async fn dead(
    app: &Shared,
    id: EventId,
    user_id: &str,
    statuses: &[&str],
) -> Result<Option<EventReply>, Problem> {
    let filter = doc! {"_id": binary(&id.0), "userId": user_id, "status": {"$in": statuses}};
    let find = async {
        app.store.dead_letters.find_one(filter).projection(doc! {"payload": 0}).max_time(QUERY_TIME_MAX).await
    };
    let letter = answer(find).await?.and_then(Letter::read);
    Ok(letter.map(|letter| EventReply {
        state: Where::Dead,
        event: None,
        dead_letter: Some(letter.summary()),
    }))
}

/// Whether the marks of this or the previous window have it. A Redis that does not answer has not said no: an event
/// that was acknowledged must not be called unknown.
async fn seen(app: &Shared, id: EventId) -> Result<bool, Problem> {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let (keys, window) = (app.ingest.keys_of(id), seconds / SEEN_WINDOW_SECONDS);
    let mut pipe = redis::pipe();
    for window in [window, window.saturating_sub(1)] {
        pipe.cmd("SISMEMBER").arg(keys.seen(window)).arg(&id.0);
    }
    let (now, before): (bool, bool) = pipe.query_async(&mut app.redis.clone()).await.map_err(|error| {
        tracing::warn!(%error, "Redis did not answer a query");
        let detail = "not stored; Redis does not answer now, so whether the event waits there is not known";
        Problem::unavailable(Code::QueueUnavailable, detail, RETRY_AFTER_SECONDS)
    })?;
    Ok(now || before)
}

/// Waits for MongoDB, within limits, and says what it means when it fails.
pub async fn answer<T>(query: impl Future<Output = mongodb::error::Result<T>>) -> Result<T, Problem> {
    let away = |detail: &str| Problem::unavailable(Code::StoreUnavailable, detail, RETRY_AFTER_SECONDS);
    match tokio::time::timeout(ANSWER_TIMEOUT, query).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if store::class(&error) == store::Class::Transient => {
            tracing::warn!(%error, "MongoDB did not answer a query");
            Err(away("MongoDB does not answer now; events are still taken and queue up"))
        }
        Ok(Err(error)) => Err(internal(&format!("MongoDB refused a query: {error}"))),
        Err(_) => Err(away("MongoDB did not answer in time; events are still taken and queue up")),
    }
}
