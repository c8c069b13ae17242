//! The envelope of an event: its five fields, each checked as it is read, and the document put together in canonical
//! order at the end. `properties` is written as it is read, by `transcode`; the other fields are short and wait.

use jiter::{Jiter, JiterResult, Peek};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::bson_writer as w;
use crate::parse::{Accepted, Context, wrong_type};
use crate::reject::push_token;
use crate::transcode::Transcoder;
use crate::{Code, EventId, ID_BYTES_MAX, Reject, TYPE_BYTES_MAX, USER_ID_BYTES_MAX};

/// Of all fields but `properties`: an id of 128 bytes, type and user of 200, and names, lengths and times.
const FIELDS_BYTES_MAX: usize = 1024;
/// 0000-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
const YEARS: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

/// The fields but `properties`, until the event ends.
#[derive(Default)]
pub(crate) struct Fields {
    id: Option<String>,
    kind: Option<String>,
    user_id: Option<String>,
    timestamp: Option<i64>,
    has_properties: bool,
}

impl Transcoder {
    /// Reads one value, an event if all is well, and appends its document to `out`.
    ///
    /// `at` and `index` are the pointer of the value. The outer error is a fault of syntax, which ends the body.
    pub(crate) fn event(
        &mut self,
        jiter: &mut Jiter<'_>,
        peek: Peek,
        context: &mut Context<'_>,
        at: &str,
        index: Option<usize>,
        out: &mut Vec<u8>,
    ) -> JiterResult<Result<Accepted, Reject>> {
        let from = jiter.current_index();
        self.reset(context.event_bytes_max);
        if peek == Peek::Object {
            self.top_level(jiter)?;
        } else {
            jiter.known_skip(peek)?;
            let reject = wrong_type(String::new(), "an event, which is an object");
            self.fault(reject.code, reject.pointer, reject.detail);
        }
        let json_bytes = jiter.current_index() - from;
        let outcome = self.finish(context, json_bytes, out);
        Ok(outcome.map_err(|(code, pointer, detail)| {
            let place = index.map_or(String::new(), |index| format!("{at}/{index}"));
            Reject { code, pointer: format!("{place}{pointer}"), detail, id: self.fields.id.take() }
        }))
    }

    fn top_level(&mut self, jiter: &mut Jiter<'_>) -> JiterResult<()> {
        let mut key = field(jiter.known_object()?);
        while let Some(name) = key {
            match name {
                Field::Id => {
                    let value = self.text(jiter, "id", ID_BYTES_MAX)?;
                    let twice = self.fields.id.is_some();
                    self.fields.id = value;
                    self.twice(twice, "id");
                }
                Field::Type => {
                    let value = self.text(jiter, "type", TYPE_BYTES_MAX)?;
                    let twice = self.fields.kind.is_some();
                    self.fields.kind = value;
                    self.twice(twice, "type");
                }
                Field::UserId => {
                    let value = self.text(jiter, "userId", USER_ID_BYTES_MAX)?;
                    let twice = self.fields.user_id.is_some();
                    self.fields.user_id = value;
                    self.twice(twice, "userId");
                }
                Field::Timestamp => {
                    let twice = self.fields.timestamp.is_some();
                    self.timestamp(jiter)?;
                    self.twice(twice, "timestamp");
                }
                Field::Properties => {
                    let twice = self.fields.has_properties;
                    self.twice(twice, "properties");
                    self.top_level_properties(jiter)?;
                }
                Field::Other(name) => {
                    let mut pointer = String::new();
                    push_token(&mut pointer, &name);
                    let detail =
                        "an event has id, type, userId, timestamp and properties; put this into properties";
                    self.fault(Code::UnknownField, pointer, detail.to_owned());
                    jiter.next_skip()?;
                }
            }
            key = field(jiter.next_key()?);
        }
        Ok(())
    }

    fn twice(&mut self, twice: bool, name: &str) {
        if twice {
            self.fault(Code::DuplicateKey, format!("/{name}"), format!("`{name}` stands in the event twice"));
        }
    }

    /// A short text field, or a fault and `None`.
    fn text(&mut self, jiter: &mut Jiter<'_>, name: &str, bytes_max: usize) -> JiterResult<Option<String>> {
        let peek = jiter.peek()?;
        if peek != Peek::String {
            jiter.known_skip(peek)?;
            self.fault(Code::WrongType, format!("/{name}"), format!("`{name}` is a string"));
            return Ok(None);
        }
        let text = jiter.known_str()?;
        if text.is_empty() {
            self.fault(Code::EmptyField, format!("/{name}"), format!("`{name}` has at least one character"));
            return Ok(None);
        }
        if text.len() > bytes_max {
            let detail = format!("`{name}` is {} bytes long, at most {bytes_max} are taken", text.len());
            self.fault(Code::TooLong, format!("/{name}"), detail);
            return Ok(None);
        }
        if text.as_bytes().contains(&0) {
            self.fault(Code::BadCharacter, format!("/{name}"), format!("`{name}` holds a NUL character"));
            return Ok(None);
        }
        Ok(Some(text.to_owned()))
    }

