//! What the routes of administration share: small JSON bodies, who asks, and what refusals of the accounts look like.

use std::fmt;
use std::marker::PhantomData;

use accounts::{Actor, LoginError, Origin, Scope};
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};

use crate::app::Shared;
use crate::auth::Caller;
use crate::code::Code;
use crate::ingest::body;
use crate::problem::Problem;
use crate::settings::Limits;

/// Bytes of a body of administration; the largest, a thousand ids to replay, has 35 KiB.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Seconds to wait after PostgreSQL or the password queue was not there.
const RETRY_AFTER_SECONDS: u64 = 2;

/// A body of administration, and who asks for it.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Shared> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Problem> {
        let (parts, body): (_, Body) = request.into_parts();
        let limits =
            Limits { body_bytes_max: BODY_BYTES_MAX, inflated_bytes_max: BODY_BYTES_MAX, ..app.limits };
        let (bytes, _share) = body::read(&parts.headers, body, &limits, &app.room).await?;
        parse(&bytes).map(Self)
    }
}

/// A struct that is read from a JSON object only: derived code takes an array of its fields, too.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
    }
}

/// JSON that is none is a 400; JSON of another shape is a 422 with a pointer to the place.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let Object(value) = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let detail = error.inner().to_string();
        if error.inner().is_data() {
            let pointer = pointer(&error.path().to_string(), &detail);
            let detail = in_json_words(&detail);
            return Problem::new(Code::InvalidField, detail).at(pointer);
        }
        Problem::new(Code::InvalidJson, format!("the body is no JSON: {detail}"))
    })?;
    json.end().map_err(|_| Problem::new(Code::InvalidJson, "there is more after the JSON value"))?;
    Ok(value)
}

/// What serde says of Rust types, in the words of JSON and without its line and column: the pointer says where.
fn in_json_words(detail: &str) -> String {
    let detail = detail.split(" at line ").next().unwrap_or(detail);
    if let Some(name) = detail.strip_prefix("missing field ") {
        return format!("{name} is missing");
    }
    if let Some((what, known)) = detail.split_once(", expected ") {
        let known = known.replace("one of ", "");
        if let Some(name) = what.strip_prefix("unknown field ") {
            return format!("there is no field {name} here, but {known}");
        }
        if let Some(name) = what.strip_prefix("unknown variant ") {
            return format!("{name} is none of {known}");
        }
        let given = what.split_once(": ").map_or(what, |(_, given)| given);
        let given = given.replace("sequence", "an array").replace("map", "an object");
        let wanted = match known.as_str() {
            "a sequence" => "an array",
            "u32" | "u64" | "i64" => "a whole number in range",
            known if known.starts_with("struct ") => "an object",
            known if known.contains("enum ") => "one of the words of this field, as a string",
            known => known,
        };
        return format!("{given} is here where {wanted} is expected");
    }
    detail.to_owned()
}

/// `ids[3]` → `/ids/3`; for a field that is missing or unknown, whose path is that of its parent, its name is added.
fn pointer(path: &str, detail: &str) -> String {
    let mut pointer = String::new();
    for part in path.split(['.', '[', ']']).filter(|part| !part.is_empty() && *part != "?") {
        pointer.push('/');
        pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
    }
    let named = ["missing field `", "unknown field `"]
        .iter()
        .find_map(|start| detail.strip_prefix(start)?.split('`').next());
    if let Some(name) = named
        && !pointer.ends_with(&format!("/{name}"))
    {
        pointer.push('/');
        pointer.push_str(name);
    }
    pointer
}

/// A caller who may change things. Refused before the body is looked at.
pub struct Admin(pub Caller);

impl FromRequestParts<Shared> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, app).await?;
        caller.require(Scope::Admin)?;
        Ok(Self(caller))
    }
}

/// Who asks, for the audit log.
pub fn origin(caller: &Caller, headers: &HeaderMap) -> Origin {
    let actor = match caller {
        Caller::Key(key) => Actor::Key(key.id),
        Caller::Person(person) => Actor::Person(person.clone()),
    };
    Origin { actor, request_id: request_id(headers) }
}

/// The id that the server gave the request, or kept.
pub fn request_id(headers: &HeaderMap) -> String {
    headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned()
}

/// Keys and people are looked at by every person, but only by keys that may change them: a key that reads events
/// need not know who administers.
pub fn may_look(caller: &Caller) -> Result<(), Problem> {
    match caller {
        Caller::Person(_) => Ok(()),
        Caller::Key(_) => caller.require(Scope::Admin),
    }
}

