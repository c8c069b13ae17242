//! A request body in, checked and encoded events out: one pass over the JSON, one encoding, no tree in between.
//!
//! A fault in one event is that event's alone; only a body that is not JSON, or not the shape asked for,
//! is refused as a whole.

use std::ops::Range;

use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType, Peek};
use uuid::Uuid;

use crate::reject::push_token;
use crate::transcode::Transcoder;
use crate::{Code, EventId, Reject};

/// A body above this is large: its events are given all the memory they may need at once.
const LARGE_BYTES: usize = 1024 * 1024;
/// An array of small numbers is so many times as long in BSON: `1,` is a type, a name of up to four digits, and eight bytes.
const GROWS_TIMES_MAX: usize = 8;

/// What comes in from outside: limits, the clock, randomness.
pub struct Context<'a> {
    /// The server's time, Unix milliseconds; becomes `receivedAt`.
    pub received_ms: i64,
    /// Events that one batch may carry.
    pub batch_events_max: usize,
    /// Bytes of one event, both as JSON and as BSON: an array of small numbers grows sixfold on the way.
    pub event_bytes_max: usize,
    /// Bytes of all events of one body as BSON.
    pub docs_bytes_max: usize,
    /// Makes the id of an event that came without one.
    pub new_id: &'a mut dyn FnMut() -> Uuid,
}

/// A body that holds no events we can look at one by one. Nothing of it was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct BodyError {
    /// What kind of fault.
    pub code: BodyCode,
    /// JSON pointer into the body, `""` for the body itself.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

/// The stable code of a refused body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "`detail` says it in a sentence")]
pub enum BodyCode {
    InvalidJson,
    WrongType,
    MissingField,
    UnknownField,
    DuplicateKey,
    EmptyBatch,
    TooManyEvents,
    TooDeep,
}

impl BodyCode {
    /// The code as it stands in replies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::WrongType => "wrong_type",
            Self::MissingField => "missing_field",
            Self::UnknownField => "unknown_field",
            Self::DuplicateKey => "duplicate_key",
            Self::EmptyBatch => "empty_batch",
            Self::TooManyEvents => "too_many_events",
            Self::TooDeep => "too_deep",
        }
    }
}

/// A checked event: where its BSON lies, and its `_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The `_id`.
    pub id: EventId,
    /// Where its document lies in [`Parsed::docs`].
    pub doc: Range<usize>,
    /// Whether the client sent an id, so that it can send the event again without storing it twice.
    pub idempotent: bool,
}

/// All events of a body, in its order.
#[derive(Debug, Default)]
pub struct Parsed {
    /// The documents, one after the other.
    pub docs: Vec<u8>,
    /// What became of each event.
    pub events: Vec<Result<Accepted, Reject>>,
}

/// Parses a body that is one event.
pub fn single(body: &[u8], context: &mut Context<'_>) -> Result<Parsed, BodyError> {
    let mut jiter = Jiter::new(body);
    let mut parsed = Parsed { docs: Vec::with_capacity(body.len() * 2), events: Vec::with_capacity(1) };
    let mut transcoder = Transcoder::default();
    let peek = jiter.peek().map_err(|error| syntax(&jiter, &error))?;
    let outcome = transcoder
        .event(&mut jiter, peek, context, "", None, &mut parsed.docs)
        .map_err(|error| syntax(&jiter, &error))?;
    jiter.finish().map_err(|error| syntax(&jiter, &error))?;
    parsed.events.push(outcome);
    Ok(parsed)
}

/// Parses a body that is an array of events, or `{"events": [...]}`.
pub fn batch(body: &[u8], context: &mut Context<'_>) -> Result<Parsed, BodyError> {
    let mut jiter = Jiter::new(body);
    // What is usual; and of a large body, whose growing would copy it, all that it may come to. Of memory that is never
    // written to the system gives none.
    let docs_bytes = if body.len() < LARGE_BYTES {
        body.len() + body.len() / 4
    } else {
        (body.len() * GROWS_TIMES_MAX).min(context.docs_bytes_max.saturating_add(context.event_bytes_max))
    };
    let mut parsed = Parsed { docs: Vec::with_capacity(docs_bytes), events: Vec::new() };
    match jiter.peek().map_err(|error| syntax(&jiter, &error))? {
        Peek::Array => array(&mut jiter, "", context, &mut parsed)?,
        Peek::Object => wrapped(&mut jiter, context, &mut parsed)?,
        _ => {
            return Err(refuse(
                BodyCode::WrongType,
                "",
                "the body is an array of events or {\"events\": […]}",
            ));
        }
    }
    jiter.finish().map_err(|error| syntax(&jiter, &error))?;
    if parsed.events.is_empty() {
        return Err(refuse(BodyCode::EmptyBatch, "", "the batch holds no event; send at least one"));
    }
    Ok(parsed)
}

