//! Query parameters, each checked by name. What is wrong is a 400 that names the parameter; what nobody asked for is
//! refused too, so that a misspelt filter never looks like one that matched everything.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::code::Code;
use crate::problem::Problem;

/// Parameters of one request, at most: twice what any route has.
const PARAMETERS_MAX: usize = 20;
/// Rows of a page when nobody says.
pub const LIMIT_DEFAULT: u32 = 100;
/// Rows of a page, at most.
pub const LIMIT_MAX: u32 = 1_000;
/// Bytes of a cursor: version, time, `_id`.
const CURSOR_BYTES: usize = 25;
const CURSOR_VERSION: u8 = 1;
/// Bytes of a cursor as text, at most: the longest, a UUID, has 36.
const CURSOR_TEXT_BYTES_MAX: usize = 64;

/// The parameters that nobody has taken yet.
#[derive(Debug)]
pub struct Params {
    pairs: Vec<(String, String)>,
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let bad = |detail: &str| Problem::new(Code::BadQuery, detail);
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| bad("the query is not name=value pairs"))?;
        // What was no UTF-8 has become U+FFFD; it must not find what somebody called so.
        let raw = parts.uri.query().unwrap_or_default().to_ascii_uppercase();
        let meant = raw.matches("%EF%BF%BD").count() + raw.matches('\u{FFFD}').count();
        let found: usize =
            pairs.iter().map(|(k, v)| k.matches('\u{FFFD}').count() + v.matches('\u{FFFD}').count()).sum();
        if found != meant {
            return Err(bad("the query is not UTF-8"));
        }
        if pairs.len() > PARAMETERS_MAX {
            return Err(bad("too many query parameters"));
        }
        Ok(Self { pairs })
    }
}

impl Params {
    /// The text of a parameter, of 1 to `bytes_max` bytes.
    pub fn text(&mut self, name: &'static str, bytes_max: usize) -> Result<Option<String>, Problem> {
        let Some(place) = self.pairs.iter().position(|(given, _)| given == name) else { return Ok(None) };
        let (_, text) = self.pairs.swap_remove(place);
        if self.pairs.iter().any(|(given, _)| given == name) {
            return Err(Problem::bad_parameter(name, format!("`{name}` is given more than once")));
        }
        if text.is_empty() || text.len() > bytes_max || text.contains('\0') {
            return Err(Problem::bad_parameter(
                name,
                format!("`{name}` is 1 to {bytes_max} bytes, without NUL"),
            ));
        }
        Ok(Some(text))
    }

    /// One that must be there.
    pub fn required(&mut self, name: &'static str, bytes_max: usize) -> Result<String, Problem> {
        self.text(name, bytes_max)?
            .ok_or_else(|| Problem::bad_parameter(name, format!("`{name}` is required")))
    }

    /// `limit`: 1 to 1,000.
    pub fn limit(&mut self) -> Result<u32, Problem> {
        let Some(text) = self.text("limit", 20)? else { return Ok(LIMIT_DEFAULT) };
        text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit)).ok_or_else(|| {
            Problem::bad_parameter("limit", format!("`limit` is a number from 1 to {LIMIT_MAX}"))
        })
    }

    /// A moment in RFC 3339, as Unix milliseconds.
    pub fn moment(&mut self, name: &'static str) -> Result<Option<i64>, Problem> {
        let Some(mut text) = self.text(name, 40)? else { return Ok(None) };
        // A `+` that was not escaped arrives as a blank: `…T00:00:00 02:00`.
        if let Some(place) = text.len().checked_sub(6).filter(|place| text.as_bytes()[*place] == b' ') {
            text.replace_range(place..=place, "+");
        }
        let at = OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| {
            Problem::bad_parameter(
                name,
                format!("`{name}` is RFC 3339 with a zone, such as 2026-01-31T12:00:00Z"),
            )
        })?;
        Ok(i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).ok())
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name, 40)? else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            return Err(Problem::bad_parameter(name, format!("`{name}` is one of {}", words.join(", "))));
        }
        Ok(found)
    }

    /// `cursor` of a list sorted by time and `_id`, as an answer before gave it.
    pub fn cursor(&mut self) -> Result<Option<Cursor>, Problem> {
        self.cursor_of(Cursor::decode)
    }

    /// `cursor` of a list that has its own.
    pub fn cursor_of<T>(&mut self, decode: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        let Some(text) = self.text("cursor", CURSOR_TEXT_BYTES_MAX)? else { return Ok(None) };
        decode(&text).map(Some).ok_or_else(|| {
            Problem::bad_parameter("cursor", "`cursor` is the nextCursor of an earlier answer, unchanged")
        })
    }

    /// Refuses what is left.
    pub fn finish(self) -> Result<(), Problem> {
        match self.pairs.first() {
            None => Ok(()),
            Some((name, _)) => {
                let name: String = name.chars().take(60).collect();
                let detail = format!("there is no query parameter `{name}` here");
                let problem = Problem::new(Code::UnknownParameter, detail);
                Err(Problem { parameter: Some(name.into()), ..problem })
            }
        }
    }
}