impl From<accounts::Error> for Problem {
    fn from(error: accounts::Error) -> Self {
        use accounts::Error as E;
        let detail = error.to_string();
        match error {
            E::Unavailable(_) => {
                tracing::warn!("{detail}");
                let detail = "PostgreSQL is out of reach; what was asked may or may not have happened, look before you ask again";
                Self::unavailable(Code::AccountsUnavailable, detail, RETRY_AFTER_SECONDS)
            }
            E::NotAnnounced => Self::unavailable(Code::ChangeNotAnnounced, detail, RETRY_AFTER_SECONDS),
            E::Busy => Self::unavailable(Code::Busy, detail, 1),
            E::NotFound(_) => Self::not_found(detail),
            E::EmailTaken => Self::new(Code::EmailTaken, detail).at("/email"),
            E::LastAdmin => Self::new(Code::LastAdmin, detail),
            E::Full { .. } => Self::new(Code::LimitReached, detail),
            E::Invalid { field, reason } => {
                let pointer = if field == "body" { String::new() } else { format!("/{field}") };
                Self::new(Code::InvalidField, reason).at(pointer)
            }
            E::System(_) | E::Database(_) => internal(&detail),
        }
    }
}

/// A read or a check that PostgreSQL did not answer: nothing can have happened, so it may simply be asked again.
pub fn not_read(error: accounts::Error) -> Problem {
    match error {
        accounts::Error::Unavailable(why) => {
            tracing::warn!("PostgreSQL is out of reach: {why}");
            let detail = "PostgreSQL is out of reach, so this cannot be answered now; ask again";
            Problem::unavailable(Code::AccountsUnavailable, detail, RETRY_AFTER_SECONDS)
        }
        error => error.into(),
    }
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        let detail = error.to_string();
        match error {
            LoginError::WrongCredentials => Self::unauthorized(Code::WrongCredentials, detail),
            LoginError::Throttled(wait) => {
                Self::new(Code::TooManyLogins, detail).retry_after(wait.as_secs().max(1))
            }
            LoginError::Busy => Self::unavailable(Code::Busy, detail, 1),
            LoginError::Store(error) => not_read(error),
        }
    }
}

/// A fault of ours: the log has it, the caller gets no innards.
pub fn internal(detail: &str) -> Problem {
    tracing::error!("{detail}");
    let detail = "the server failed at this; its log has the reason under this request's id";
    Problem::new(Code::Internal, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[allow(dead_code, reason = "only its shape matters")]
    struct Shape {
        user_id: String,
        #[serde(default)]
        ids: Vec<u8>,
        inner: Option<Object<Inner>>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code, reason = "only its shape matters")]
    struct Inner {
        text: String,
    }

    #[test]
    fn a_refusal_speaks_of_json_and_not_of_our_types() {
        for (body, words) in [
            ("[]", "an array is here where an object is expected"),
            (r#"["a", [1]]"#, "an array is here where an object is expected"),
            (r#"{"userId": "a", "inner": ["b"]}"#, "an array is here where an object is expected"),
            (r#"{"userId": 5}"#, "integer `5` is here where a string is expected"),
            (r#"{"userId": "a", "ids": 7}"#, "integer `7` is here where an array is expected"),
            (r#"{"userId": "a", "more": 1}"#, "there is no field `more` here, but `userId`, `ids`, `inner`"),
            ("{}", "`userId` is missing"),
        ] {
            assert_eq!(parse::<Shape>(body.as_bytes()).unwrap_err().detail, words, "{body}");
        }
    }

    #[test]
    fn a_body_of_another_shape_is_pointed_at() {
        for (body, status, code, pointer) in [
            (r#"{"userId": 5}"#, 422, "invalid_field", Some("/userId")),
            (r#"{"userId": "a", "ids": [1, "b"]}"#, 422, "invalid_field", Some("/ids/1")),
            (r#"{"userId": "a", "more": 1}"#, 422, "invalid_field", Some("/more")),
            (r#"{"userId": "a", "inner": {"text": 1}}"#, 422, "invalid_field", Some("/inner/text")),
            (r#"{"userId": "a", "inner": ["b"]}"#, 422, "invalid_field", Some("/inner")),
            ("{}", 422, "invalid_field", Some("/userId")),
            ("[]", 422, "invalid_field", Some("")),
            ("{", 400, "invalid_json", None),
            ("", 400, "invalid_json", None),
            (r#"{"userId": "a"} x"#, 400, "invalid_json", None),
        ] {
            let problem = parse::<Shape>(body.as_bytes()).unwrap_err();
            assert_eq!(
                (problem.status, problem.code, problem.pointer.as_deref()),
                (status, code, pointer),
                "{body}"
            );
        }
    }
}
