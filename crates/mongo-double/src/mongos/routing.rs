//! The router's copy of the cluster's metadata, and reading it anew.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bson::{Bson, Document, RawBsonRef, doc};

use super::Mongos;
use crate::codes;
use crate::flags::ConnectionString;
use crate::peer::{FIND_PRIMARY, Remote};
use crate::refusal::Refusal;
use crate::values::hash::{hash64, hash_of_encoded};
use crate::values::order::encoded;

/// Between two tries while a shard and the routing do not agree: a collection is being sharded just then.
const DISAGREE_LOOK: Duration = Duration::from_millis(20);

/// The cluster as of one revision.
#[derive(Debug, Default)]
pub struct Table {
    /// Grows with each change.
    pub revision: i64,
    /// Shards by name.
    pub shards: BTreeMap<String, ConnectionString>,
    /// Primary shards by database.
    pub databases: BTreeMap<String, String>,
    /// What is sharded.
    pub collections: HashMap<String, Arc<Sharded>>,
    /// The write concern of writes that name none, if one was set.
    pub default_write_concern: Option<Document>,
}

/// How a collection is spread.
#[derive(Debug)]
pub struct Sharded {
    /// The hashed field.
    pub field: String,
    /// What shards must be told.
    pub revision: i64,
    /// Where each chunk begins, ascending; the first at the least hash.
    bounds: Vec<i64>,
    /// Whose it is: a place in `shards`.
    owners: Vec<usize>,
    /// Shards with a chunk.
    pub shards: Vec<String>,
}

impl Sharded {
    fn read(row: &Document) -> Option<(String, Self)> {
        let field = row.get_document("key").ok()?.keys().next()?.clone();
        let chunks = row.get_array("chunks").ok()?.iter().filter_map(Bson::as_document);
        let mut parts: Vec<(i64, String)> = chunks
            .filter_map(|chunk| {
                let min = match chunk.get_document("min").ok()?.get(&field)? {
                    Bson::Int64(min) => *min,
                    _ => i64::MIN,
                };
                Some((min, chunk.get_str("shard").ok()?.to_owned()))
            })
            .collect();
        parts.sort_unstable();
        let mut shards: Vec<String> = parts.iter().map(|(_, shard)| shard.clone()).collect();
        shards.sort_unstable();
        shards.dedup();
        let owner = |shard: &String| shards.binary_search(shard).unwrap_or_default();
        let owners = parts.iter().map(|(_, shard)| owner(shard)).collect();
        let bounds = parts.iter().map(|(min, _)| *min).collect();
        let revision = row.get_i64("revision").ok()?;
        Some((row.get_str("_id").ok()?.to_owned(), Self { field, revision, bounds, owners, shards }))
    }

    /// The place in `shards` of the owner of a hash.
    fn owner(&self, hash: i64) -> usize {
        let chunk = self.bounds.partition_point(|bound| *bound <= hash).saturating_sub(1);
        self.owners.get(chunk).copied().unwrap_or_default()
    }

    /// The owner of a document's shard key.
    pub fn owner_of(&self, value: RawBsonRef<'_>, scratch: &mut Vec<u8>) -> usize {
        self.owner(hash64(value, scratch))
    }

    /// The owner of a shard key.
    pub fn owner_of_value(&self, value: &Bson) -> usize {
        self.owner(hash_of_encoded(&encoded(value)))
    }
}

impl Table {
    fn read(reply: &Document) -> Self {
        let rows = |name: &str| -> Vec<Document> {
            let rows = reply.get_array(name).map(Vec::as_slice).unwrap_or_default();
            rows.iter().filter_map(|row| row.as_document().cloned()).collect()
        };
        let text = |row: &Document, name: &str| row.get_str(name).ok().map(str::to_owned);
        let shard = |row: &Document| Some((text(row, "_id")?, ConnectionString::parse(row.get_str("host").ok()?)?));
        let database = |row: &Document| Some((text(row, "_id")?, text(row, "primary")?));
        let collections = rows("collections");
        let collections = collections.iter().filter_map(Sharded::read).map(|(ns, one)| (ns, Arc::new(one)));
        let defaults = reply.get_document("defaults").ok();
        let set = defaults.filter(|defaults| defaults.get_str("defaultWriteConcernSource") == Ok("global"));
        Self {
            revision: reply.get_i64("revision").unwrap_or_default(),
            shards: rows("shards").iter().filter_map(shard).collect(),
            databases: rows("databases").iter().filter_map(database).collect(),
            collections: collections.collect(),
            default_write_concern: set.and_then(|set| set.get_document("defaultWriteConcern").ok().cloned()),
        }
    }
}

