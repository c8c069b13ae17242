//! Collections: sharded once, by the hash of one field, never by anything else; their indexes.

use super::observed::{Cluster, CollectionSeen, Keys};
use super::refusal::Refusal;
use super::step::{Rung, Step};
use super::topology::{Collection, Index, Wanted};

/// Makes sure that every collection is sharded. Writers start only after that: a populated collection starts on one shard.
pub(super) fn sharded(wanted: &Wanted, cluster: &Cluster) -> Option<Step> {
    let mut unsharded = None;
    for collection in &wanted.collections {
        let seen = match seen(cluster, &collection.name, Rung::ShardCollections) {
            Ok(seen) => seen,
            Err(step) => return Some(step),
        };
        let key = hashed(&collection.hashed_field);
        match &seen.shard_key {
            Some(found) if *found == key && !seen.unique => (),
            Some(found) => {
                let unique = if seen.unique { ", unique" } else { "" };
                return Some(Step::Refused(Refusal::ShardedOtherwise {
                    namespace: wanted.namespace(&collection.name),
                    found: format!("{}{unique}", text(found)),
                    wanted: text(&key),
                }));
            }
            None => unsharded = unsharded.or(Some((collection, seen))),
        }
    }
    let (collection, seen) = unsharded?;
    match &cluster.sharding_enabled {
        Err(fault) => Some(Step::unread(Rung::ShardCollections, "the database", fault)),
        Ok(false) => {
            Some(Step::EnableSharding { router: cluster.router.clone(), database: wanted.database.clone() })
        }
        Ok(true) => Some(shard(wanted, cluster, collection, seen)),
    }
}

fn shard(wanted: &Wanted, cluster: &Cluster, collection: &Collection, seen: &CollectionSeen) -> Step {
    let keys = hashed(&collection.hashed_field);
    // An empty collection gets the index by itself; one with documents is refused (72) until it is there.
    if seen.has_documents && !seen.indexes.iter().any(|index| index.keys == keys) {
        return Step::CreateIndex {
            router: cluster.router.clone(),
            database: wanted.database.clone(),
            collection: collection.name.clone(),
            name: format!("{}_hashed", collection.hashed_field),
            keys,
            expire_after_seconds: None,
        };
    }
    Step::ShardCollection {
        router: cluster.router.clone(),
        namespace: wanted.namespace(&collection.name),
        hashed_field: collection.hashed_field.clone(),
    }
}

/// Makes sure of the indexes and their TTL.
pub(super) fn indexed(wanted: &Wanted, cluster: &Cluster) -> Option<Step> {
    wanted.collections.iter().find_map(|collection| {
        let seen = match seen(cluster, &collection.name, Rung::Indexes) {
            Ok(seen) => seen,
            Err(step) => return Some(step),
        };
        collection.indexes.iter().find_map(|index| one(wanted, cluster, collection, seen, index))
    })
}

fn one(
    wanted: &Wanted,
    cluster: &Cluster,
    collection: &Collection,
    seen: &CollectionSeen,
    index: &Index,
) -> Option<Step> {
    let keys: Keys = index.keys.iter().map(|(field, way)| (field.clone(), way.to_string())).collect();
    let conflict = |name: &str, found: String| {
        let namespace = wanted.namespace(&collection.name);
        Some(Step::Refused(Refusal::IndexConflict { namespace, name: name.to_owned(), found }))
    };
    let Some(there) = seen.indexes.iter().find(|there| there.keys == keys) else {
        if let Some(other) = seen.indexes.iter().find(|there| there.name == index.name()) {
            return conflict(
                &other.name,
                format!("is over {{{}}}, wanted is {{{}}}", text(&other.keys), text(&keys)),
            );
        }
        return Some(Step::CreateIndex {
            router: cluster.router.clone(),
            database: wanted.database.clone(),
            collection: collection.name.clone(),
            name: index.name(),
            keys,
            expire_after_seconds: index.expire_after_seconds,
        });
    };
    match (there.expire_after_seconds, index.expire_after_seconds) {
        (found, wanted) if found == wanted => None,
        (_, Some(expire_after_seconds)) => Some(Step::ChangeTtl {
            router: cluster.router.clone(),
            database: wanted.database.clone(),
            collection: collection.name.clone(),
            keys,
            expire_after_seconds,
        }),
        (found, None) => {
            let seconds = found.unwrap_or_default();
            conflict(&there.name, format!("deletes documents after {seconds} s, which is not wanted"))
        }
    }
}

fn seen<'a>(cluster: &'a Cluster, name: &str, rung: Rung) -> Result<&'a CollectionSeen, Step> {
    match cluster.collections.get(name) {
        Some(Ok(seen)) => Ok(seen),
        Some(Err(fault)) => Err(Step::unread(rung, &format!("collection {name}"), fault)),
        None => Err(Step::wait(rung, super::Pace::Soon, format!("collection {name} was not read yet"))),
    }
}

fn hashed(field: &str) -> Keys {
    vec![(field.to_owned(), "hashed".to_owned())]
}

fn text(keys: &Keys) -> String {
    keys.iter().map(|(field, way)| format!("{field}: {way}")).collect::<Vec<_>>().join(", ")
}
