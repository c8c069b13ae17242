//! Reads the journal at start, cuts off a torn end, and writes it anew when most of it is of the past.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;

use bson::{Binary, Document, doc};
use bytes::Bytes;

use super::OpenError;
use super::collection::{Collection, Data};
use super::index::Index;
use super::journal::{CATALOG, Change, DELETE, FRAME_BYTES, Journal, PUT, frame};
use crate::query::{decoded, raw};

const FILE: &str = "journal";
/// A smaller journal is not worth writing anew.
const COMPACT_BYTES_MIN: u64 = 64 * 1024 * 1024;
/// Documents in one record of a new journal.
const CHUNK: usize = 1_000;

type Collections = BTreeMap<String, Arc<Collection>>;

/// Everything the journal has, and the journal, ready for more.
pub(super) fn open(folder: &Path) -> Result<(Collections, Journal), OpenError> {
    let path = folder.join(FILE);
    let io = |error| OpenError::Io(path.clone(), error);
    let mut file = File::options().read(true).append(true).create(true).open(&path).map_err(io)?;
    let mut all = BTreeMap::new();
    let good = read(&file, &mut all).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    if good < length {
        eprintln!(
            "{}: the last {} bytes were not written whole and are cut off",
            path.display(),
            length - good
        );
        file.set_len(good).and_then(|()| file.sync_all()).map_err(io)?;
    }
    let alive: u64 = all.values().map(|data: &Data| data.bytes).sum();
    if good > COMPACT_BYTES_MIN && good > alive.saturating_mul(2) {
        file = compacted(folder, &all).map_err(io)?;
    }
    let shared = |(ns, data): (String, Data)| (ns, Arc::new(Collection::new(data)));
    Ok((all.into_iter().map(shared).collect(), Journal::start(&path, file)))
}

/// Up to where records are whole.
fn read(file: &File, all: &mut BTreeMap<String, Data>) -> std::io::Result<u64> {
    let mut reader = BufReader::with_capacity(1024 * 1024, file);
    let mut good = 0;
    loop {
        let mut head = [0; FRAME_BYTES];
        if !filled(&mut reader, &mut head)? {
            return Ok(good);
        }
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let mut payload = Vec::new();
        reader.by_ref().take(u64::from(word(0))).read_to_end(&mut payload)?;
        if payload.len() as u64 != u64::from(word(0)) || crc32fast::hash(&payload) != word(4) {
            return Ok(good);
        }
        good += (FRAME_BYTES + payload.len()) as u64;
        apply(Bytes::from(payload), all);
    }
}

fn filled(reader: &mut impl Read, into: &mut [u8]) -> std::io::Result<bool> {
    match reader.read_exact(into) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn apply(mut payload: Bytes, all: &mut BTreeMap<String, Data>) {
    if payload.is_empty() {
        return;
    }
    let kind = payload.split_to(1)[0];
    match kind {
        CATALOG => catalog(&decoded(&payload), all),
        PUT | DELETE if payload.len() >= 2 => {
            let length = payload.split_to(2);
            let length = usize::from(u16::from_le_bytes([length[0], length[1]])).min(payload.len());
            let ns = payload.split_to(length);
            let Some(data) = std::str::from_utf8(&ns).ok().and_then(|ns| all.get_mut(ns)) else { return };
            while let Some(document) = next_document(&mut payload) {
                let record = data.by_id(raw(&document));
                // What was written once can be written again.
                let _ = match (kind, record) {
                    (PUT, Some(record)) => data.replace(record, document),
                    (PUT, None) => data.add(document).map(drop),
                    (_, Some(record)) => {
                        data.remove(record);
                        Ok(())
                    }
                    (_, None) => Ok(()),
                };
            }
        }
        _ => (),
    }
}

fn next_document(payload: &mut Bytes) -> Option<Bytes> {
    let length = payload.get(..4)?;
    let length = i32::from_le_bytes([length[0], length[1], length[2], length[3]]);
    let length = usize::try_from(length).ok().filter(|length| (5..=payload.len()).contains(length))?;
    Some(payload.split_to(length))
}

/// A collection made.
pub(super) fn created(data: &Data) -> Document {
    let uuid = Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes: data.uuid.to_vec() };
    doc! {"op": "create", "ns": &data.ns, "uuid": uuid}
}

