//! Inserts, updates, deletes. A change and its journal record are made under one lock.

use std::sync::Arc;

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, RawBsonRef, RawDocument, RawDocumentBuf};
use bytes::Bytes;

use super::collection::{Collection, Data, WriteFault};
use super::journal::Change;
use super::plan::Selection;
use super::Engine;
use crate::arguments::validate;
use crate::codes;
use crate::query::{Matcher, Sort, Update, decoded, raw, stored};
use crate::refusal::Refusal;
use crate::values::order;
use crate::wire::DOCUMENT_BYTES_MAX;

/// Documents that one pass deletes for age: other writers get their turn in between.
const EXPIRED_MAX: usize = 10_000;

/// What became of an insert.
#[derive(Debug, Default)]
pub struct Inserted {
    /// Documents stored.
    pub count: usize,
    /// Documents refused, by their place.
    pub faults: Vec<(usize, WriteFault)>,
}

/// One update.
#[derive(Debug)]
pub struct Modification {
    /// Which documents.
    pub filter: Document,
    /// Which of several comes first.
    pub sort: Sort,
    /// What happens.
    pub update: Update,
    /// To all that fit.
    pub multi: bool,
    /// Make one when none fits.
    pub upsert: bool,
}

/// What became of an update.
#[derive(Debug, Default)]
pub struct Changed {
    /// Documents that fit.
    pub matched: usize,
    /// Documents that are different now.
    pub modified: usize,
    /// The `_id` of the one that was made.
    pub upserted: Option<Bson>,
    /// The last one before.
    pub before: Option<Bytes>,
    /// The last one after.
    pub after: Option<Bytes>,
}

/// One delete.
#[derive(Debug)]
pub struct Deletion {
    /// Which documents.
    pub filter: Document,
    /// Which of several comes first.
    pub sort: Sort,
    /// All that fit, not one.
    pub multi: bool,
}

impl Engine {
    /// Changes a collection that is not dropped meanwhile.
    fn change<T>(&self, ns: &str, mut change: impl FnMut(&mut Data) -> T) -> T {
        loop {
            let (collection, _) = self.collection_or_create(ns);
            let mut data = collection.write();
            if !data.dropped {
                return change(&mut data);
            }
        }
    }

    /// Stores documents in their order.
    pub fn insert(&self, ns: &str, documents: &[Bytes], ordered: bool) -> Inserted {
        self.change(ns, |data| {
            let mut inserted = Inserted::default();
            let mut put = Vec::with_capacity(documents.len());
            for (place, document) in documents.iter().enumerate() {
                let done = prepared(document).map_err(WriteFault::from).and_then(|document| {
                    data.add(document.clone())?;
                    Ok(document)
                });
                match done {
                    Ok(document) => put.push(document),
                    Err(fault) => {
                        inserted.faults.push((place, fault));
                        if ordered {
                            break;
                        }
                    }
                }
            }
            inserted.count = put.len();
            if !put.is_empty() {
                self.journal.append(&Change::Put(ns, &put));
            }
            inserted
        })
    }

    /// Puts one document in the place of that with its `_id`, or stores it. For the server's own records.
    pub fn put(&self, ns: &str, document: &Document) {
        let document = stored(document);
        self.change(ns, |data| {
            let done = match data.by_id(raw(&document)) {
                Some(record) => data.replace(record, document.clone()),
                None => data.add(document.clone()).map(drop),
            };
            if done.is_ok() {
                self.journal.append(&Change::Put(ns, std::slice::from_ref(&document)));
            }
        });
    }

    /// The document with an `_id`, decoded. For the server's own records.
    pub fn get(&self, ns: &str, id: &str) -> Option<Document> {
        let data: Arc<Collection> = self.collection(ns)?;
        let data = data.read();
        let record = data.by_id(raw(&stored(&bson::doc! {"_id": id})))?;
        data.document(record).map(|document| decoded(document))
    }

