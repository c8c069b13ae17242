//! `shardCollection` and `drop`. While the routing of a collection changes its shards refuse every router, so that no
//! write goes where it will not be looked for.

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};

use super::{CHUNKS, COLLECTIONS, no_shards, shown};
use crate::arguments::{Arguments, truthy};
use crate::codes;
use crate::mongod::Mongod;
use crate::peer::Patience;
use crate::refusal::{Refusal, bad_value};
use crate::scram::random;
use crate::values::order::encoded;

/// Chunks of a collection that is empty when it is sharded, spread round robin. More than the real server's one or
/// two a shard: with the few users of a test the shards are even all the same.
const CHUNKS_OF_EMPTY: i64 = 128;

impl Mongod {
    pub(super) async fn shard_collection(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        let ns = arguments.text("_configsvrShardCollection")?;
        let (db, collection) = ns.split_once('.').unwrap_or((ns, ""));
        let key = arguments.document("key")?.cloned().unwrap_or_default();
        let done = || doc! {"collectionsharded": ns};
        if let Some(row) = self.engine.get(COLLECTIONS, ns) {
            let own = row.get_document("key").cloned().unwrap_or_default();
            let same = encoded(&own.clone().into()) == encoded(&key.clone().into());
            return if same && !arguments.flag("unique", false)? {
                Ok(done())
            } else {
                let message = format!("sharding already enabled for collection {ns} with {own}");
                Err(Refusal::new(codes::ALREADY_INITIALIZED, message))
            };
        }
        let field = hashed_field(&key)?;
        if arguments.flag("unique", false)? {
            return Err(Refusal::new(codes::INVALID_OPTIONS, "hashed shard keys cannot be declared unique."));
        }
        if self.shards().is_empty() {
            return Err(no_shards());
        }
        let primary = self.database(db, None)?;
        // From here on no router may write until it has read the new routing.
        let revision = self.revision() + 1;
        self.tell_shards(ns, revision).await?;
        let placed = self.place(db, collection, field, &primary).await;
        let (owners, indexes) = match placed {
            Ok(placed) => placed,
            Err(refusal) => {
                self.tell_shards(ns, 0).await?;
                return Err(refusal);
            }
        };
        let mut distinct = owners.clone();
        distinct.sort_unstable();
        distinct.dedup();
        for shard in &distinct {
            let command = doc! {"createIndexes": collection, "indexes": indexes.clone(), "$db": db};
            self.shard(shard)?.call(command, Patience::shard(None, true)).await?;
        }
        let uuid = Binary { subtype: BinarySubtype::Uuid, bytes: random(16) };
        for chunk in chunks(&uuid, field, &owners) {
            self.engine.put(CHUNKS, &chunk);
        }
        let now = self.node.tick();
        self.engine.put(
            COLLECTIONS,
            &doc! {
                "_id": ns,
                "lastmodEpoch": ObjectId::new(),
                "lastmod": bson::DateTime::now(),
                "timestamp": now,
                "uuid": uuid,
                "key": key,
                "unique": false,
                "noBalance": false,
                "revision": revision,
            },
        );
        self.bump();
        Ok(done())
    }

    /// Which shard has each chunk, and the indexes that every owner needs.
    async fn place(
        &self,
        db: &str,
        collection: &str,
        field: &str,
        primary: &str,
    ) -> Result<(Vec<String>, Vec<Document>), Refusal> {
        let at = self.shard(primary)?;
        let patience = Patience::shard(None, true);
        let count = at.call(doc! {"count": collection, "query": {}, "$db": db}, patience).await?;
        let empty = !truthy(count.get("n"));
        let listed = at.call(doc! {"listIndexes": collection, "$db": db}, patience).await;
        let mut indexes: Vec<Document> = match listed {
            Err(refusal) if refusal.code == codes::NAMESPACE_NOT_FOUND => Vec::new(),
            Err(refusal) => return Err(refusal),
            Ok(reply) => {
                let rows = reply.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
                rows.map(|rows| rows.iter().filter_map(|row| row.as_document().cloned()).collect()).unwrap_or_default()
            }
        };
        let leads = |index: &Document| {
            let first = index.get_document("key").ok().and_then(|key| key.iter().next());
            first.is_some_and(|(name, kind)| name == field && kind.as_str() == Some("hashed"))
        };
        let indexed = indexes.iter().any(leads);
        if !empty && !indexed {
            return Err(Refusal::new(
                codes::INVALID_OPTIONS,
                format!("Please create an index that starts with the proposed shard key before sharding the collection: {{{field}: \"hashed\"}}"),
            ));
        }
        indexes.retain(|index| index.get_str("name") != Ok("_id_"));
        if !indexed {
            indexes.push(doc! {"key": {field: "hashed"}, "name": format!("{field}_hashed")});
        }
        let owners = if empty {
            let shards = self.shards();
            let round_robin = (0..CHUNKS_OF_EMPTY).zip(shards.iter().cycle());
            round_robin.map(|(_, (name, _))| name.clone()).collect()
        } else {
            vec![primary.to_owned()]
        };
        Ok((owners, indexes))
    }

