//! Collections and indexes: made, listed, changed, dropped. Each change is in the journal before anyone sees it.

use std::sync::Arc;

use bson::{Document, doc};

use super::Engine;
use super::collection::{Collection, Data, WriteFault};
use super::index::Index;
use super::journal::Change;
use super::replay::created;
use crate::codes;
use crate::refusal::Refusal;
use crate::scram::random;

/// Indexes of one collection at most, as in the real server.
const INDEXES_MAX: usize = 64;

/// What `createIndexes` did.
#[derive(Clone, Copy, Debug)]
pub struct IndexesMade {
    /// The collection came to be.
    pub created_collection: bool,
    /// Indexes before.
    pub before: usize,
    /// Indexes after.
    pub after: usize,
}

impl Engine {
    /// A collection, made if it is not there; and whether it was made.
    pub fn collection_or_create(&self, ns: &str) -> (Arc<Collection>, bool) {
        if let Some(found) = self.collection(ns) {
            return (found, false);
        }
        let mut all = self.write();
        if let Some(found) = all.get(ns) {
            return (Arc::clone(found), false);
        }
        let uuid = random(16).try_into().unwrap_or([0; 16]);
        let data = Data::new(ns.to_owned(), uuid);
        self.journal.append(&Change::Catalog(&created(&data)));
        let collection = Arc::new(Collection::new(data));
        all.insert(ns.to_owned(), Arc::clone(&collection));
        (collection, true)
    }

    /// Namespaces of a database, or of all with `None`.
    pub fn namespaces(&self, db: Option<&str>) -> Vec<String> {
        let of_db = |ns: &&String| db.is_none_or(|db| ns.split_once('.').is_some_and(|(own, _)| own == db));
        self.read().keys().filter(of_db).cloned().collect()
    }

    /// Drops a collection; whether it was there.
    pub fn drop_collection(&self, ns: &str) -> bool {
        let mut all = self.write();
        let Some(collection) = all.remove(ns) else { return false };
        let mut data = collection.write();
        data.dropped = true;
        self.journal.append(&Change::Catalog(&doc! {"op": "drop", "ns": ns}));
        true
    }

    /// Makes indexes that are not there yet.
    pub fn create_indexes(&self, ns: &str, specs: &[Document]) -> Result<IndexesMade, WriteFault> {
        let indexes: Vec<Index> = specs.iter().map(Index::parse).collect::<Result<_, _>>()?;
        let (collection, created_collection) = self.collection_or_create(ns);
        let mut data = collection.write();
        let before = data.indexes.len();
        for index in indexes {
            if is_there(&data, &index)? {
                continue;
            }
            if data.indexes.len() >= INDEXES_MAX {
                let message = format!("add index fails, too many indexes for {ns}");
                return Err(Refusal::new(codes::CANNOT_CREATE_INDEX, message).into());
            }
            let change = doc! {"op": "index", "ns": ns, "spec": index.spec()};
            data.add_index(index)?;
            self.journal.append(&Change::Catalog(&change));
        }
        Ok(IndexesMade { created_collection, before, after: data.indexes.len() })
    }

    /// Drops an index by name.
    pub fn drop_index(&self, ns: &str, name: &str) -> Result<(), Refusal> {
        let missing = || Refusal::new(codes::INDEX_NOT_FOUND, format!("index not found with name [{name}]"));
        if name == "_id_" {
            return Err(Refusal::new(codes::INVALID_OPTIONS, "cannot drop _id index"));
        }
        let collection = self.collection(ns).ok_or_else(|| not_there(ns))?;
        let mut data = collection.write();
        let place = data.indexes.iter().position(|index| index.name == name).ok_or_else(missing)?;
        data.indexes.remove(place);
        self.journal.append(&Change::Catalog(&doc! {"op": "dropIndex", "ns": ns, "name": name}));
        Ok(())
    }

    /// Changes after how many seconds documents expire; answers how many it was before.
    pub fn set_expiry(
        &self,
        ns: &str,
        is_meant: impl Fn(&Index) -> bool,
        seconds: i64,
    ) -> Result<Option<i64>, Refusal> {
        let collection = self.collection(ns).ok_or_else(|| not_there(ns))?;
        let mut data = collection.write();
        let index = data.indexes.iter_mut().find(|index| is_meant(index));
        let index = index.ok_or_else(|| {
            Refusal::new(codes::INDEX_NOT_FOUND, format!("cannot find that index for ns {ns}"))
        })?;
        let before = index.expire_after_seconds.replace(seconds);
        let change = doc! {"op": "expire", "ns": ns, "name": &index.name, "seconds": seconds};
        self.journal.append(&Change::Catalog(&change));
        Ok(before)
    }
}

/// 26.
pub fn not_there(ns: &str) -> Refusal {
    Refusal::new(codes::NAMESPACE_NOT_FOUND, format!("ns does not exist: {ns}"))
}

/// Whether the very index is there; 85 or 86 when another stands in its way.
fn is_there(data: &Data, index: &Index) -> Result<bool, Refusal> {
    for own in &data.indexes {
        let same_key = own.key.iter().eq(index.key.iter()) || crate::values::order::encoded(&own.key.clone().into())
            == crate::values::order::encoded(&index.key.clone().into());
        let same_options =
            own.unique == index.unique && own.expire_after_seconds == index.expire_after_seconds;
        let conflict = |code, what: &str| {
            Err(Refusal::new(
                code,
                format!(
                    "{what}. Requested index: {}, existing index: {}",
                    index.spec(),
                    own.spec()
                ),
            ))
        };
        if own.name == "_id_" && same_key {
            return Ok(true);
        }
        match (same_key, own.name == index.name) {
            (true, true) if same_options => return Ok(true),
            (true, true) => {
                return conflict(
                    codes::INDEX_OPTIONS_CONFLICT,
                    "An equivalent index already exists with the same name but different options",
                );
            }
            (true, false) => {
                return conflict(codes::INDEX_OPTIONS_CONFLICT, "Index already exists with a different name");
            }
            (false, true) => {
                return conflict(
                    codes::INDEX_KEY_SPECS_CONFLICT,
                    "An existing index has the same name as the requested index",
                );
            }
            (false, false) => (),
        }
    }
    Ok(false)
}
