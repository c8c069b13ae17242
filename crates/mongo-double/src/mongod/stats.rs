//! `dbStats`: how much a database holds. Nothing is compressed here, and indexes take no room on disk.

use bson::{Document, doc};

use super::Mongod;
use crate::arguments::Arguments;
use crate::refusal::Refusal;

impl Mongod {
    pub(super) fn db_stats(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&["scale", "freeStorage"])?;
        self.must_be_readable(arguments)?;
        let (mut collections, mut objects, mut bytes, mut indexes) = (0_i64, 0_i64, 0_i64, 0_i64);
        let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        for ns in self.engine.namespaces(Some(&arguments.db)) {
            let Some(collection) = self.engine.collection(&ns) else { continue };
            let data = collection.read();
            collections += 1;
            objects += whole(data.count());
            bytes += i64::try_from(data.bytes).unwrap_or(i64::MAX);
            indexes += whole(data.indexes.len());
        }
        Ok(doc! {
            "db": &arguments.db, "collections": collections, "views": 0_i64, "objects": objects,
            "avgObjSize": if objects > 0 { bytes / objects } else { 0 }, "dataSize": bytes, "storageSize": bytes,
            "indexes": indexes, "indexSize": 0_i64, "totalSize": bytes, "scaleFactor": 1_i64,
        })
    }
}
