//! Reading the cluster through a router, as the operator's user.

use std::collections::BTreeMap;

use bson::{Bson, Document, doc};
use plan::mongo::Wanted;
use plan::mongo::observed::{
    Cluster, CollectionSeen, DefaultConcern, Fault, IndexSeen, Keys, Read, Router, RouterState, ShardRow,
};

use crate::client::{As, READ_TIME, Server};
use crate::login::Login;

/// The collection is not there.
const NAMESPACE_NOT_FOUND: i32 = 26;
/// What MongoDB 6.0 says of itself.
const WIRE_VERSION_6: i32 = 17;

/// Greets a router. The connection stays open when it is ready.
pub(crate) async fn greet(wanted: &Wanted, address: &str, login: &Login) -> (Router, Option<Server>) {
    let router = |state| Router { address: address.to_owned(), state };
    let who = As::user(&wanted.operator.name, &login.operator_password);
    let server = match Server::connect(login.address(address), who).await {
        Ok(server) => server,
        Err(fault) if fault.code.is_some() => return (router(RouterState::Failed(fault)), None),
        Err(fault) => return (router(RouterState::Unreachable(fault)), None),
    };
    let state = match server.run("admin", doc! {"hello": 1}, READ_TIME).await {
        Ok(hello) if hello.get_str("msg") == Ok("isdbgrid") => {
            return (router(RouterState::Ready), Some(server));
        }
        Ok(_) => RouterState::NotARouter,
        Err(fault) if fault.code.is_some() => RouterState::Failed(fault),
        Err(fault) => RouterState::Unreachable(fault),
    };
    server.close().await;
    (router(state), None)
}

/// Reads what the cluster is made of.
pub(crate) async fn look(wanted: &Wanted, address: &str, server: &Server) -> Cluster {
    let rows = shard_keys(wanted, server).await;
    let mut collections = BTreeMap::new();
    for collection in &wanted.collections {
        let seen = match &rows {
            Ok(rows) => look_at_collection(wanted, &collection.name, rows, server).await,
            Err(fault) => Err(fault.clone()),
        };
        collections.insert(collection.name.clone(), seen);
    }
    Cluster {
        router: address.to_owned(),
        default_concern: default_concern(server).await,
        shards: shards(server).await,
        sharding_enabled: sharding_enabled(wanted, server).await,
        collections,
    }
}

async fn shards(server: &Server) -> Read<Vec<ShardRow>> {
    let reply = server.run("admin", doc! {"listShards": 1}, READ_TIME).await?;
    let rows = documents(&reply, "shards")?;
    let text = |row: &Document, field: &str| row.get_str(field).unwrap_or_default().to_owned();
    let row = |row: &Document| ShardRow {
        id: text(row, "_id"),
        host: text(row, "host"),
        draining: row.get_bool("draining").unwrap_or(false),
    };
    Ok(rows.into_iter().map(row).collect())
}

async fn default_concern(server: &Server) -> Read<DefaultConcern> {
    let reply = server.run("admin", doc! {"getDefaultRWConcern": 1}, READ_TIME).await?;
    let is_majority = |concern: &str, field: &str| {
        reply.get_document(concern).and_then(|concern| concern.get_str(field)) == Ok("majority")
    };
    Ok(DefaultConcern {
        write_majority: is_majority("defaultWriteConcern", "w"),
        read_majority: is_majority("defaultReadConcern", "level"),
    })
}

/// Before MongoDB 6 a database has to be told; since then it is never asked, and its row says `partitioned: false` for ever.
async fn sharding_enabled(wanted: &Wanted, server: &Server) -> Read<bool> {
    let hello = server.run("admin", doc! {"hello": 1}, READ_TIME).await?;
    if hello.get_i32("maxWireVersion").is_ok_and(|version| version >= WIRE_VERSION_6) {
        return Ok(true);
    }
    let find =
        doc! {"find": "databases", "filter": {"_id": &wanted.database}, "limit": 1, "singleBatch": true};
    let rows = cursor(&server.run("config", find, READ_TIME).await?)?;
    Ok(rows.first().is_some_and(|row| row.get_bool("partitioned").unwrap_or(false)))
}