/// The one parameter of a path.
pub struct Id(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(Problem::new(Code::BadPath, "the path is not UTF-8")),
        }
    }
}

/// A place in a list that is sorted by time and then by `_id`, both descending. Opaque to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Unix milliseconds of the last row of the page before.
    pub at_ms: i64,
    /// Its `_id`.
    pub id: [u8; 16],
}

impl Cursor {
    /// As text for a URL.
    pub fn encode(&self) -> String {
        let mut bytes = [CURSOR_VERSION; CURSOR_BYTES];
        bytes[1..9].copy_from_slice(&self.at_ms.to_be_bytes());
        bytes[9..].copy_from_slice(&self.id);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes: [u8; CURSOR_BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (version, rest) = bytes.split_first()?;
        let (at_ms, id) = rest.split_first_chunk::<8>()?;
        let id = id.try_into().ok()?;
        (*version == CURSOR_VERSION).then_some(Self { at_ms: i64::from_be_bytes(*at_ms), id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn params(query: &str) -> Result<Params, Problem> {
        let request = axum::http::Request::get(format!("/x?{query}")).body(()).unwrap();
        Params::from_request_parts(&mut request.into_parts().0, &()).await
    }

    #[tokio::test]
    async fn good_parameters_are_taken_one_by_one_until_none_is_left() {
        let mut p =
            params("userId=a%20b&limit=7&from=2026-01-31T12:00:00%2B02:00&to=2026-01-31T12:00:00+02:00")
                .await
                .unwrap();
        assert_eq!(p.required("userId", 200).unwrap(), "a b");
        assert_eq!(p.limit().unwrap(), 7);
        assert_eq!(p.moment("from").unwrap(), Some(1_769_853_600_000));
        assert_eq!(p.moment("to").unwrap(), Some(1_769_853_600_000));
        assert_eq!(p.text("type", 200).unwrap(), None);
        p.finish().unwrap();
    }

    #[tokio::test]
    async fn each_fault_names_its_parameter() {
        for (query, name) in [
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("limit=x", "limit"),
            ("limit=1&limit=2", "limit"),
            ("limit=", "limit"),
            ("from=yesterday", "from"),
            ("from=2026-01-31T12:00:00", "from"),
            ("cursor=abc", "cursor"),
            ("cursor=%00", "cursor"),
            ("status=no", "status"),
            ("", "userId"),
            ("userId=", "userId"),
        ] {
            let mut p = params(query).await.unwrap();
            let fault = p
                .limit()
                .err()
                .or_else(|| p.moment("from").err())
                .or_else(|| p.cursor().err())
                .or_else(|| p.word("status", &[("open", 1)]).err())
                .or_else(|| p.required("userId", 200).err());
            let fault = fault.unwrap_or_else(|| panic!("{query} was taken"));
            assert_eq!(
                (fault.status, fault.code, fault.parameter.as_deref()),
                (400, "bad_parameter", Some(name)),
                "{query}"
            );
        }
        let unknown = params("userid=x").await.unwrap().finish().unwrap_err();
        assert_eq!(unknown.code, "unknown_parameter");
        assert_eq!(params("a=%ff").await.unwrap_err().code, "bad_query");
    }

    #[test]
    fn a_cursor_reads_back_and_a_changed_one_of_another_length_or_version_does_not() {
        let cursor = Cursor { at_ms: -5, id: [7; 16] };
        assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        assert_eq!(Cursor::decode(&cursor.encode()[1..]), None);
        assert_eq!(Cursor::decode(&URL_SAFE_NO_PAD.encode([2; 25])), None);
    }
}
