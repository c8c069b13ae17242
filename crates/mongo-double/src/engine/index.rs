//! One index: a map in the order of its keys. The index of `_id` is one like any other.

use std::collections::BTreeMap;

use bson::{Bson, Document, RawBsonRef, RawDocument, doc};

use crate::arguments::{truthy, whole};
use crate::codes;
use crate::refusal::Refusal;
use crate::values::hash::hash64;
use crate::values::order;
use crate::values::path::Path;

/// How a field is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// 1.
    Ascending,
    /// -1.
    Descending,
    /// By its hash: good for equality alone.
    Hashed,
}

/// An index and its entries.
#[derive(Debug)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// `{field: 1, other: -1}`.
    pub key: Document,
    /// No two documents with one key.
    pub unique: bool,
    /// Documents whose date is older by this many seconds are deleted.
    pub expire_after_seconds: Option<i64>,
    /// The fields of the key.
    pub fields: Vec<(Path, Direction)>,
    /// Some document has an array there and so several entries.
    pub multikey: bool,
    /// Key to record. Keys of an index that is not unique end in the record's number.
    pub map: BTreeMap<Box<[u8]>, u32>,
}

const KNOWN_OPTIONS: &[&str] = &["key", "name", "unique", "expireAfterSeconds", "v", "ns", "background"];
/// Options of the real server that would change what is found.
const REFUSED_OPTIONS: &[&str] = &[
    "sparse",
    "partialFilterExpression",
    "collation",
    "hidden",
    "weights",
    "wildcardProjection",
    "storageEngine",
    "2dsphereIndexVersion",
    "textIndexVersion",
    "clustered",
    "prepareUnique",
];

impl Index {
    /// The index of `_id`.
    pub fn of_id() -> Self {
        Self {
            name: "_id_".into(),
            key: doc! {"_id": 1},
            unique: true,
            expire_after_seconds: None,
            fields: vec![(Path::new("_id"), Direction::Ascending)],
            multikey: false,
            map: BTreeMap::new(),
        }
    }

