//! The cluster's default read and write concern. A default that was set cannot be taken away.

use bson::{Bson, DateTime, Document, doc};

use super::SETTINGS;
use crate::arguments::{Arguments, whole};
use crate::codes;
use crate::mongod::Mongod;
use crate::refusal::{Refusal, bad_value};

const ROW: &str = "ReadWriteConcernDefaults";

impl Mongod {
    /// The reply of `getDefaultRWConcern`.
    pub(super) fn default_concerns(&self) -> Document {
        let row = self.engine.get(SETTINGS, ROW).unwrap_or_default();
        let mut reply = Document::new();
        let mut either = |name: &str, implicit: Document| {
            let own = row.get_document(name).ok().cloned();
            reply.insert(format!("{name}Source"), if own.is_some() { "global" } else { "implicit" });
            reply.insert(name, own.unwrap_or(implicit));
        };
        either("defaultReadConcern", doc! {"level": "local"});
        either("defaultWriteConcern", doc! {"w": "majority", "wtimeout": 0});
        for name in ["updateOpTime", "updateWallClockTime"] {
            if let Some(value) = row.get(name) {
                reply.insert(name, value.clone());
            }
        }
        reply.insert("localUpdateWallClockTime", DateTime::now());
        reply
    }

    pub(super) fn set_default_concerns(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        let read = arguments.document("defaultReadConcern")?;
        let write = arguments.document("defaultWriteConcern")?;
        if read.is_none() && write.is_none() {
            return Err(bad_value(
                "At least one of the \"defaultReadConcern\" or \"defaultWriteConcern\" fields must be present",
            ));
        }
        let mut row = self.engine.get(SETTINGS, ROW).unwrap_or_else(|| doc! {"_id": ROW});
        if let Some(read) = read {
            match read.get_str("level") {
                Ok("local" | "available" | "majority") => drop(row.insert("defaultReadConcern", read.clone())),
                _ if read.is_empty() => drop(row.remove("defaultReadConcern")),
                _ => return Err(bad_value("the default read concern is local, available or majority")),
            }
        }
        if let Some(write) = write {
            let wanted = match write.get("w") {
                Some(Bson::String(w)) => w == "majority",
                Some(w) => whole(w).is_some_and(|w| w > 0),
                None => false,
            };
            if write.is_empty() && row.contains_key("defaultWriteConcern") {
                return Err(Refusal::new(
                    codes::ILLEGAL_OPERATION,
                    "The global default write concern cannot be unset once it is set.",
                ));
            }
            if !wanted && !write.is_empty() {
                return Err(bad_value("the default write concern needs w, greater than 0 or \"majority\""));
            }
            if wanted {
                let mut write = write.clone();
                if !write.contains_key("wtimeout") {
                    write.insert("wtimeout", 0);
                }
                row.insert("defaultWriteConcern", write);
            }
        }
        let now = self.node.tick();
        row.insert("updateOpTime", now);
        row.insert("updateWallClockTime", DateTime::now());
        self.engine.put(SETTINGS, &row);
        self.bump();
        Ok(self.default_concerns())
    }
}
