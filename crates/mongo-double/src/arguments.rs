//! A command and its arguments, read strictly: an argument nobody knows is refused, as the real servers do.

use std::time::{Duration, Instant};

use bson::{Bson, Document, RawBsonRef, RawDocument};
use bytes::Bytes;

use crate::codes;
use crate::refusal::{Refusal, bad_value};
use crate::wire::{Incoming, documents_of};

/// Arguments that any command may carry.
const GENERIC: &[&str] = &[
    "$db",
    "lsid",
    "$clusterTime",
    "$readPreference",
    "txnNumber",
    "stmtId",
    "comment",
    "maxTimeMS",
    "readConcern",
    "writeConcern",
    "apiVersion",
    "apiStrict",
    "apiDeprecationErrors",
    "shardVersion",
];
/// Arguments whose documents may number thousands, and are not decoded with the rest.
const SEQUENCES: &[&str] = &["documents", "updates", "deletes"];
/// How deep documents may lie in each other.
const DEPTH_MAX: usize = 200;

/// A request that names a command and a database.
#[derive(Debug)]
pub struct Request {
    /// The command as it was sent.
    pub name: String,
    /// Its database.
    pub db: String,
    body: Bytes,
    sequences: Vec<(String, Vec<Bytes>)>,
}

impl Request {
    /// Finds command and database.
    pub fn read(incoming: Incoming) -> Result<Self, Refusal> {
        let Incoming { body, sequences, legacy, .. } = incoming;
        let raw = RawDocument::from_bytes(&body).map_err(|error| invalid(&error))?;
        let (name, _) = raw
            .iter()
            .next()
            .ok_or_else(|| bad_value("an empty command"))?
            .map_err(|error| invalid(&error))?;
        let db = match raw.get_str("$db") {
            Ok(db) => db.to_owned(),
            Err(_) if legacy => "admin".to_owned(),
            Err(_) => {
                return Err(Refusal::new(codes::MISSING_FIELD, "OP_MSG requests require a $db argument"));
            }
        };
        if db.is_empty() || db.contains(['.', '/', '\\', ' ', '"', '$', '\0']) {
            return Err(Refusal::new(codes::INVALID_NAMESPACE, format!("Invalid database name: '{db}'")));
        }
        let name = name.to_owned();
        Ok(Self { name, db, body, sequences })
    }

    /// Whether an argument was sent.
    pub fn has(&self, name: &str) -> bool {
        RawDocument::from_bytes(&self.body).is_ok_and(|raw| matches!(raw.get(name), Ok(Some(_))))
    }

    /// All arguments but the long lists of writes.
    pub fn arguments(&self) -> Result<Arguments, Refusal> {
        let raw = RawDocument::from_bytes(&self.body).map_err(|error| invalid(&error))?;
        let mut fields = Document::new();
        for entry in raw {
            let (name, value) = entry.map_err(|error| invalid(&error))?;
            if SEQUENCES.contains(&name) && matches!(value, RawBsonRef::Array(_)) {
                continue;
            }
            let value = Bson::try_from(value.to_raw_bson()).map_err(|error| invalid(&error))?;
            if fields.insert(name, value).is_some() {
                return Err(Refusal::new(codes::FAILED_TO_PARSE, format!("'{name}' is there twice")));
            }
        }
        if fields.contains_key("startTransaction") || fields.contains_key("autocommit") {
            return Err(Refusal::new(
                codes::ILLEGAL_OPERATION,
                "this double does not model transactions of several statements",
            ));
        }
        Ok(Arguments { command: self.name.clone(), db: self.db.clone(), fields })
    }

    /// The documents of a write, sharing the message's memory.
    pub fn documents(&self, name: &str) -> Result<Vec<Bytes>, Refusal> {
        if let Some((_, documents)) = self.sequences.iter().find(|(known, _)| known == name) {
            return Ok(documents.clone());
        }
        let raw = RawDocument::from_bytes(&self.body).map_err(|error| invalid(&error))?;
        let missing =
            || Refusal::new(codes::MISSING_FIELD, format!("BSON field '{}.{name}' is missing but a required field", self.name));
        let array = raw.get_array(name).map_err(|_| missing())?;
        documents_of(&self.body, array).ok_or_else(|| bad_value(format!("{name}: an element is no document")))
    }
}

/// 22 with the codec's words.
pub fn invalid(error: &impl std::fmt::Display) -> Refusal {
    Refusal::new(codes::INVALID_BSON, format!("invalid BSON: {error}"))
}

/// Looks at every element of a document, so that nothing malformed is stored.
pub fn validate(document: &RawDocument) -> Result<(), Refusal> {
    fn walk(document: &RawDocument, depth: usize) -> Result<(), Refusal> {
        if depth > DEPTH_MAX {
            return Err(Refusal::new(codes::INVALID_BSON, "documents lie too deep in each other"));
        }
        for element in document.iter_elements() {
            let element = element.map_err(|error| invalid(&error))?;
            match element.value().map_err(|error| invalid(&error))? {
                RawBsonRef::Document(inner) => walk(inner, depth + 1)?,
                RawBsonRef::Array(inner) => {
                    let inner = RawDocument::from_bytes(inner.as_bytes()).map_err(|error| invalid(&error))?;
                    walk(inner, depth + 1)?;
                }
                _ => (),
            }
        }
        Ok(())
    }
    walk(document, 0)
}