    /// Reads one element of `createIndexes`.
    pub fn parse(spec: &Document) -> Result<Self, Refusal> {
        let cannot = |message: String| Refusal::new(codes::CANNOT_CREATE_INDEX, message);
        let key = spec.get_document("key").ok().filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| {
            Refusal::new(codes::FAILED_TO_PARSE, "The 'key' field is a required property of an index specification")
        })?;
        for option in spec.keys() {
            if REFUSED_OPTIONS.contains(&option.as_str()) {
                return Err(cannot(format!("this double does not model the index option '{option}'")));
            }
            if !KNOWN_OPTIONS.contains(&option.as_str()) {
                return Err(Refusal::new(
                    codes::INVALID_INDEX_SPECIFICATION_OPTION,
                    format!("The field '{option}' is not valid for an index specification"),
                ));
            }
        }
        let mut fields = Vec::new();
        for (name, direction) in key {
            let direction = match (whole(direction), direction) {
                (Some(n), _) if n > 0 => Direction::Ascending,
                (Some(n), _) if n < 0 => Direction::Descending,
                (_, Bson::String(kind)) if kind == "hashed" => Direction::Hashed,
                _ => return Err(cannot(format!("Values in the index key pattern cannot be {direction}"))),
            };
            if name.is_empty() || name.starts_with('$') {
                return Err(cannot(format!("Index key contains an illegal field name: '{name}'")));
            }
            fields.push((Path::new(name), direction));
        }
        let hashed = fields.iter().filter(|(_, direction)| *direction == Direction::Hashed).count();
        if hashed > 1 {
            return Err(Refusal::new(31303, "A maximum of one index field is allowed to be hashed"));
        }
        let unique = truthy(spec.get("unique"));
        if unique && hashed > 0 {
            return Err(Refusal::new(16764, "Currently hashed indexes cannot guarantee uniqueness"));
        }
        let expire_after_seconds = match spec.get("expireAfterSeconds") {
            None => None,
            Some(value) => {
                let seconds = whole(value).filter(|seconds| (0..=i64::from(i32::MAX)).contains(seconds));
                if fields.len() > 1 || seconds.is_none() {
                    return Err(cannot(
                        "TTL indexes have one field and expireAfterSeconds within 0 and 2147483647".into(),
                    ));
                }
                seconds
            }
        };
        let name = spec.get_str("name").map_or_else(|_| default_name(key), str::to_owned);
        let key = key.clone();
        Ok(Self { name, key, unique, expire_after_seconds, fields, multikey: false, map: BTreeMap::new() })
    }

    /// As `listIndexes` shows it and the journal keeps it.
    pub fn spec(&self) -> Document {
        let mut spec = doc! {"v": 2, "key": self.key.clone(), "name": &self.name};
        if self.unique && self.name != "_id_" {
            spec.insert("unique", true);
        }
        if let Some(seconds) = self.expire_after_seconds {
            spec.insert("expireAfterSeconds", i32::try_from(seconds).unwrap_or(i32::MAX));
        }
        spec
    }

    /// Calls `see` with each key of a document, without the record's number.
    pub fn keys(
        &self,
        document: &RawDocument,
        scratch: &mut Vec<u8>,
        see: &mut impl FnMut(&[u8], bool),
    ) -> Result<(), Refusal> {
        scratch.clear();
        for (path, direction) in &self.fields {
            let value = match path.parts() {
                [one] => document.get(one).ok().flatten(),
                _ => path.first(document),
            };
            match value {
                Some(RawBsonRef::Array(_)) => return self.several_keys(document, see),
                None if path.parts().len() > 1 => return self.several_keys(document, see),
                value => component(scratch, value.unwrap_or(RawBsonRef::Null), *direction),
            }
        }
        see(scratch, false);
        Ok(())
    }

    /// The slow way, for arrays: a key for each element.
    fn several_keys(&self, document: &RawDocument, see: &mut impl FnMut(&[u8], bool)) -> Result<(), Refusal> {
        let mut keys = vec![Vec::new()];
        let mut multikey = false;
        for (path, direction) in &self.fields {
            let (mut parts, mut in_array) = (Vec::new(), false);
            path.any(document, &mut |value| {
                let is_array = matches!(value, Some(RawBsonRef::Array(_)));
                in_array |= is_array;
                if !(is_array && !parts.is_empty()) {
                    let mut part = Vec::new();
                    component(&mut part, value.unwrap_or(RawBsonRef::Null), *direction);
                    parts.push(part);
                }
                false
            });
            if parts.is_empty() {
                let mut part = Vec::new();
                component(&mut part, RawBsonRef::Null, *direction);
                parts.push(part);
            }
            in_array |= parts.len() > 1;
            if in_array && *direction == Direction::Hashed {
                return Err(Refusal::new(16766, "hashed indexes do not currently support array values"));
            }
            if in_array && multikey {
                return Err(Refusal::new(171, "cannot index parallel arrays"));
            }
            multikey |= in_array;
            parts.sort_unstable();
            parts.dedup();
            keys = keys.iter().flat_map(|key| parts.iter().map(move |part| [&key[..], part].concat())).collect();
        }
        keys.iter().for_each(|key| see(key, multikey));
        Ok(())
    }

    /// The key in the map: of an index that is not unique with the record's number at its end.
    pub fn entry(&self, key: &[u8], record: u32) -> Box<[u8]> {
        if self.unique {
            return Box::from(key);
        }
        let mut entry = Vec::with_capacity(key.len() + 4);
        entry.extend_from_slice(key);
        entry.extend_from_slice(&record.to_be_bytes());
        entry.into_boxed_slice()
    }
}

fn component(key: &mut Vec<u8>, value: RawBsonRef<'_>, direction: Direction) {
    match direction {
        Direction::Ascending => order::append(key, value),
        Direction::Descending => order::append_descending(key, value),
        Direction::Hashed => {
            let hash = hash64(value, &mut Vec::new());
            order::append(key, RawBsonRef::Int64(hash));
        }
    }
}

fn default_name(key: &Document) -> String {
    let part = |(name, direction): (&String, &Bson)| match direction {
        Bson::String(kind) => format!("{name}_{kind}"),
        other => format!("{name}_{}", whole(other).unwrap_or(1)),
    };
    key.iter().map(part).collect::<Vec<_>>().join("_")
}
