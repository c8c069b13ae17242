//! `/api/v1/dlq`: dead letters, grouped by cause, one by one, sent again or given up.

use accounts::Scope;
use axum::extract::State;
use axum::http::HeaderMap;
use bson::{DateTime, Document, doc};
use event::{EventId, TYPE_BYTES_MAX, USER_ID_BYTES_MAX};
use serde::Serialize;
use store::Status;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::admin::{Admin, Json, origin};
use crate::app::Shared;
use crate::auth::Caller;
use crate::code::Code;
use crate::ingest::{Failure, unix_ms};
pub use crate::letters::{DeadLetter, Letter};
use crate::letters::{Filter, Group, Payload, StatusFilter, closing, groups};
use crate::openapi::Paging;
use crate::problem::Problem;
use crate::query::{Cursor, Id, Params};
use crate::routes::events::{QUERY_TIME_MAX, answer, before, binary};
use crate::routes::ingest::not_queued;
use crate::routes::selection::{Selected, Selection, Skipped, find, select};

/// Causes listed, at most; codes are few.
const GROUPS_MAX: usize = 100;
/// Bytes of a class or a code in a filter.
const CAUSE_BYTES_MAX: usize = 100;

/// The routes of this file.
pub fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one))
        .routes(routes!(replay))
        .routes(routes!(discard))
}

/// Dead letters, the last failed first, and how many there are of each cause.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LetterList {
    /// By cause and type, most first; only in the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<Group>>,
    items: Vec<DeadLetter>,
    /// `null`: there are no more.
    next_cursor: Option<String>,
}

/// One dead letter with what it carries.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LetterReply {
    #[serde(flatten)]
    letter: DeadLetter,
    payload: Payload,
}

/// What was done.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    dry_run: bool,
    /// Letters replayed or discarded, or that would be.
    letters: usize,
    /// Events queued, or that would be; a frame has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<usize>,
    /// The letters by cause and type.
    groups: Vec<Group>,
    /// Letters that could not be sent again, and why.
    skipped: Vec<Skipped>,
    /// There are more that were asked for: ask again.
    more: bool,
}

/// Dead letters, the last failed first.
#[utoipa::path(get, path = "/api/v1/dlq", tag = "dead letters", params(
    ("status" = Option<String>, Query, description = "open (when left out), replayed, discarded or all"),
    ("class" = Option<String>, Query, description = "Class of the cause"),
    ("code" = Option<String>, Query, description = "Code of the cause"),
    ("type" = Option<String>, Query, description = "Type of the event"),
    ("userId" = Option<String>, Query, description = "Whose event"),
    Paging,
), responses(
    (status = 200, description = "Some dead letters, and counts by cause", body = LetterList),
    (status = 400, description = "A query parameter that cannot be", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "MongoDB is away", body = Problem, content_type = "application/problem+json"),
))]
async fn list(
    State(app): State<Shared>,
    caller: Caller,
    mut params: Params,
) -> Result<axum::Json<LetterList>, Problem> {
    caller.require(Scope::Read)?;
    let words = [
        ("open", StatusFilter::Open),
        ("replayed", StatusFilter::Replayed),
        ("discarded", StatusFilter::Discarded),
        ("all", StatusFilter::All),
    ];
    let filter = Filter {
        status: params.word("status", &words)?,
        class: params.text("class", CAUSE_BYTES_MAX)?,
        code: params.text("code", CAUSE_BYTES_MAX)?,
        r#type: params.text("type", TYPE_BYTES_MAX)?,
        // a frame's surrogate is a little longer than any user's
        user_id: params.text("userId", USER_ID_BYTES_MAX)?,
    };
    let (limit, cursor) = (params.limit()?, params.cursor()?);
    params.finish()?;
    let mut matching = filter.document();
    let groups = match cursor {
        None => Some(answer(by_cause(&app, matching.clone())).await?),
        Some(cursor) => {
            matching.insert("$or", before(&cursor, "lastFailedAt"));
            None
        }
    };
    let (letters, more) = answer(find(&app, matching, -1, limit, doc! {"payload": 0})).await?;
    let last = letters.last().filter(|_| more).and_then(|letter| {
        Some(Cursor { at_ms: letter.last_failed_at.timestamp_millis(), id: letter.id()?.0 }.encode())
    });
    let items = letters.iter().map(Letter::summary).collect();
    Ok(axum::Json(LetterList { groups, items, next_cursor: last }))
}