/// Where a namespace is.
#[derive(Clone, Debug)]
pub enum Place {
    /// Of the cluster itself: on the config set.
    Config,
    /// On the primary shard of its database.
    Whole(String),
    /// Spread.
    Spread(Arc<Sharded>),
    /// Nowhere: there is no such database.
    Nowhere,
}

impl Mongos {
    pub(super) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the routing if it has changed.
    pub(super) async fn refresh(&self, deadline: Option<Instant>) -> Result<(), Refusal> {
        let since = self.table().revision;
        let reply = self.ask_config(doc! {"_configsvrRouting": 1, "since": since, "$db": "admin"}, deadline).await?;
        if reply.get_bool("same").unwrap_or(false) {
            return Ok(());
        }
        let read = Table::read(&reply);
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        // Two may read at once; the older one must not win.
        if read.revision > table.revision {
            *table = Arc::new(read);
        }
        Ok(())
    }

    /// Where a namespace is; its database is made if `create`.
    pub(super) async fn place(&self, ns: &str, create: bool, deadline: Option<Instant>) -> Result<Place, Refusal> {
        let db = ns.split_once('.').map_or(ns, |(db, _)| db);
        if matches!(db, "admin" | "config") {
            return Ok(Place::Config);
        }
        let known = |table: &Table| {
            let spread = table.collections.get(ns).map(|sharded| Place::Spread(Arc::clone(sharded)));
            spread.or_else(|| table.databases.get(db).map(|primary| Place::Whole(primary.clone())))
        };
        if let Some(place) = known(&self.table()) {
            return Ok(place);
        }
        if create {
            self.ask_config(doc! {"_configsvrCreateDatabase": db, "$db": "admin"}, deadline).await?;
        }
        self.refresh(deadline).await?;
        Ok(known(&self.table()).unwrap_or(Place::Nowhere))
    }

    /// A shard's set.
    pub(super) fn shard(&self, name: &str) -> Result<Arc<Remote>, Refusal> {
        let table = self.table();
        let at = table.shards.get(name);
        let at = at.ok_or_else(|| Refusal::new(codes::SHARD_NOT_FOUND, format!("Shard {name} not found")))?;
        Ok(self.peers.set(at))
    }

    /// After a refusal: whether the routing was old, is read anew, and it is worth asking again.
    pub(super) async fn again(&self, refusal: &Refusal, since: Instant, deadline: Option<Instant>) -> bool {
        if refusal.code != codes::STALE_CONFIG || since.elapsed() > FIND_PRIMARY {
            return false;
        }
        tokio::time::sleep(DISAGREE_LOOK).await;
        self.refresh(deadline).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hash_has_one_owner_and_chunks_begin_with_their_bound() {
        let chunk = |min: Bson, shard: &str| doc! {"min": {"u": min}, "shard": shard};
        let row = doc! {
            "_id": "d.c", "key": {"u": "hashed"}, "revision": 3_i64,
            "chunks": [chunk(Bson::Int64(0), "b"), chunk(Bson::MinKey, "a"), chunk(Bson::Int64(100), "a")],
        };
        let (ns, sharded) = Sharded::read(&row).unwrap();
        assert_eq!((ns.as_str(), sharded.field.as_str(), sharded.shards.as_slice()), ("d.c", "u", &["a".to_owned(), "b".into()][..]));
        for (hash, owner) in [(i64::MIN, 0), (-1, 0), (0, 1), (99, 1), (100, 0), (i64::MAX, 0)] {
            assert_eq!(sharded.owner(hash), owner, "{hash}");
        }
    }
}
