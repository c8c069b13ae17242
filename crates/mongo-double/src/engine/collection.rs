//! One collection: records in memory and the indexes over them. Changes only in here, so indexes never lag.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bson::{Bson, Document, RawDocument};
use bytes::Bytes;

use super::index::Index;
use crate::codes;
use crate::query::{decoded, raw};
use crate::refusal::Refusal;

/// A collection, shared between connections.
#[derive(Debug)]
pub struct Collection {
    data: RwLock<Data>,
}

impl Collection {
    pub(super) fn new(data: Data) -> Self {
        Self { data: RwLock::new(data) }
    }

    /// For reading. Writers wait.
    pub fn read(&self) -> RwLockReadGuard<'_, Data> {
        self.data.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Data> {
        self.data.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a document was not written.
#[derive(Clone, Debug)]
pub struct WriteFault {
    /// Code and words.
    pub refusal: Refusal,
    /// `keyPattern` and `keyValue` of a duplicate.
    pub key: Option<(Document, Document)>,
}

impl From<Refusal> for WriteFault {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, key: None }
    }
}

/// Records and indexes.
#[derive(Debug)]
pub struct Data {
    /// Its namespace.
    pub ns: String,
    /// Its identity.
    pub uuid: [u8; 16],
    /// Dropped while someone still held it.
    pub dropped: bool,
    /// The first is the index of `_id`.
    pub indexes: Vec<Index>,
    /// Bytes of all documents.
    pub bytes: u64,
    records: Vec<Option<Bytes>>,
    free: Vec<u32>,
    count: usize,
    /// Used again for each document: where a key is built, and the keys of one document.
    scratch: Vec<u8>,
    entries: Vec<(usize, Box<[u8]>)>,
}

impl Data {
    pub(super) fn new(ns: String, uuid: [u8; 16]) -> Self {
        Self {
            ns,
            uuid,
            dropped: false,
            indexes: vec![Index::of_id()],
            bytes: 0,
            records: Vec::new(),
            free: Vec::new(),
            count: 0,
            scratch: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// Documents.
    pub fn count(&self) -> usize {
        self.count
    }

    /// A record's document.
    pub fn document(&self, record: u32) -> Option<&Bytes> {
        self.records.get(record as usize)?.as_ref()
    }

    /// All records in the order in which they are kept.
    pub fn records(&self) -> impl Iterator<Item = (u32, &Bytes)> {
        (0..).zip(&self.records).filter_map(|(record, document)| Some((record, document.as_ref()?)))
    }

    /// The record of an `_id`, given as key of its index.
    pub fn by_id(&self, document: &RawDocument) -> Option<u32> {
        let mut found = None;
        let index = &self.indexes[0];
        let _ = index.keys(document, &mut Vec::new(), &mut |key, _| found = index.map.get(key).copied());
        found
    }

    /// Stores a document, or says which unique key is taken.
    pub fn add(&mut self, document: Bytes) -> Result<u32, WriteFault> {
        let record = match self.free.last() {
            Some(record) => *record,
            // 2^32 documents of any size are more than memory has.
            None => u32::try_from(self.records.len()).unwrap_or(u32::MAX),
        };
        self.enter(&document, record, None)?;
        self.bytes += document.len() as u64;
        self.count += 1;
        if self.free.pop().is_some() {
            self.records[record as usize] = Some(document);
        } else {
            self.records.push(Some(document));
        }
        Ok(record)
    }

    /// Puts another document in a record's place, or leaves the old one there.
    pub fn replace(&mut self, record: u32, document: Bytes) -> Result<(), WriteFault> {
        let Some(old) = self.document(record).cloned() else { return Ok(()) };
        self.leave(&old, record);
        if let Err(fault) = self.enter(&document, record, Some(record)) {
            // Its keys were there a moment ago.
            let _ = self.enter(&old, record, Some(record));
            return Err(fault);
        }
        self.bytes = self.bytes + document.len() as u64 - old.len() as u64;
        self.records[record as usize] = Some(document);
        Ok(())
    }

    /// Takes a record away.
    pub fn remove(&mut self, record: u32) -> Option<Bytes> {
        let document = self.records.get_mut(record as usize)?.take()?;
        self.leave(&document, record);
        self.free.push(record);
        self.bytes -= document.len() as u64;
        self.count -= 1;
        Some(document)
    }

    /// Enters a document into all indexes or into none.
    fn enter(&mut self, document: &Bytes, record: u32, own: Option<u32>) -> Result<(), WriteFault> {
        let (mut scratch, mut entries) = (std::mem::take(&mut self.scratch), std::mem::take(&mut self.entries));
        entries.clear();
        let result = self.prepare(raw(document), record, own, &mut scratch, &mut entries);
        if result.is_ok() {
            for (index, entry) in entries.drain(..) {
                self.indexes[index].map.insert(entry, record);
            }
        }
        (self.scratch, self.entries) = (scratch, entries);
        result
    }

    fn prepare(
        &mut self,
        document: &RawDocument,
        record: u32,
        own: Option<u32>,
        scratch: &mut Vec<u8>,
        entries: &mut Vec<(usize, Box<[u8]>)>,
    ) -> Result<(), WriteFault> {
        for place in 0..self.indexes.len() {
            let index = &self.indexes[place];
            let (mut taken, mut multikey) = (false, false);
            index.keys(document, scratch, &mut |key, several| {
                multikey |= several;
                taken |= index.unique && index.map.get(key).is_some_and(|other| Some(*other) != own);
                entries.push((place, index.entry(key, record)));
            })?;
            if taken {
                return Err(duplicate(&self.ns, index, document));
            }
            self.indexes[place].multikey |= multikey;
        }
        Ok(())
    }

    fn leave(&mut self, document: &Bytes, record: u32) {
        let mut scratch = std::mem::take(&mut self.scratch);
        for index in &mut self.indexes {
            let mut gone = Vec::new();
            let _ = index.keys(raw(document), &mut scratch, &mut |key, _| gone.push(index.entry(key, record)));
            for entry in gone {
                index.map.remove(&entry);
            }
        }
        self.scratch = scratch;
    }

    /// Fills a new index and keeps it.
    pub fn add_index(&mut self, mut index: Index) -> Result<(), WriteFault> {
        let (mut scratch, mut map, mut multikey) = (Vec::new(), std::mem::take(&mut index.map), false);
        for (record, document) in self.records() {
            let mut taken = false;
            index.keys(raw(document), &mut scratch, &mut |key, several| {
                multikey |= several;
                let other = map.insert(index.entry(key, record), record);
                taken |= index.unique && other.is_some_and(|other| other != record);
            })?;
            if taken {
                return Err(duplicate(&self.ns, &index, raw(document)));
            }
        }
        (index.map, index.multikey) = (map, multikey);
        self.indexes.push(index);
        Ok(())
    }
}

fn duplicate(ns: &str, index: &Index, document: &RawDocument) -> WriteFault {
    let document = decoded(document.as_bytes());
    let value = |name: &String| {
        let mut at = Some(Bson::Document(document.clone()));
        for part in name.split('.') {
            at = at.and_then(|at| at.as_document()?.get(part).cloned());
        }
        (name.clone(), at.unwrap_or(Bson::Null))
    };
    let values: Document = index.key.keys().map(value).collect();
    let message = format!("E11000 duplicate key error collection: {ns} index: {} dup key: {values}", index.name);
    let refusal = Refusal::new(codes::DUPLICATE_KEY, message);
    WriteFault { refusal, key: Some((index.key.clone(), values)) }
}
