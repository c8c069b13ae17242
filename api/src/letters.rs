//! Dead letters: finding them, sending them again, giving them up. What the routes of `dlq` ask for.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bson::{Binary, DateTime, Document, RawDocument, doc};
use event::EventId;
use event::frame::Frame;
use serde::{Deserialize, Serialize};
use store::{PayloadKind, Place, Reason, Status};
use utoipa::ToSchema;

use crate::stored::{StoredEvent, rfc3339};

/// Bytes of payloads taken into one replay: what waits in front of Redis stays small. The rest is `more`.
pub const REPLAY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Events of a frame shown with its letter.
const FRAME_EVENTS_SHOWN_MAX: usize = 20;
/// Bytes of an undecodable payload shown.
const BYTES_SHOWN_MAX: usize = 4_096;

/// A dead letter as MongoDB has it; `payload` only where it was asked for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    #[serde(rename = "_id")]
    id: Binary,
    /// The shard key.
    pub user_id: String,
    event_id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Why it is here.
    pub reason: Reason,
    /// Failures so far: grows with each.
    pub attempts: i32,
    first_failed_at: DateTime,
    /// The order of lists.
    pub last_failed_at: DateTime,
    received_at: Option<DateTime>,
    /// What was done about it.
    pub status: Status,
    payload: Option<Binary>,
    payload_kind: PayloadKind,
    stream: Place,
    worker: String,
}

/// A dead letter without its payload.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// 32 hexadecimal digits.
    pub id: String,
    /// `frame:…` when there is no user.
    user_id: String,
    /// The sender's id.
    event_id: Option<String>,
    r#type: Option<String>,
    reason: Cause,
    /// How often it failed.
    attempts: i32,
    #[schema(format = DateTime)]
    first_failed_at: String,
    #[schema(format = DateTime)]
    last_failed_at: String,
    #[schema(format = DateTime)]
    received_at: Option<String>,
    /// `open`, `replayed` or `discarded`.
    status: &'static str,
    /// `event`, or `frame` that did not decode.
    payload_kind: &'static str,
    stream: Source,
    /// Who gave it up.
    worker: String,
}

/// Why an event is dead.
#[derive(Serialize, ToSchema)]
pub struct Cause {
    /// `refused`, `undecodable` or `worker_died`.
    class: String,
    /// A stable code.
    code: String,
    /// The words of whoever refused it.
    message: String,
}

/// Where in Redis it came from.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    key: String,
    entry_id: String,
    index: i32,
}

/// What a letter carries.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Payload {
    bytes: usize,
    /// The events that it decodes to; of a frame the first 20.
    events: Vec<StoredEvent>,
    /// How many events there are.
    event_count: usize,
    /// The first 4,096 bytes of one that does not decode, base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    /// Why it does not decode.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The word for a status.
pub fn status_word(status: Status) -> &'static str {
    match status {
        Status::Open => "open",
        Status::Replayed => "replayed",
        Status::Discarded => "discarded",
    }
}

impl Letter {
    /// From its document. One that does not read is logged and passed over, so that the others can be seen.
    pub fn read(document: Document) -> Option<Self> {
        bson::from_document(document)
            .inspect_err(|error| tracing::warn!(%error, "a dead letter does not read"))
            .ok()
    }

    /// Its `_id`.
    pub fn id(&self) -> Option<EventId> {
        self.id.bytes.as_slice().try_into().ok().map(EventId)
    }

    /// Without the payload.
    pub fn summary(&self) -> DeadLetter {
        let hex = self.id().map_or_else(String::new, |id| id.to_string());
        let Reason { class, code, message } = self.reason.clone();
        let Place { key, entry_id, index } = self.stream.clone();
        DeadLetter {
            id: hex,
            user_id: self.user_id.clone(),
            event_id: self.event_id.clone(),
            r#type: self.kind.clone(),
            reason: Cause { class, code, message },
            attempts: self.attempts,
            first_failed_at: rfc3339(self.first_failed_at.timestamp_millis()),
            last_failed_at: rfc3339(self.last_failed_at.timestamp_millis()),
            received_at: self.received_at.map(|at| rfc3339(at.timestamp_millis())),
            status: status_word(self.status),
            payload_kind: match self.payload_kind {
                PayloadKind::Event => "event",
                PayloadKind::Frame => "frame",
            },
            stream: Source { key, entry_id, index },
            worker: self.worker.clone(),
        }
    }

    /// Bytes of the payload.
    pub fn payload_bytes(&self) -> usize {
        self.payload.as_ref().map_or(0, |payload| payload.bytes.len())
    }

