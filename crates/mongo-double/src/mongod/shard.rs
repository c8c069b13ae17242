//! A shard's part in a cluster: whose it is, and the revision of each collection's routing. A router with another
//! revision is refused, reads the routing anew and asks again: so no write goes where it does not belong.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLockReadGuard};

use bson::{DateTime, Document, doc};

use super::Mongod;
use crate::arguments::{Arguments, whole};
use crate::codes;
use crate::engine::Engine;
use crate::flags::Role;
use crate::refusal::Refusal;

/// Where a shard keeps what the cluster told it.
const REVISIONS: &str = "config.cache.collections";
const SYSTEM_VERSION: &str = "admin.system.version";

/// Revisions as the disk has them.
pub fn stored_revisions(engine: &Engine) -> HashMap<String, i64> {
    let row = |row: Document| Some((row.get_str("_id").ok()?.to_owned(), row.get_i64("revision").ok()?));
    engine.all(REVISIONS).into_iter().filter_map(row).collect()
}

type Revisions<'a> = RwLockReadGuard<'a, HashMap<String, i64>>;

impl Mongod {
    /// Whether the caller routes as this shard was told. While the answer is held, that cannot change.
    pub(super) fn at_revision(&self, ns: &str, arguments: &Arguments) -> Result<Revisions<'_>, Refusal> {
        let revisions = self.revisions.read().unwrap_or_else(PoisonError::into_inner);
        let asked = arguments.fields.get("shardVersion").and_then(whole);
        let own = revisions.get(ns).copied().unwrap_or(0);
        match asked {
            Some(asked) if asked != own => {
                Err(Refusal::new(codes::STALE_CONFIG, format!("{ns}: the router has revision {asked}, this shard {own}")))
            }
            _ => Ok(revisions),
        }
    }

    /// From the config server: the routing of a collection changes.
    pub(super) async fn set_revision(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        self.must_be_primary()?;
        let ns = arguments.text("_shardsvrSetRevision")?;
        let revision = arguments.integer("revision")?.unwrap_or(0);
        {
            let mut revisions = self.revisions.write().unwrap_or_else(PoisonError::into_inner);
            revisions.insert(ns.to_owned(), revision);
            self.engine.put(REVISIONS, &doc! {"_id": ns, "revision": revision});
        }
        self.settle().await?;
        Ok(Document::new())
    }

    /// Which cluster this shard belongs to.
    pub(super) fn identity(&self) -> Option<Document> {
        self.engine.get(SYSTEM_VERSION, "shardIdentity")
    }

    /// From the config server: this set is a shard of its cluster now. Also answers what databases are here.
    pub(super) async fn become_shard(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        self.must_be_primary()?;
        let refused = |code, message: String| Err(Refusal::new(code, message));
        if self.node.flags.role != Role::Shard {
            return refused(codes::OPERATION_FAILED, "the set was not started with --shardsvr".into());
        }
        let name = arguments.text("shardName")?;
        let cluster = arguments.required("clusterId")?;
        if let Some(identity) = self.identity() {
            if identity.get("clusterId") != Some(cluster) {
                return refused(
                    codes::ILLEGAL_OPERATION,
                    "this shard carries the identity of another cluster; give it an empty --dbpath".into(),
                );
            }
            if identity.get_str("shardName") != Ok(name) {
                return refused(
                    codes::ILLEGAL_OPERATION,
                    format!("this shard is {} already", identity.get_str("shardName").unwrap_or_default()),
                );
            }
        }
        let identity = doc! {
            "_id": "shardIdentity",
            "shardName": name,
            "clusterId": cluster.clone(),
            "configsvrConnectionString": arguments.text("configsvrConnectionString")?,
            "since": DateTime::now(),
        };
        self.engine.put(SYSTEM_VERSION, &identity);
        self.settle().await?;
        Ok(Document::new())
    }
}