    fn timestamp(&mut self, jiter: &mut Jiter<'_>) -> JiterResult<()> {
        let peek = jiter.peek()?;
        if peek != Peek::String {
            jiter.known_skip(peek)?;
            self.fault(Code::WrongType, "/timestamp".into(), "`timestamp` is an RFC 3339 string".into());
            return Ok(());
        }
        let parsed = OffsetDateTime::parse(jiter.known_str()?, &Rfc3339).ok();
        // Its zone may bring it out of the years that RFC 3339 can write.
        let parsed = parsed.filter(|at| YEARS.contains(&at.unix_timestamp()));
        if let Some(unix_ms) =
            parsed.and_then(|at| i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).ok())
        {
            self.fields.timestamp = Some(unix_ms);
        } else {
            let detail = "`timestamp` is RFC 3339 with a zone, such as 2026-01-31T12:00:00.000Z";
            self.fault(Code::BadTimestamp, "/timestamp".into(), detail.into());
        }
        Ok(())
    }

    fn top_level_properties(&mut self, jiter: &mut Jiter<'_>) -> JiterResult<()> {
        let peek = jiter.peek()?;
        if peek != Peek::Object {
            jiter.known_skip(peek)?;
            self.fault(Code::WrongType, "/properties".into(), "`properties` is an object".into());
            return Ok(());
        }
        if self.fault.is_some() {
            return jiter.known_skip(peek);
        }
        self.fields.has_properties = true;
        let at = self.properties.len();
        w::name(&mut self.properties, w::DOCUMENT, "properties");
        self.path.push(at + 1);
        self.object(jiter)?;
        self.path.pop();
        Ok(())
    }

    fn finish(&mut self, context: &mut Context<'_>, json_bytes: usize, out: &mut Vec<u8>) -> Outcome {
        if json_bytes > context.event_bytes_max {
            return Err(too_large("as JSON", json_bytes, context.event_bytes_max));
        }
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let fields = &self.fields;
        let kind = fields.kind.as_deref().ok_or_else(|| missing("type"))?;
        let user_id = fields.user_id.as_deref().ok_or_else(|| missing("userId"))?;
        let idempotent = fields.id.is_some();
        let mut made = [0; uuid::fmt::Hyphenated::LENGTH];
        let client_id = match &fields.id {
            Some(id) => id.as_str(),
            None => (context.new_id)().hyphenated().encode_lower(&mut made),
        };
        let id = EventId::derive(user_id, client_id);
        let from = out.len();
        // A quarter at a time: a large batch that grew on the way would take twice what it needs.
        let needed = self.properties.len() + FIELDS_BYTES_MAX;
        if out.capacity() - from < needed {
            out.reserve_exact(needed.max(from / 4));
        }
        let start = w::open(out);
        w::name(out, w::BINARY, "_id");
        out.extend_from_slice(&w::length(id.0.len()));
        out.push(0);
        out.extend_from_slice(&id.0);
        w::string(out, "id", client_id.as_bytes());
        w::string(out, "type", kind.as_bytes());
        w::string(out, "userId", user_id.as_bytes());
        w::date(out, "timestamp", fields.timestamp.unwrap_or(context.received_ms));
        w::date(out, "receivedAt", context.received_ms);
        out.extend_from_slice(&self.properties);
        w::close(out, start);
        let bson_bytes = out.len() - from;
        if bson_bytes > context.event_bytes_max {
            out.truncate(from);
            return Err(too_large("as BSON", bson_bytes, context.event_bytes_max));
        }
        Ok(Accepted { id, doc: from..out.len(), idempotent })
    }
}

type Outcome = Result<Accepted, (Code, String, String)>;

fn missing(name: &str) -> (Code, String, String) {
    (Code::MissingField, format!("/{name}"), format!("`{name}` is missing"))
}

fn too_large(form: &str, bytes: usize, bytes_max: usize) -> (Code, String, String) {
    let detail = format!("the event is {bytes} bytes {form}, at most {bytes_max} are taken");
    (Code::EventTooLarge, String::new(), detail)
}

enum Field {
    Id,
    Type,
    UserId,
    Timestamp,
    Properties,
    Other(String),
}

fn field(key: Option<&str>) -> Option<Field> {
    Some(match key? {
        "id" => Field::Id,
        "type" => Field::Type,
        "userId" => Field::UserId,
        "timestamp" => Field::Timestamp,
        "properties" => Field::Properties,
        other => Field::Other(other.chars().take(USER_ID_BYTES_MAX).collect()),
    })
}