    /// All documents, decoded. For the server's own records.
    pub fn all(&self, ns: &str) -> Vec<Document> {
        let everything = Selection::of(Matcher::All(Vec::new()));
        self.find(ns, &everything).iter().map(|document| decoded(document)).collect()
    }

    /// Updates what fits.
    pub fn update(&self, ns: &str, modification: &Modification) -> Result<Changed, WriteFault> {
        let Modification { filter, sort, update, multi, upsert } = modification;
        let matcher = Matcher::parse(filter)?;
        let limit = (!multi).then_some(1);
        if self.collection(ns).is_none() && !upsert {
            return Ok(Changed::default());
        }
        self.change(ns, |data| {
            let selection = Selection { matcher: matcher.clone(), sort: sort.clone(), skip: 0, limit };
            let records = data.select(&selection);
            let mut changed = Changed::default();
            let mut put = Vec::new();
            let all = || {
                for record in records {
                    let Some(before) = data.document(record).cloned() else { continue };
                    changed.matched += 1;
                    let after = checked(stored(&update.apply(&decoded(&before), false)?))?;
                    if after != before {
                        data.replace(record, after.clone())?;
                        changed.modified += 1;
                        put.push(after.clone());
                    }
                    (changed.before, changed.after) = (Some(before), Some(after));
                }
                if changed.matched == 0 && *upsert {
                    let fresh = fresh(filter, update)?;
                    changed.upserted = fresh.get("_id").cloned();
                    let after = checked(stored(&fresh))?;
                    data.add(after.clone())?;
                    put.push(after.clone());
                    changed.after = Some(after);
                }
                Ok(())
            };
            let done = all();
            if !put.is_empty() {
                self.journal.append(&Change::Put(ns, &put));
            }
            done.map(|()| changed)
        })
    }

    /// Deletes what fits; answers the documents.
    pub fn delete(&self, ns: &str, deletion: &Deletion) -> Result<Vec<Bytes>, Refusal> {
        let matcher = Matcher::parse(&deletion.filter)?;
        let limit = (!deletion.multi).then_some(1);
        let selection = Selection { matcher, sort: deletion.sort.clone(), skip: 0, limit };
        let Some(collection) = self.collection(ns) else { return Ok(Vec::new()) };
        let mut data = collection.write();
        let records = data.select(&selection);
        Ok(self.remove(&mut data, &records))
    }

    fn remove(&self, data: &mut Data, records: &[u32]) -> Vec<Bytes> {
        let gone: Vec<Bytes> = records.iter().filter_map(|record| data.remove(*record)).collect();
        if !gone.is_empty() {
            let ids: Vec<Bytes> = gone.iter().map(|document| id_alone(raw(document))).collect();
            self.journal.append(&Change::Delete(&data.ns, &ids));
        }
        gone
    }

    /// Deletes documents whose time is over; answers how many.
    pub fn expire(&self, now: DateTime) -> usize {
        let mut count = 0;
        for ns in self.namespaces(None) {
            while let Some(expired) = self.expire_some(&ns, now).filter(|expired| *expired > 0) {
                count += expired;
            }
        }
        count
    }

    fn expire_some(&self, ns: &str, now: DateTime) -> Option<usize> {
        let collection = self.collection(ns)?;
        let mut data = collection.write();
        let mut records = Vec::new();
        for index in &data.indexes {
            let Some(seconds) = index.expire_after_seconds else { continue };
            let until = now.timestamp_millis().saturating_sub(seconds.saturating_mul(1_000));
            let name = index.fields[0].0.dotted();
            let filter = bson::doc! {name: {"$lt": DateTime::from_millis(until)}};
            let Ok(matcher) = Matcher::parse(&filter) else { continue };
            let selection = Selection { limit: Some(EXPIRED_MAX), ..Selection::of(matcher) };
            records.extend(data.select(&selection));
        }
        records.sort_unstable();
        records.dedup();
        Some(self.remove(&mut data, &records).len())
    }
}

