//! Which dead letters a request of `dlq` asks for, and which of them can be worked on.

use bson::{Document, doc};
use event::EventId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::Object;
use crate::app::Shared;
use crate::code::Code;
use crate::letters::{Filter, Letter, REPLAY_BYTES_MAX};
use crate::problem::Problem;
use crate::query::LIMIT_MAX;
use crate::routes::events::{QUERY_TIME_MAX, answer, binary};

/// Which dead letters: `ids` or `filter`, one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Selection {
    /// 1 to 1,000 ids, 32 hexadecimal digits each.
    ids: Option<Vec<String>>,
    #[schema(value_type = Option<Filter>)]
    filter: Option<Object<Filter>>,
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
    /// At most this many, the longest dead first; 1 to 1,000.
    #[serde(default = "limit_max")]
    #[schema(minimum = 1, maximum = 1000)]
    limit: u32,
}

fn limit_max() -> u32 {
    LIMIT_MAX
}

/// A letter that was left as it is.
#[derive(Serialize, ToSchema)]
pub struct Skipped {
    pub id: String,
    /// `undecodable` or `not_found`.
    pub code: &'static str,
    pub detail: String,
}

/// Up to `limit` letters by the time of their last failure, and whether there are more. With payloads it also ends
/// before they get too many bytes.
pub async fn find(
    app: &Shared,
    matching: Document,
    order: i32,
    limit: u32,
    projection: Document,
) -> mongodb::error::Result<(Vec<Letter>, bool)> {
    let mut rows = app
        .store
        .dead_letters
        .find(matching)
        .sort(doc! {"lastFailedAt": order, "_id": order})
        .projection(projection)
        .limit(i64::from(limit) + 1)
        .max_time(QUERY_TIME_MAX)
        .await?;
    let (mut letters, mut bytes) = (Vec::new(), 0);
    while rows.advance().await? {
        if letters.len() >= limit as usize {
            return Ok((letters, true));
        }
        let Some(letter) = Letter::read(rows.deserialize_current()?) else { continue };
        bytes += letter.payload_bytes();
        if bytes > REPLAY_BYTES_MAX && !letters.is_empty() {
            return Ok((letters, true));
        }
        letters.push(letter);
    }
    Ok((letters, false))
}

/// What was found of it.
pub struct Selected {
    /// To be worked on.
    pub letters: Vec<Letter>,
    /// Left as they are.
    pub skipped: Vec<Skipped>,
    /// There are more that were asked for.
    pub more: bool,
}

/// What was asked for. By filter only open letters unless it says otherwise; by id any.
pub async fn select(app: &Shared, selection: &Selection, projection: Document) -> Result<Selected, Problem> {
    let fault = |pointer: &str, detail: &str| Problem::new(Code::InvalidField, detail).at(pointer);
    if selection.limit == 0 || selection.limit > LIMIT_MAX {
        return Err(fault("/limit", "1 to 1,000"));
    }
    let ids = match (&selection.ids, &selection.filter) {
        (None, Some(Object(filter))) => {
            let (letters, more) =
                answer(find(app, filter.document(), 1, selection.limit, projection)).await?;
            return Ok(Selected { letters, skipped: Vec::new(), more });
        }
        (Some(ids), None) if (1..=LIMIT_MAX as usize).contains(&ids.len()) => ids,
        (Some(_), None) => return Err(fault("/ids", "1 to 1,000 ids")),
        _ => return Err(fault("", "either `ids` or `filter`")),
    };
    let mut wanted = Vec::with_capacity(ids.len());
    for (place, id) in ids.iter().enumerate() {
        let id: EventId = id.parse().map_err(|_| fault(&format!("/ids/{place}"), "32 hexadecimal digits"))?;
        wanted.push(id);
    }
    wanted.sort_unstable();
    wanted.dedup();
    let binaries: Vec<_> = wanted.iter().map(|id| binary(&id.0)).collect();
    let (found, more) =
        answer(find(app, doc! {"_id": {"$in": binaries}}, 1, selection.limit, projection)).await?;
    let mut skipped = Vec::new();
    if !more {
        let missing = wanted.iter().filter(|id| !found.iter().any(|letter| letter.id() == Some(**id)));
        skipped.extend(missing.map(|id| skip(*id, Code::NotFound, "there is no dead letter of this id")));
    }
    Ok(Selected { letters: found, skipped, more })
}

fn skip(id: EventId, code: Code, detail: &str) -> Skipped {
    Skipped { id: id.to_string(), code: code.as_str(), detail: detail.to_owned() }
}
