//! What there is: databases, collections, indexes.

use std::collections::BTreeMap;

use bson::spec::BinarySubtype;
use bson::{Binary, Document, doc};

use super::Mongod;
use super::reads::cursor_batch;
use crate::arguments::Arguments;
use crate::codes;
use crate::cursors::FIRST_BATCH;
use crate::query::{Matcher, raw, stored};
use crate::refusal::Refusal;
use crate::wire::Reply;

impl Mongod {
    pub(super) fn list_databases(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&["filter", "nameOnly", "authorizedDatabases"])?;
        if arguments.db != "admin" {
            return Err(crate::refusal::only_on_admin("listDatabases"));
        }
        self.must_be_readable(arguments)?;
        let mut sizes: BTreeMap<String, i64> = BTreeMap::new();
        for ns in self.engine.namespaces(None) {
            let Some((db, _)) = ns.split_once('.') else { continue };
            let bytes = self.engine.collection(&ns).map_or(0, |collection| collection.read().bytes);
            *sizes.entry(db.to_owned()).or_default() += i64::try_from(bytes).unwrap_or(i64::MAX);
        }
        databases(arguments, sizes)
    }

    pub(super) fn list_collections(&self, arguments: &Arguments) -> Result<Reply, Refusal> {
        arguments.only(&["filter", "nameOnly", "authorizedCollections", "cursor"])?;
        self.must_be_readable(arguments)?;
        let matcher = Matcher::parse(arguments.document("filter")?.unwrap_or(&Document::new()))?;
        let name_only = arguments.flag("nameOnly", false)?;
        let mut rows = Vec::new();
        for ns in self.engine.namespaces(Some(&arguments.db)) {
            let Some(collection) = self.engine.collection(&ns) else { continue };
            let uuid = Binary { subtype: BinarySubtype::Uuid, bytes: collection.read().uuid.to_vec() };
            let name = ns.split_once('.').map_or("", |(_, name)| name);
            let mut row = doc! {"name": name, "type": "collection"};
            if !name_only {
                row.extend(doc! {
                    "options": {},
                    "info": {"readOnly": false, "uuid": uuid},
                    "idIndex": {"v": 2, "key": {"_id": 1}, "name": "_id_"},
                });
            }
            let row = stored(&row);
            if matcher.matches(raw(&row)) {
                rows.push(row);
            }
        }
        let most = if arguments.fields.contains_key("cursor") { cursor_batch(arguments)? } else { FIRST_BATCH };
        let ns = format!("{}.$cmd.listCollections", arguments.db);
        Ok(self.first_batch(ns, rows, None, most, false))
    }

    pub(super) fn list_indexes(&self, arguments: &Arguments) -> Result<Reply, Refusal> {
        arguments.only(&["cursor"])?;
        self.must_be_readable(arguments)?;
        let ns = arguments.ns()?;
        let collection = self.engine.collection(&ns).ok_or_else(|| {
            Refusal::new(codes::NAMESPACE_NOT_FOUND, format!("ns does not exist: {ns}"))
        })?;
        let rows = collection.read().indexes.iter().map(|index| stored(&index.spec())).collect();
        let most = if arguments.fields.contains_key("cursor") { cursor_batch(arguments)? } else { FIRST_BATCH };
        Ok(self.first_batch(ns, rows, None, most, false))
    }
}

/// The reply of `listDatabases`, filtered as asked.
pub fn databases(arguments: &Arguments, sizes: BTreeMap<String, i64>) -> Result<Document, Refusal> {
    let matcher = Matcher::parse(arguments.document("filter")?.unwrap_or(&Document::new()))?;
    let name_only = arguments.flag("nameOnly", false)?;
    let total: i64 = sizes.values().sum();
    let mut rows = Vec::new();
    for (name, size) in sizes {
        let row = doc! {"name": &name, "sizeOnDisk": size, "empty": size == 0};
        if matcher.matches(raw(&stored(&row))) {
            rows.push(if name_only { doc! {"name": name} } else { row });
        }
    }
    if name_only {
        return Ok(doc! {"databases": rows});
    }
    Ok(doc! {"databases": rows, "totalSize": total, "totalSizeMb": total / (1024 * 1024)})
}