async fn by_cause(app: &Shared, matching: Document) -> mongodb::error::Result<Vec<Group>> {
    let stages = [
        doc! {"$match": matching},
        doc! {"$group": {"_id": {"class": "$reason.class", "code": "$reason.code", "type": "$type"}, "count": {"$sum": 1}}},
        doc! {"$sort": {"count": -1}},
        doc! {"$limit": i64::try_from(GROUPS_MAX).unwrap_or(i64::MAX)},
    ];
    let mut rows = app.store.dead_letters.aggregate(stages).max_time(QUERY_TIME_MAX).await?;
    let mut groups = Vec::new();
    while rows.advance().await? {
        let row = rows.deserialize_current()?;
        let Ok(cause) = row.get_document("_id") else { continue };
        let text = |name| cause.get_str(name).unwrap_or_default().to_owned();
        let count = match row.get("count") {
            Some(bson::Bson::Int32(count)) => u64::try_from(*count).unwrap_or(0),
            Some(bson::Bson::Int64(count)) => u64::try_from(*count).unwrap_or(0),
            _ => 0,
        };
        let r#type = cause.get_str("type").ok().map(str::to_owned);
        groups.push(Group { class: text("class"), code: text("code"), r#type, count });
    }
    Ok(groups)
}

/// One dead letter with what it carries.
#[utoipa::path(get, path = "/api/v1/dlq/{id}", tag = "dead letters", params(
    ("id" = String, Path, description = "32 hexadecimal digits"),
), responses(
    (status = 200, description = "The dead letter", body = LetterReply),
    (status = 404, description = "There is none of that id", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "MongoDB is away", body = Problem, content_type = "application/problem+json"),
))]
async fn one(
    State(app): State<Shared>,
    caller: Caller,
    Id(id): Id,
) -> Result<axum::Json<LetterReply>, Problem> {
    caller.require(Scope::Read)?;
    let none = || Problem::not_found("there is no dead letter of this id; ids are 32 hexadecimal digits");
    let id: EventId = id.parse().map_err(|_| none())?;
    let find =
        async { app.store.dead_letters.find_one(doc! {"_id": binary(&id.0)}).max_time(QUERY_TIME_MAX).await };
    let letter = answer(find).await?.and_then(Letter::read).ok_or_else(none)?;
    Ok(axum::Json(LetterReply { letter: letter.summary(), payload: letter.decoded() }))
}

/// Queue dead letters again, those discarded or replayed before too, past the marks of seen ids: nothing is stored twice.
/// Those that fail again come back with one more attempt.
#[utoipa::path(post, path = "/api/v1/dlq/replay", tag = "dead letters", request_body = Selection, responses(
    (status = 200, description = "Queued again", body = Done),
    (status = 422, description = "A value that cannot be", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "MongoDB or Redis is away, or Redis is full: ask again, nothing is doubled", body = Problem, content_type = "application/problem+json"),
))]
async fn replay(
    State(app): State<Shared>,
    Admin(caller): Admin,
    headers: HeaderMap,
    Json(selection): Json<Selection>,
) -> Result<axum::Json<Done>, Problem> {
    if !selection.dry_run {
        caller.require_change(app.access)?;
    }
    let Selected { letters, mut skipped, more } = select(&app, &selection, Document::new()).await?;
    let (mut good, mut events) = (Vec::new(), Vec::new());
    for letter in letters {
        match letter.events() {
            Ok(own) => events.extend(own.into_iter().map(|(id, bytes)| (id, bytes.to_vec()))),
            Err(why) => {
                skipped.push(Skipped {
                    id: letter.summary().id,
                    code: Code::Undecodable.as_str(),
                    detail: why,
                });
                continue;
            }
        }
        good.push(letter);
    }
    let (count, groups) = (events.len(), groups(good.iter()));
    let letters = good.len();
    if !selection.dry_run && count > 0 {
        // On its own, so that it comes to its end when whoever asked has gone; each of its waits has a limit.
        let replaying = tokio::spawn(queue_again(app, good, events, origin(&caller, &headers)));
        replaying.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a replay ended in the middle");
            Err(Problem::new(
                Code::Internal,
                "the replay ended in the middle; its letters can be replayed again",
            ))
        })?;
    }
    let done = Done { dry_run: selection.dry_run, letters, events: Some(count), groups, skipped, more };
    Ok(axum::Json(done))
}

