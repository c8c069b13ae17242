//! A dead letter: an event that MongoDB refused, with why, and with its bytes so that it can be sent again.

use bson::spec::BinarySubtype;
use bson::{Binary, DateTime, Document, doc};
use event::EventId;
use serde::{Deserialize, Serialize};

use crate::Store;

/// A message of MongoDB is cut here: it may quote the document.
const MESSAGE_CHARS_MAX: usize = 500;

/// Why an event is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// `refused` by MongoDB, `undecodable` frame, or `worker_died` on it alone.
    pub class: String,
    /// A stable code, such as `mongodb_2`.
    pub code: String,
    /// The words of whoever refused it.
    pub message: String,
}

/// Where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The stream's key.
    pub key: String,
    /// The entry's id.
    pub entry_id: String,
    /// The event's place in the frame.
    pub index: i32,
}

/// What the payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PayloadKind {
    /// One event's BSON.
    Event,
    /// A frame that does not decode.
    Frame,
}

/// What was done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing yet.
    Open,
    /// Queued again.
    Replayed,
    /// Given up by a person.
    Discarded,
}

/// A dead letter as it is stored in `events_dlq`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The event's `_id`, or one made from the frame's bytes: the same failure again is the same dead letter.
    #[serde(rename = "_id")]
    pub id: Binary,
    /// The shard key; `frame:<hex>` when there is no user.
    pub user_id: String,
    /// The sender's id.
    pub event_id: Option<String>,
    /// The event's type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Why.
    pub reason: Reason,
    /// How often it failed.
    pub attempts: i32,
    /// First time.
    pub first_failed_at: DateTime,
    /// Last time.
    pub last_failed_at: DateTime,
    /// When the API took the event.
    pub received_at: Option<DateTime>,
    /// What was done about it.
    pub status: Status,
    /// The bytes. Binary, since a server may refuse the very keys that are in it.
    pub payload: Binary,
    /// What the bytes are.
    pub payload_kind: PayloadKind,
    /// Where it came from.
    pub stream: Place,
    /// Who gave it up.
    pub worker: String,
}

impl DeadLetter {
    /// For an event that was refused. `bytes` is its document.
    pub fn event(bytes: &[u8], reason: Reason, stream: Place, worker: &str, now: DateTime) -> Self {
        let id = event::doc::event_id(bytes).unwrap_or_else(|| EventId::of_bytes(bytes));
        let user_id = event::doc::user_id(bytes).map_or_else(|| format!("frame:{id}"), str::to_owned);
        let mut letter = Self::new(id, user_id, bytes, PayloadKind::Event, reason, stream, worker, now);
        letter.event_id = event::doc::client_id(bytes).map(str::to_owned);
        letter.kind = event::doc::event_type(bytes).map(str::to_owned);
        letter.received_at = event::doc::received_ms(bytes).map(DateTime::from_millis);
        letter
    }

    /// For a frame that does not decode.
    pub fn frame(bytes: &[u8], reason: Reason, stream: Place, worker: &str, now: DateTime) -> Self {
        let id = EventId::of_bytes(bytes);
        Self::new(id, format!("frame:{id}"), bytes, PayloadKind::Frame, reason, stream, worker, now)
    }

    #[allow(clippy::too_many_arguments, reason = "private, and named at the two call sites above")]
    fn new(
        id: EventId,
        user_id: String,
        bytes: &[u8],
        payload_kind: PayloadKind,
        mut reason: Reason,
        stream: Place,
        worker: &str,
        now: DateTime,
    ) -> Self {
        reason.message = reason.message.chars().take(MESSAGE_CHARS_MAX).collect();
        Self {
            id: binary(&id.0),
            user_id,
            event_id: None,
            kind: None,
            reason,
            attempts: 1,
            first_failed_at: now,
            last_failed_at: now,
            received_at: None,
            status: Status::Open,
            payload: binary(bytes),
            payload_kind,
            stream,
            worker: worker.to_owned(),
        }
    }
}

fn binary(bytes: &[u8]) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() }
}

/// Writes a dead letter, or adds a failure to the one that is there and opens it again.
pub async fn write_dead_letter(store: &Store, letter: &DeadLetter) -> mongodb::error::Result<()> {
    let filter = doc! {"_id": letter.id.clone(), "userId": &letter.user_id};
    let mut fields: Document = bson::to_document(letter)?;
    for name in ["_id", "userId", "attempts", "firstFailedAt", "status", "lastFailedAt", "reason"] {
        fields.remove(name);
    }
    fields.insert("firstFailedAt", letter.first_failed_at);
    let update = doc! {
        "$setOnInsert": fields,
        "$set": {"status": "open", "lastFailedAt": letter.last_failed_at, "reason": bson::to_bson(&letter.reason)?},
        "$inc": {"attempts": 1},
    };
    store.dead_letters.update_one(filter, update).upsert(true).await?;
    Ok(())
}