/// Rows of sharded collections. MongoDB 8 lists unsharded ones too, and 4.4 those that were dropped.
async fn shard_keys(wanted: &Wanted, server: &Server) -> Read<BTreeMap<String, Document>> {
    let names: Vec<String> =
        wanted.collections.iter().map(|collection| wanted.namespace(&collection.name)).collect();
    let find = doc! {"find": "collections", "filter": {"_id": {"$in": names}}, "singleBatch": true};
    let rows = cursor(&server.run("config", find, READ_TIME).await?)?;
    let is_sharded = |row: &Document| {
        !row.get_bool("unsplittable").unwrap_or(false) && !row.get_bool("dropped").unwrap_or(false)
    };
    let by_namespace = |row: Document| Some((row.get_str("_id").ok()?.to_owned(), row));
    Ok(rows.into_iter().filter(is_sharded).filter_map(by_namespace).collect())
}

async fn look_at_collection(
    wanted: &Wanted,
    name: &str,
    rows: &BTreeMap<String, Document>,
    server: &Server,
) -> Read<CollectionSeen> {
    let row = rows.get(&wanted.namespace(name));
    let indexes = match server.run(&wanted.database, doc! {"listIndexes": name}, READ_TIME).await {
        Ok(reply) => cursor(&reply)?,
        Err(fault) if fault.code == Some(NAMESPACE_NOT_FOUND) => Vec::new(),
        Err(fault) => return Err(fault),
    };
    // Whether it holds anything matters until it is sharded.
    let has_documents = if row.is_none() && !indexes.is_empty() {
        let find = doc! {"find": name, "limit": 1, "singleBatch": true, "projection": {"_id": 1}};
        !cursor(&server.run(&wanted.database, find, READ_TIME).await?)?.is_empty()
    } else {
        false
    };
    Ok(CollectionSeen {
        shard_key: row.and_then(|row| row.get_document("key").ok()).map(keys),
        unique: row.is_some_and(|row| row.get_bool("unique").unwrap_or(false)),
        has_documents,
        indexes: indexes.iter().map(index).collect(),
    })
}

fn index(row: &Document) -> IndexSeen {
    IndexSeen {
        name: row.get_str("name").unwrap_or_default().to_owned(),
        keys: row.get_document("key").map(keys).unwrap_or_default(),
        expire_after_seconds: row.get("expireAfterSeconds").and_then(seconds),
    }
}

fn keys(document: &Document) -> Keys {
    let way = |value: &Bson| match value {
        Bson::String(text) => text.clone(),
        Bson::Int32(n) => n.to_string(),
        Bson::Int64(n) => n.to_string(),
        // Shells send directions as doubles.
        Bson::Double(n) => format!("{n:.0}"),
        other => other.to_string(),
    };
    document.iter().map(|(field, value)| (field.clone(), way(value))).collect()
}

fn seconds(value: &Bson) -> Option<u64> {
    match value {
        Bson::Int32(n) => u64::try_from(*n).ok(),
        Bson::Int64(n) => u64::try_from(*n).ok(),
        Bson::Double(n) => format!("{n:.0}").parse().ok(),
        _ => None,
    }
}

fn cursor(reply: &Document) -> Read<Vec<Document>> {
    let cursor = reply.get_document("cursor").map_err(|_| Fault::of_network("a reply without a cursor"))?;
    Ok(documents(cursor, "firstBatch")?.into_iter().cloned().collect())
}

fn documents<'a>(reply: &'a Document, field: &str) -> Read<Vec<&'a Document>> {
    let rows = reply.get_array(field).map_err(|_| Fault::of_network(&format!("a reply without {field}")))?;
    Ok(rows.iter().filter_map(Bson::as_document).collect())
}