fn wrapped(jiter: &mut Jiter<'_>, context: &mut Context<'_>, parsed: &mut Parsed) -> Result<(), BodyError> {
    let mut found = false;
    let mut key = match jiter.known_object() {
        Ok(key) => key.map(str::to_owned),
        Err(error) => return Err(syntax(jiter, &error)),
    };
    while let Some(name) = key {
        if name != "events" {
            let mut pointer = String::new();
            push_token(&mut pointer, &name);
            let detail = "a batch has one field, `events`";
            return Err(refuse(BodyCode::UnknownField, &pointer, detail));
        }
        if found {
            return Err(refuse(BodyCode::DuplicateKey, "/events", "`events` stands in the body twice"));
        }
        found = true;
        match jiter.peek() {
            Ok(Peek::Array) => array(jiter, "/events", context, parsed)?,
            Ok(_) => return Err(refuse(BodyCode::WrongType, "/events", "`events` is an array of events")),
            Err(error) => return Err(syntax(jiter, &error)),
        }
        key = match jiter.next_key() {
            Ok(key) => key.map(str::to_owned),
            Err(error) => return Err(syntax(jiter, &error)),
        };
    }
    if found { Ok(()) } else { Err(refuse(BodyCode::MissingField, "/events", "`events` is missing")) }
}

fn array(
    jiter: &mut Jiter<'_>,
    at: &str,
    context: &mut Context<'_>,
    parsed: &mut Parsed,
) -> Result<(), BodyError> {
    let mut transcoder = Transcoder::default();
    let mut next = jiter.known_array().map_err(|error| syntax(jiter, &error))?;
    while let Some(peek) = next {
        let index = parsed.events.len();
        if index >= context.batch_events_max {
            let detail = format!("a batch has at most {} events; split it", context.batch_events_max);
            return Err(refuse(BodyCode::TooManyEvents, at, &detail));
        }
        let outcome = transcoder
            .event(jiter, peek, context, at, Some(index), &mut parsed.docs)
            .map_err(|error| syntax(jiter, &error).of_event(at, index))?;
        parsed.events.push(outcome);
        if parsed.docs.len() > context.docs_bytes_max {
            let detail = format!(
                "the events of this batch are above {} bytes as BSON; split it",
                context.docs_bytes_max
            );
            return Err(refuse(BodyCode::TooManyEvents, at, &detail));
        }
        next = jiter.array_step().map_err(|error| syntax(jiter, &error))?;
    }
    Ok(())
}

impl BodyError {
    /// Of one that nests too deep the rest is not read, so its place is the best that can be said.
    fn of_event(mut self, at: &str, index: usize) -> Self {
        if self.code == BodyCode::TooDeep {
            self.pointer = format!("{at}/{index}");
        }
        self
    }
}

fn refuse(code: BodyCode, pointer: &str, detail: &str) -> BodyError {
    BodyError { code, pointer: pointer.to_owned(), detail: detail.to_owned() }
}

fn syntax(jiter: &Jiter<'_>, error: &JiterError) -> BodyError {
    let at = jiter.error_position(error.index);
    if error.error_type == JiterErrorType::JsonError(JsonErrorType::RecursionLimitExceeded) {
        return refuse(
            BodyCode::TooDeep,
            "",
            &format!(
                "the body nests deeper than is read at all (200 levels) at line {} column {}; no event of it was taken",
                at.line, at.column
            ),
        );
    }
    refuse(
        BodyCode::InvalidJson,
        "",
        &format!("the body is not JSON: {error} (line {} column {})", at.line, at.column),
    )
}

impl Parsed {
    /// The BSON of one accepted event.
    pub fn doc(&self, accepted: &Accepted) -> &[u8] {
        &self.docs[accepted.doc.clone()]
    }
}

/// The refusal for a value of the wrong kind.
pub(crate) fn wrong_type(pointer: String, wants: &str) -> Reject {
    Reject { code: Code::WrongType, pointer, detail: format!("this is {wants}"), id: None }
}