/// Closes the letters, queues their events, and gives each letter its status back when they were not queued.
async fn queue_again(
    app: Shared,
    letters: Vec<Letter>,
    events: Vec<(EventId, Vec<u8>)>,
    origin: accounts::Origin,
) -> Result<(), Problem> {
    // Before they are queued: a worker on which they fail again opens them, and must find them closed. A crash in
    // between leaves letters that say `replayed` and are not; they can be replayed again.
    let replayed = async {
        set_status(&app, &letters, Status::Replayed, &origin).await?;
        queue(&app, events).await
    };
    if let Err(problem) = replayed.await {
        for before in [Status::Open, Status::Replayed, Status::Discarded] {
            let of_status = letters.iter().filter(|letter| letter.status == before);
            if let Err(problem) = set_status(&app, of_status, before, &origin).await {
                tracing::warn!(problem.detail, "letters that were not queued say that they were replayed");
            }
        }
        return Err(problem);
    }
    note(&app, &letters, "dlq.replay", &origin).await;
    Ok(())
}

/// Give dead letters up. Their payloads stay to be looked at.
#[utoipa::path(post, path = "/api/v1/dlq/discard", tag = "dead letters", request_body = Selection, responses(
    (status = 200, description = "Given up", body = Done),
    (status = 422, description = "A value that cannot be", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "MongoDB is away", body = Problem, content_type = "application/problem+json"),
))]
async fn discard(
    State(app): State<Shared>,
    Admin(caller): Admin,
    headers: HeaderMap,
    Json(selection): Json<Selection>,
) -> Result<axum::Json<Done>, Problem> {
    if !selection.dry_run {
        caller.require_change(app.access)?;
    }
    let Selected { letters, skipped, more } = select(&app, &selection, doc! {"payload": 0}).await?;
    if !selection.dry_run {
        let origin = origin(&caller, &headers);
        set_status(&app, &letters, Status::Discarded, &origin).await?;
        note(&app, &letters, "dlq.discard", &origin).await;
    }
    let groups = groups(letters.iter());
    let done =
        Done { dry_run: selection.dry_run, letters: letters.len(), events: None, groups, skipped, more };
    Ok(axum::Json(done))
}

async fn queue(app: &Shared, events: Vec<(EventId, Vec<u8>)>) -> Result<(), Problem> {
    let full = || {
        Problem::unavailable(
            Code::QueueFull,
            "Redis is full; replay again later",
            app.pressure.retry_after_seconds(),
        )
    };
    if app.pressure.is_full() {
        return Err(full());
    }
    let queued = app.ingest.requeue(events, unix_ms().cast_signed());
    match tokio::time::timeout(app.limits.request_timeout, queued).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Failure::Full)) => Err(full()),
        Ok(Err(failure @ Failure::Disk)) => Err(not_queued(app, failure)),
        Ok(Err(Failure::Unavailable)) | Err(_) => {
            let detail = "Redis did not take all of it; replay again, what was queued is not stored twice";
            Err(Problem::unavailable(Code::QueueUnavailable, detail, app.pressure.retry_after_seconds()))
        }
    }
}

async fn set_status(
    app: &Shared,
    letters: impl IntoIterator<Item = &Letter>,
    status: Status,
    origin: &accounts::Origin,
) -> Result<(), Problem> {
    let by = origin.actor.to_string();
    for (which, update) in closing(letters, status, &by, DateTime::now()) {
        answer(async { app.store.dead_letters.update_many(which, update).await }).await?;
    }
    Ok(())
}

/// For the audit.
async fn note(app: &Shared, letters: &[Letter], action: &'static str, origin: &accounts::Origin) {
    let causes: Vec<String> = groups(letters.iter())
        .iter()
        .map(|group| {
            format!(
                "{} {} {}: {}",
                group.class,
                group.code,
                group.r#type.as_deref().unwrap_or("-"),
                group.count
            )
        })
        .collect();
    app.accounts.note(origin, action, &format!("{} dead letters", letters.len()), &causes.join(", ")).await;
}
