//! One event from JSON to BSON in one pass. The first fault is kept and the rest of the event skipped, so that
//! the next event of the batch can be read.
//!
//! `properties` is written as it is read; the other fields are short, wait in `fields`, and the document is put
//! together in canonical order at the end.

use jiter::{Jiter, JiterResult, Peek};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::bson_writer as w;
use crate::parse::{Accepted, Context, wrong_type};
use crate::reject::push_token;
use crate::{Code, DEPTH_MAX, EventId, ID_BYTES_MAX, Reject, TYPE_BYTES_MAX, USER_ID_BYTES_MAX};

/// Up to this many keys, a look at each earlier key costs less than sorting them at the end.
const KEYS_COMPARED_DIRECTLY: usize = 24;

/// Buffers that are used again for each event of a body.
#[derive(Default)]
pub(crate) struct Transcoder {
    properties: Vec<u8>,
    fields: Fields,
    /// Where in `properties` the names on the way to the current value begin: the path, for the pointer of a fault.
    path: Vec<usize>,
    /// Where the names of all open objects begin and end, for finding one that comes twice.
    names: Vec<(usize, usize)>,
    fault: Option<(Code, String, String)>,
}

#[derive(Default)]
struct Fields {
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
        self.reset();
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
            Reject { code, pointer: format!("{place}{pointer}"), detail }
        }))
    }

    fn reset(&mut self) {
        self.properties.clear();
        self.fields = Fields::default();
        self.path.clear();
        self.names.clear();
        self.fault = None;
    }

    fn fault(&mut self, code: Code, pointer: String, detail: String) {
        self.fault.get_or_insert((code, pointer, detail));
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

    /// Writes the object whose brace is next.
    fn object(&mut self, jiter: &mut Jiter<'_>) -> JiterResult<()> {
        let start = w::open(&mut self.properties);
        let own_names = self.names.len();
        let mut more = self.name(jiter.known_object()?);
        while let Some(element) = more {
            if element.kept {
                self.path.push(element.at + 1);
                self.check_twice(own_names);
                let peek = jiter.peek()?;
                self.value(jiter, peek, element.at)?;
                self.path.pop();
            } else {
                jiter.next_skip()?;
            }
            more = self.name(jiter.next_key()?);
        }
        self.check_twice_among_many(own_names);
        self.names.truncate(own_names);
        w::close(&mut self.properties, start);
        Ok(())
    }

    fn name(&mut self, key: Option<&str>) -> Option<Element> {
        let key = key?;
        let at = self.properties.len();
        if self.fault.is_some() {
            return Some(Element { at, kept: false });
        }
        if key.as_bytes().contains(&0) {
            let pointer = self.pointer();
            self.fault(Code::BadKey, pointer, "a key holds a NUL character, which no store can keep".into());
            return Some(Element { at, kept: false });
        }
        w::name(&mut self.properties, 0, key);
        self.names.push((at + 1, at + 1 + key.len()));
        Some(Element { at, kept: true })
    }

    fn array(&mut self, jiter: &mut Jiter<'_>) -> JiterResult<()> {
        let start = w::open(&mut self.properties);
        let mut index = 0;
        let mut next = jiter.known_array()?;
        while let Some(peek) = next {
            if self.fault.is_some() {
                jiter.known_skip(peek)?;
            } else {
                let at = self.properties.len();
                self.properties.push(0);
                w::index_name(&mut self.properties, index);
                self.path.push(at + 1);
                self.value(jiter, peek, at)?;
                self.path.pop();
            }
            index += 1;
            next = jiter.array_step()?;
        }
        w::close(&mut self.properties, start);
        Ok(())
    }

    /// Writes one value; `kind_at` is where its type byte belongs.
    fn value(&mut self, jiter: &mut Jiter<'_>, peek: Peek, kind_at: usize) -> JiterResult<()> {
        if self.fault.is_some() {
            return jiter.known_skip(peek);
        }
        let kind = match peek {
            Peek::String => {
                let text = jiter.known_str()?;
                w::string_value(&mut self.properties, text.as_bytes());
                w::STRING
            }
            Peek::Null => {
                jiter.known_null()?;
                w::NULL
            }
            Peek::True | Peek::False => {
                let truth = jiter.known_bool(peek)?;
                self.properties.push(u8::from(truth));
                w::BOOLEAN
            }
            Peek::Object | Peek::Array => {
                if self.path.len() > DEPTH_MAX {
                    let pointer = self.pointer();
                    self.fault(
                        Code::TooDeep,
                        pointer,
                        format!("properties nest at most {DEPTH_MAX} levels deep"),
                    );
                    return jiter.known_skip(peek);
                }
                if peek == Peek::Object {
                    self.object(jiter)?;
                    w::DOCUMENT
                } else {
                    self.array(jiter)?;
                    w::ARRAY
                }
            }
            _ => self.number(jiter, peek)?,
        };
        self.properties[kind_at] = kind;
        Ok(())
    }

    fn number(&mut self, jiter: &mut Jiter<'_>, peek: Peek) -> JiterResult<u8> {
        let digits = std::str::from_utf8(jiter.known_number_bytes(peek)?).unwrap_or_default();
        if digits.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
            if let Ok(whole) = digits.parse::<i64>() {
                self.properties.extend_from_slice(&whole.to_le_bytes());
                return Ok(w::INT64);
            }
            let pointer = self.pointer();
            let detail = "an integer is within −2^63 … 2^63−1; send a larger one as a string";
            self.fault(Code::NumberOutOfRange, pointer, detail.into());
            return Ok(w::NULL);
        }
        match digits.parse::<f64>() {
            Ok(number) if number.is_finite() => self.properties.extend_from_slice(&number.to_le_bytes()),
            _ => {
                let pointer = self.pointer();
                self.fault(
                    Code::NumberOutOfRange,
                    pointer,
                    "a number is within ±1.8e308; send a larger one as a string".into(),
                );
            }
        }
        Ok(w::DOUBLE)
    }

    /// The newest of an object's first few names against those before it.
    fn check_twice(&mut self, own_names: usize) {
        let own = &self.names[own_names..];
        let Some((&(from, to), earlier)) = own.split_last() else { return };
        if earlier.len() >= KEYS_COMPARED_DIRECTLY {
            return;
        }
        let name = &self.properties[from..to];
        if earlier.iter().any(|&(from, to)| &self.properties[from..to] == name) {
            let pointer = self.pointer();
            self.fault(Code::DuplicateKey, pointer, "the same key stands in this object twice".into());
        }
    }

    /// All names of a large object, sorted, so that a hostile one costs n log n and not n².
    fn check_twice_among_many(&mut self, own_names: usize) {
        if self.fault.is_some() || self.names.len() - own_names <= KEYS_COMPARED_DIRECTLY {
            return;
        }
        let bytes = &self.properties;
        let own = &mut self.names[own_names..];
        own.sort_unstable_by(|a, b| bytes[a.0..a.1].cmp(&bytes[b.0..b.1]));
        let twice = own.windows(2).find(|pair| bytes[pair[0].0..pair[0].1] == bytes[pair[1].0..pair[1].1]);
        if let Some(&[(from, _), _]) = twice {
            self.path.push(from);
            let pointer = self.pointer();
            self.path.pop();
            self.fault(Code::DuplicateKey, pointer, "the same key stands in this object twice".into());
        }
    }

    /// Where we are, as a pointer below the event.
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for &from in &self.path {
            let name = self.properties[from..].split(|&b| b == 0).next().unwrap_or_default();
            push_token(&mut pointer, &String::from_utf8_lossy(name));
        }
        pointer
    }

    fn finish(&mut self, context: &mut Context<'_>, json_bytes: usize, out: &mut Vec<u8>) -> Outcome {
        if json_bytes > context.event_bytes_max {
            return Err(too_large("as JSON", json_bytes, context.event_bytes_max));
        }
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let fields = std::mem::take(&mut self.fields);
        let kind = fields.kind.ok_or_else(|| missing("type"))?;
        let user_id = fields.user_id.ok_or_else(|| missing("userId"))?;
        let idempotent = fields.id.is_some();
        let mut made = [0; uuid::fmt::Hyphenated::LENGTH];
        let client_id = match &fields.id {
            Some(id) => id.as_str(),
            None => (context.new_id)().hyphenated().encode_lower(&mut made),
        };
        let id = EventId::derive(&user_id, client_id);
        let from = out.len();
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

/// An element whose name was written: where its type byte is, and whether its value matters.
struct Element {
    at: usize,
    kept: bool,
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