    /// The events to queue again, as they were encoded; or why there are none.
    pub fn events(&self) -> Result<Vec<(EventId, &[u8])>, String> {
        let bytes = self.payload.as_ref().map(|payload| payload.bytes.as_slice()).unwrap_or_default();
        let documents = match self.payload_kind {
            PayloadKind::Event => vec![bytes],
            PayloadKind::Frame => Frame::decode(bytes).map_err(|error| error.to_string())?.docs().collect(),
        };
        let events = documents.into_iter().map(|document| {
            let id = event::doc::event_id(document).ok_or("the payload is no event")?;
            let user_id = event::doc::user_id(document).ok_or("the payload is no event")?;
            let client_id = event::doc::client_id(document).ok_or("the payload is no event")?;
            RawDocument::from_bytes(document).map_err(|_| "the payload is no whole document")?;
            // Any other `_id` would be stored beside the event of that id.
            if EventId::derive(user_id, client_id) == id {
                Ok((id, document))
            } else {
                Err("the payload's _id is not that of its event")
            }
        });
        events.collect::<Result<_, &str>>().map_err(str::to_owned)
    }

    /// What it carries, to be looked at.
    pub fn decoded(&self) -> Payload {
        let bytes = self.payload_bytes();
        match self.events() {
            Ok(events) => Payload {
                bytes,
                event_count: events.len(),
                events: events
                    .iter()
                    .take(FRAME_EVENTS_SHOWN_MAX)
                    .filter_map(|(_, document)| StoredEvent::read(RawDocument::from_bytes(document).ok()?))
                    .collect(),
                base64: None,
                error: None,
            },
            Err(error) => {
                let shown = self.payload.as_ref().map(|payload| &payload.bytes[..bytes.min(BYTES_SHOWN_MAX)]);
                let base64 = shown.map(|bytes| STANDARD.encode(bytes));
                Payload { bytes, event_count: 0, events: Vec::new(), base64, error: Some(error) }
            }
        }
    }
}

/// Which letters.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    /// `open` (when left out), `replayed`, `discarded` or `all`.
    pub status: Option<StatusFilter>,
    /// Of the cause.
    pub class: Option<String>,
    /// Of the cause.
    pub code: Option<String>,
    /// Of the event.
    pub r#type: Option<String>,
    /// Of the event.
    pub user_id: Option<String>,
}

/// By what was done about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StatusFilter {
    /// Nothing yet.
    Open,
    /// Queued again.
    Replayed,
    /// Given up.
    Discarded,
    /// Any.
    All,
}

impl Filter {
    /// For MongoDB.
    pub fn document(&self) -> Document {
        let mut filter = Document::new();
        match self.status.unwrap_or(StatusFilter::Open) {
            StatusFilter::All => {}
            StatusFilter::Open => drop(filter.insert("status", "open")),
            StatusFilter::Replayed => drop(filter.insert("status", "replayed")),
            StatusFilter::Discarded => drop(filter.insert("status", "discarded")),
        }
        for (name, value) in [
            ("reason.class", &self.class),
            ("reason.code", &self.code),
            ("type", &self.r#type),
            ("userId", &self.user_id),
        ] {
            if let Some(value) = value {
                filter.insert(name, value);
            }
        }
        filter
    }
}

/// Letters of one cause.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Group {
    /// Of the cause.
    pub class: String,
    /// Of the cause.
    pub code: String,
    /// Of the events.
    pub r#type: Option<String>,
    /// Letters.
    pub count: u64,
}

/// Counts by cause, most first.
pub fn groups<'a>(letters: impl Iterator<Item = &'a Letter>) -> Vec<Group> {
    let mut counts = BTreeMap::new();
    for letter in letters {
        let cause = (letter.reason.class.clone(), letter.reason.code.clone(), letter.kind.clone());
        *counts.entry(cause).or_insert(0) += 1;
    }
    let mut groups: Vec<Group> = counts
        .into_iter()
        .map(|((class, code, r#type), count)| Group { class, code, r#type, count })
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

/// The update that closes letters, unless they have failed again since they were read: `attempts` grows with each
/// failure, and one that failed again is open for another reason.
pub fn closing<'a>(
    letters: impl IntoIterator<Item = &'a Letter>,
    status: Status,
    by: &str,
    now: DateTime,
) -> Vec<(Document, Document)> {
    let mut by_attempts: BTreeMap<i32, Vec<Binary>> = BTreeMap::new();
    for letter in letters {
        by_attempts.entry(letter.attempts).or_default().push(letter.id.clone());
    }
    let set = doc! {"$set": {"status": status_word(status), "handledAt": now, "handledBy": by}};
    by_attempts
        .into_iter()
        .map(|(attempts, ids)| (doc! {"_id": {"$in": ids}, "attempts": attempts}, set.clone()))
        .collect()
}