    async fn tell_shards(&self, ns: &str, revision: i64) -> Result<(), Refusal> {
        for (name, _) in self.shards() {
            let command = doc! {"_shardsvrSetRevision": ns, "revision": revision, "$db": "admin"};
            self.shard(&name)?.call(command, Patience::shard(None, true)).await?;
        }
        Ok(())
    }

    /// Forgets the routing of a collection and drops it everywhere.
    pub(super) async fn unshard(&self, ns: &str) -> Result<(), Refusal> {
        if let Some(row) = self.engine.get(COLLECTIONS, ns) {
            self.forget(CHUNKS, doc! {"uuid": row.get("uuid")})?;
            self.forget(COLLECTIONS, doc! {"_id": ns})?;
            self.bump();
        }
        let (db, collection) = ns.split_once('.').unwrap_or((ns, ""));
        for (name, _) in self.shards() {
            let command = doc! {"drop": collection, "$db": db};
            self.shard(&name)?.call(command, Patience::shard(None, true)).await?;
        }
        self.tell_shards(ns, 0).await
    }

    pub(super) async fn drop_cluster_collection(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        let ns = arguments.text("_configsvrDropCollection")?;
        self.unshard(ns).await?;
        Ok(doc! {"ns": ns})
    }
}

fn hashed_field(key: &Document) -> Result<&str, Refusal> {
    let mut fields = key.iter();
    match (fields.next(), fields.next()) {
        (Some((field, Bson::String(kind))), None) if kind == "hashed" && !field.contains('.') => Ok(field),
        _ => Err(bad_value(format!(
            "this double shards by one hashed field, {{field: \"hashed\"}}, not by {}",
            shown(Some(&Bson::Document(key.clone())))
        ))),
    }
}

/// Equal parts of all hashes, one a owner.
fn chunks(uuid: &Binary, field: &str, owners: &[String]) -> Vec<Document> {
    let count = i128::try_from(owners.len()).unwrap_or(1);
    let bound = |part: usize| match i128::try_from(part).unwrap_or(count) {
        0 => Bson::MinKey,
        last if last == count => Bson::MaxKey,
        part => Bson::Int64(i64::try_from(i128::from(i64::MIN) + (part << 64) / count).unwrap_or(i64::MAX)),
    };
    let chunk = |(part, shard): (usize, &String)| {
        doc! {
            "_id": ObjectId::new(),
            "uuid": uuid.clone(),
            "min": {field: bound(part)},
            "max": {field: bound(part + 1)},
            "shard": shard,
        }
    };
    owners.iter().enumerate().map(chunk).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_all_hashes_and_touch_each_other() {
        let uuid = Binary { subtype: BinarySubtype::Uuid, bytes: vec![0; 16] };
        let owners: Vec<String> = (0..128).map(|n| format!("s{}", n % 3)).collect();
        let chunks = chunks(&uuid, "u", &owners);
        let end = |chunk: &Document, name: &str| chunk.get_document(name).unwrap().get("u").unwrap().clone();
        assert_eq!(end(&chunks[0], "min"), Bson::MinKey);
        assert_eq!(end(&chunks[127], "max"), Bson::MaxKey);
        assert_eq!(end(&chunks[64], "min"), Bson::Int64(0));
        for pair in chunks.windows(2) {
            assert_eq!(end(&pair[0], "max"), end(&pair[1], "min"));
        }
    }
}
