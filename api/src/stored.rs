//! Stored events as JSON: the exact inverse of the table by which they were encoded. int64 → integer, double →
//! number, dates → RFC 3339 in milliseconds. What another writer put there is shown as MongoDB's extended JSON.

use bson::{RawArray, RawBsonRef, RawDocument, RawDocumentBuf};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::macros::format_description;
use utoipa::ToSchema;

/// An event as it is stored.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoredEvent {
    /// The sender's id, or the one that the server made.
    pub id: String,
    /// What happened.
    pub r#type: String,
    /// Whose it is.
    pub user_id: String,
    /// When it happened.
    #[schema(format = DateTime)]
    pub timestamp: String,
    /// When the server took it.
    #[schema(format = DateTime)]
    pub received_at: String,
    /// As it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub properties: Option<Properties>,
}

impl StoredEvent {
    /// From its document; `None` when it is not one of ours.
    pub fn read(document: &RawDocument) -> Option<Self> {
        let date = |name| document.get_datetime(name).ok().map(|at| rfc3339(at.timestamp_millis()));
        let text = |name| document.get_str(name).ok().map(str::to_owned);
        Some(Self {
            id: text("id")?,
            r#type: text("type")?,
            user_id: text("userId")?,
            timestamp: date("timestamp")?,
            received_at: date("receivedAt")?,
            properties: document.get_document("properties").ok().map(|p| Properties(p.to_raw_document_buf())),
        })
    }
}

/// Any JSON object.
pub struct Properties(RawDocumentBuf);

impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Object(&self.0).serialize(serializer)
    }
}

struct Object<'a>(&'a RawDocument);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for element in self.0 {
            let (key, value) = element.map_err(serde::ser::Error::custom)?;
            map.serialize_entry(&key, &Value(value))?;
        }
        map.end()
    }
}

struct Array<'a>(&'a RawArray);

impl Serialize for Array<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(None)?;
        for value in self.0 {
            sequence.serialize_element(&Value(value.map_err(serde::ser::Error::custom)?))?;
        }
        sequence.end()
    }
}

struct Value<'a>(RawBsonRef<'a>);

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            RawBsonRef::Int64(number) => serializer.serialize_i64(number),
            RawBsonRef::Int32(number) => serializer.serialize_i32(number),
            RawBsonRef::Double(number) => serializer.serialize_f64(number),
            RawBsonRef::String(text) => serializer.serialize_str(text),
            RawBsonRef::Boolean(value) => serializer.serialize_bool(value),
            RawBsonRef::Null => serializer.serialize_unit(),
            RawBsonRef::Document(document) => Object(document).serialize(serializer),
            RawBsonRef::Array(array) => Array(array).serialize(serializer),
            RawBsonRef::DateTime(at) => serializer.serialize_str(&rfc3339(at.timestamp_millis())),
            other => match bson::Bson::try_from(other.to_raw_bson()) {
                Ok(value) => value.into_relaxed_extjson().serialize(serializer),
                Err(error) => Err(serde::ser::Error::custom(error)),
            },
        }
    }
}

/// `2026-01-31T12:00:00.000Z`; a moment that no calendar has is its milliseconds.
pub fn rfc3339(unix_ms: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000)
        .ok()
        .and_then(|at| at.format(&format).ok())
        .unwrap_or_else(|| unix_ms.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::{Bson, rawdoc};
    use uuid::Uuid;

    #[test]
    fn what_was_sent_comes_back_letter_by_letter() {
        let properties = r#"{"i":9223372036854775807,"n":-9223372036854775808,"d":1.5,"e":1e300,"whole":2.0,"zero":-0.0,"s":"ü\u0000","t":true,"z":null,"a":[1,[2,{"x":[]}]],"$k":1,"a.b":{"":{}}}"#;
        let body = format!(
            r#"{{"id":"e1","type":"t","userId":"u","timestamp":"2026-01-31T12:00:00.1239+02:00","properties":{properties}}}"#
        );
        let mut new_id = Uuid::now_v7;
        let mut context = event::parse::Context {
            received_ms: 1_700_000_000_001,
            batch_events_max: 1,
            event_bytes_max: 10_000,
            docs_bytes_max: usize::MAX,
            new_id: &mut new_id,
        };
        let parsed = event::parse::single(body.as_bytes(), &mut context).unwrap();
        let accepted = parsed.events[0].as_ref().unwrap();
        let document = RawDocument::from_bytes(parsed.doc(accepted)).unwrap();
        let json = serde_json::to_string(&StoredEvent::read(document).unwrap()).unwrap();
        let back: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(back["properties"], serde_json::from_str::<serde_json::Value>(properties).unwrap());
        assert!(json.contains(r#""whole":2.0"#) && json.contains(r#""i":9223372036854775807"#), "{json}");
        assert!(json.contains(r#""timestamp":"2026-01-31T10:00:00.123Z""#), "{json}");
        assert!(json.contains(r#""receivedAt":"2023-11-14T22:13:20.001Z""#), "{json}");
    }

    #[test]
    fn what_others_wrote_is_shown_and_never_fails_the_list() {
        let document = rawdoc! {"oid": bson::oid::ObjectId::from_bytes([1; 12]), "i": 5_i32, "r": Bson::MinKey.try_into().unwrap_or(bson::RawBson::MinKey)};
        let json = serde_json::to_string(&Properties(document)).unwrap();
        assert!(json.contains("$oid") && json.contains("\"i\":5"), "{json}");
        assert_eq!(rfc3339(i64::MAX), i64::MAX.to_string());
    }
}