fn catalog(change: &Document, all: &mut BTreeMap<String, Data>) {
    let text = |name| change.get_str(name).unwrap_or_default();
    let ns = text("ns");
    match text("op") {
        "create" => {
            let uuid = match change.get("uuid") {
                Some(bson::Bson::Binary(uuid)) => uuid.bytes.as_slice().try_into().unwrap_or_default(),
                _ => [0; 16],
            };
            all.insert(ns.to_owned(), Data::new(ns.to_owned(), uuid));
        }
        "drop" => {
            all.remove(ns);
        }
        op => {
            let Some(data) = all.get_mut(ns) else { return };
            match op {
                "index" => {
                    let index = change.get_document("spec").ok().and_then(|spec| Index::parse(spec).ok());
                    if let Some(index) = index {
                        let _ = data.add_index(index);
                    }
                }
                "dropIndex" => data.indexes.retain(|index| index.name != text("name")),
                "expire" => {
                    let index = data.indexes.iter_mut().find(|index| index.name == text("name"));
                    if let Some(index) = index {
                        index.expire_after_seconds = change.get_i64("seconds").ok();
                    }
                }
                _ => (),
            }
        }
    }
}

fn compacted(folder: &Path, all: &BTreeMap<String, Data>) -> std::io::Result<File> {
    let next = folder.join("journal.next");
    let mut file = File::create(&next)?;
    let mut out = Vec::new();
    for (ns, data) in all {
        frame(&mut out, &Change::Catalog(&created(data)));
        for index in data.indexes.iter().skip(1) {
            frame(&mut out, &Change::Catalog(&doc! {"op": "index", "ns": ns, "spec": index.spec()}));
        }
        let documents: Vec<Bytes> = data.records().map(|(_, document)| document.clone()).collect();
        for chunk in documents.chunks(CHUNK) {
            frame(&mut out, &Change::Put(ns, chunk));
            file.write_all(&out)?;
            out.clear();
        }
    }
    file.write_all(&out)?;
    file.sync_all()?;
    let path = folder.join(FILE);
    std::fs::rename(&next, &path)?;
    File::open(folder)?.sync_all()?;
    File::options().append(true).open(path)
}

#[cfg(test)]
mod tests {
    use bson::Bson;

    use super::*;
    use crate::engine::Engine;
    use crate::query::stored;

    #[tokio::test]
    async fn a_journal_written_anew_holds_the_same_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path()).unwrap();
        let index = doc! {"key": {"n": 1}, "name": "n", "expireAfterSeconds": 5};
        engine.create_indexes("d.c", &[index]).unwrap();
        let rows: Vec<Bytes> = (0..2_500).map(|n| stored(&doc! {"_id": n, "n": n})).collect();
        assert_eq!(engine.insert("d.c", &rows, true).count, 2_500);
        engine.put("d.c", &doc! {"_id": 7, "n": "new"});
        engine.collection_or_create("d.gone");
        engine.drop_collection("d.gone");
        drop(engine);
        let path = folder.path().join(FILE);
        let before = std::fs::metadata(&path).unwrap().len();
        let mut all = BTreeMap::new();
        read(&File::open(&path).unwrap(), &mut all).unwrap();
        compacted(folder.path(), &all).unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() < before);
        let engine = Engine::open(folder.path()).unwrap();
        assert_eq!(engine.namespaces(None), ["d.c"]);
        let rows = engine.all("d.c");
        assert_eq!((rows.len(), rows[7].get("n")), (2_500, Some(&Bson::from("new"))));
        let collection = engine.collection("d.c").unwrap();
        assert_eq!(collection.read().indexes[1].spec().get_i32("expireAfterSeconds"), Ok(5));
        assert_eq!(collection.read().uuid, all["d.c"].uuid);
    }
}