/// Whether a value means yes: `true` or a number that is not 0.
pub fn truthy(value: Option<&Bson>) -> bool {
    match value {
        Some(Bson::Boolean(yes)) => *yes,
        Some(Bson::Int32(n)) => *n != 0,
        Some(Bson::Int64(n)) => *n != 0,
        Some(Bson::Double(n)) => *n != 0.0,
        _ => false,
    }
}

/// A whole number of any numeric type.
pub fn whole(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(n) => Some(i64::from(*n)),
        Bson::Int64(n) => Some(*n),
        #[allow(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
        Bson::Double(n) if n.fract() == 0.0 && n.abs() < 9e15 => Some(*n as i64),
        _ => None,
    }
}

/// The arguments of one command.
#[derive(Clone, Debug)]
pub struct Arguments {
    command: String,
    /// The command's database.
    pub db: String,
    /// All that was sent.
    pub fields: Document,
}

impl Arguments {
    /// Refuses what is neither in `allowed` nor generic. The command's own name is always fine.
    pub fn only(&self, allowed: &[&str]) -> Result<(), Refusal> {
        let known = |name: &str| name == self.command || allowed.contains(&name) || GENERIC.contains(&name);
        match self.fields.keys().find(|name| !known(name)) {
            None => Ok(()),
            Some(name) => Err(Refusal::new(
                codes::UNKNOWN_FIELD,
                format!("BSON field '{}.{name}' is an unknown field.", self.command),
            )),
        }
    }

    fn wrong_type(&self, name: &str, wanted: &str) -> Refusal {
        Refusal::new(
            codes::TYPE_MISMATCH,
            format!("BSON field '{}.{name}' is the wrong type, expected {wanted}", self.command),
        )
    }

    /// A required value.
    pub fn required(&self, name: &str) -> Result<&Bson, Refusal> {
        self.fields.get(name).ok_or_else(|| {
            Refusal::new(
                codes::MISSING_FIELD,
                format!("BSON field '{}.{name}' is missing but a required field", self.command),
            )
        })
    }

    /// A required string.
    pub fn text(&self, name: &str) -> Result<&str, Refusal> {
        self.required(name)?.as_str().ok_or_else(|| self.wrong_type(name, "string"))
    }

    /// A string, if there.
    pub fn optional_text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let Some(value) = self.fields.get(name) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| self.wrong_type(name, "string"))
    }

    /// A document, if there.
    pub fn document(&self, name: &str) -> Result<Option<&Document>, Refusal> {
        match self.fields.get(name) {
            None | Some(Bson::Null) => Ok(None),
            Some(value) => value.as_document().map(Some).ok_or_else(|| self.wrong_type(name, "object")),
        }
    }

    /// An array, if there.
    pub fn array(&self, name: &str) -> Result<Option<&Vec<Bson>>, Refusal> {
        let Some(value) = self.fields.get(name) else { return Ok(None) };
        value.as_array().map(Some).ok_or_else(|| self.wrong_type(name, "array"))
    }

    /// A whole number, if there.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        match self.fields.get(name) {
            None | Some(Bson::Null) => Ok(None),
            Some(value) => whole(value).map(Some).ok_or_else(|| self.wrong_type(name, "long")),
        }
    }

    /// A whole number that may not be negative.
    pub fn size(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let Some(value) = self.integer(name)? else { return Ok(None) };
        usize::try_from(value)
            .map(Some)
            .map_err(|_| bad_value(format!("BSON field '{name}' value must be >= 0, actual value '{value}'")))
    }

    /// Yes or no; `default` when it is not there.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, Refusal> {
        match self.fields.get(name) {
            None | Some(Bson::Null) => Ok(default),
            value @ Some(Bson::Boolean(_) | Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_)) => Ok(truthy(value)),
            Some(_) => Err(self.wrong_type(name, "bool")),
        }
    }

    /// `db.collection`, where the command's own value is the collection.
    pub fn ns(&self) -> Result<String, Refusal> {
        let collection = self
            .required(&self.command)?
            .as_str()
            .ok_or_else(|| Refusal::new(codes::INVALID_NAMESPACE, "collection name has invalid type"))?;
        namespace(&self.db, collection)
    }

    /// When the caller gives up (`maxTimeMS`).
    pub fn deadline(&self) -> Result<Option<Instant>, Refusal> {
        let ms = self.integer("maxTimeMS")?.filter(|ms| *ms > 0);
        Ok(ms.and_then(|ms| Instant::now().checked_add(Duration::from_millis(ms.unsigned_abs()))))
    }
}

/// A full namespace out of its parts.
pub fn namespace(db: &str, collection: &str) -> Result<String, Refusal> {
    if collection.is_empty() || collection.starts_with('.') || collection.contains(['$', '\0']) {
        return Err(Refusal::new(
            codes::INVALID_NAMESPACE,
            format!("Invalid namespace specified '{db}.{collection}'"),
        ));
    }
    Ok(format!("{db}.{collection}"))
}

/// The namespace that a cursor was made with: unlike a client's own it may be `$cmd.…`.
pub fn namespace_of_cursor(db: &str, collection: &str) -> String {
    format!("{db}.{collection}")
}