/// A document as it will be stored: whole, not too large, its `_id` first.
fn prepared(document: &Bytes) -> Result<Bytes, Refusal> {
    let own = raw(document);
    validate(own)?;
    let document = checked(document.clone())?;
    match own.iter().next() {
        Some(Ok(("_id", id))) => {
            good_id(id)?;
            return Ok(document);
        }
        _ => {
            let id = own.get("_id").ok().flatten();
            let id = id.unwrap_or_else(|| RawBsonRef::ObjectId(ObjectId::new()));
            good_id(id)?;
            let mut with_id = RawDocumentBuf::new();
            with_id.append_ref("_id", id);
            own.into_iter().flatten().filter(|(name, _)| *name != "_id").for_each(|(name, value)| {
                with_id.append_ref(name, value);
            });
            checked(Bytes::from(with_id.into_bytes()))
        }
    }
}

fn checked(document: Bytes) -> Result<Bytes, Refusal> {
    if document.len() > DOCUMENT_BYTES_MAX {
        return Err(Refusal::new(
            codes::BSON_OBJECT_TOO_LARGE,
            format!("object to insert too large. size in bytes: {}, max size: {DOCUMENT_BYTES_MAX}", document.len()),
        ));
    }
    Ok(document)
}

fn good_id(id: RawBsonRef<'_>) -> Result<(), Refusal> {
    match id {
        RawBsonRef::Array(_) | RawBsonRef::RegularExpression(_) | RawBsonRef::Undefined => Err(Refusal::new(
            codes::INVALID_ID_FIELD,
            format!("The '_id' value cannot be of type {:?}", id.element_type()),
        )),
        RawBsonRef::Document(inner) if inner.into_iter().flatten().any(|(name, _)| name.starts_with('$')) => {
            Err(Refusal::new(codes::DOLLAR_PREFIXED_FIELD_NAME, "a field of _id must not begin with '$'"))
        }
        _ => Ok(()),
    }
}

fn id_alone(document: &RawDocument) -> Bytes {
    let mut alone = RawDocumentBuf::new();
    if let Ok(Some(id)) = document.get("_id") {
        alone.append_ref("_id", id);
    }
    Bytes::from(alone.into_bytes())
}

/// The document that an upsert makes: what the filter says by equality, then the update.
fn fresh(filter: &Document, update: &Update) -> Result<Document, Refusal> {
    let mut seed = Document::new();
    equalities(filter, &mut seed)?;
    let pinned = seed.get("_id").cloned();
    if matches!(update, Update::Replace(_)) {
        seed.retain_id();
    }
    let mut fresh = update.apply(&seed, true)?;
    if let (Some(pinned), Some(id)) = (&pinned, fresh.get("_id"))
        && order::encoded(pinned) != order::encoded(id)
    {
        return Err(Refusal::new(
            codes::IMMUTABLE_FIELD,
            "Performing an update on the path '_id' would modify the immutable field '_id'",
        ));
    }
    if !fresh.contains_key("_id") {
        let rest = std::mem::take(&mut fresh);
        fresh.insert("_id", ObjectId::new());
        fresh.extend(rest);
    }
    Ok(fresh)
}

trait RetainId {
    fn retain_id(&mut self);
}

impl RetainId for Document {
    fn retain_id(&mut self) {
        let id = self.remove("_id");
        self.clear();
        if let Some(id) = id {
            self.insert("_id", id);
        }
    }
}

fn equalities(filter: &Document, seed: &mut Document) -> Result<(), Refusal> {
    for (name, value) in filter {
        if name == "$and" {
            for one in value.as_array().into_iter().flatten().filter_map(Bson::as_document) {
                equalities(one, seed)?;
            }
            continue;
        }
        let value = match value {
            Bson::Document(operators) if operators.keys().next().is_some_and(|name| name.starts_with('$')) => {
                match operators.get("$eq") {
                    Some(value) => value,
                    None => continue,
                }
            }
            value => value,
        };
        if name.starts_with('$') {
            continue;
        }
        let set = bson::doc! {"$set": {name: value.clone()}};
        *seed = Update::parse(&set.into())?.apply(&std::mem::take(seed), true)?;
    }
    Ok(())
}
