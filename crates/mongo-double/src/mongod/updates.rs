//! `update`, `delete`, `findAndModify`.

use bson::{Bson, Document, doc};

use super::concern::Concern;
use super::inserts::{batch_size, int, write_error};
use super::{Mongod, projection};
use crate::arguments::{Arguments, Request, truthy, whole};
use crate::codes;
use crate::engine::{Deletion, Modification, WriteFault};
use crate::query::{Sort, Update, decoded, raw};
use crate::refusal::{Refusal, bad_value};

/// Refuses fields of a statement that nobody knows.
fn only(statement: &Document, command: &str, known: &[&str]) -> Result<(), Refusal> {
    match statement.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Refusal::new(
            codes::UNKNOWN_FIELD,
            format!("BSON field '{command}.{name}' is an unknown field."),
        )),
    }
}

fn filter_of(statement: &Document) -> Result<Document, Refusal> {
    let filter = statement.get_document("q");
    filter.cloned().map_err(|_| Refusal::new(codes::MISSING_FIELD, "a statement needs 'q', a document"))
}

fn modification(statement: &Document) -> Result<Modification, Refusal> {
    only(statement, "update.updates", &["q", "u", "multi", "upsert"])?;
    let update = statement.get("u").ok_or_else(|| Refusal::new(codes::MISSING_FIELD, "a statement needs 'u'"))?;
    let update = Update::parse(update)?;
    let multi = truthy(statement.get("multi"));
    if multi && matches!(update, Update::Replace(_)) {
        return Err(Refusal::new(codes::FAILED_TO_PARSE, "multi update is not supported for replacement-style update"));
    }
    let upsert = truthy(statement.get("upsert"));
    Ok(Modification { filter: filter_of(statement)?, sort: Sort::default(), update, multi, upsert })
}

fn deletion(statement: &Document) -> Result<Deletion, Refusal> {
    only(statement, "delete.deletes", &["q", "limit"])?;
    let multi = match statement.get("limit").and_then(whole) {
        Some(0) => true,
        Some(1) => false,
        _ => return Err(Refusal::new(codes::FAILED_TO_PARSE, "The limit field in delete objects must be 0 or 1")),
    };
    Ok(Deletion { filter: filter_of(statement)?, sort: Sort::default(), multi })
}

impl Mongod {
    pub(super) async fn update(&self, request: &Request, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&["updates", "ordered", "bypassDocumentValidation"])?;
        let ns = arguments.ns()?;
        let statements = request.documents("updates")?;
        batch_size(statements.len())?;
        let (concern, ordered) = (Concern::parse(arguments)?, arguments.flag("ordered", true)?);
        self.must_be_primary()?;
        let reply = self.sessions.once(arguments, || {
            let _routed = self.at_revision(&ns, arguments)?;
            let (mut matched, mut modified, mut upserted, mut errors) = (0, 0, Vec::new(), Vec::new());
            for (index, statement) in statements.iter().enumerate() {
                let done = modification(&decoded(statement))
                    .map_err(WriteFault::from)
                    .and_then(|modification| self.engine.update(&ns, &modification));
                match done {
                    Ok(changed) => {
                        matched += changed.matched;
                        modified += changed.modified;
                        if let Some(id) = changed.upserted {
                            upserted.push(doc! {"index": int(index), "_id": id});
                        }
                    }
                    Err(fault) => {
                        errors.push(write_error(index, fault));
                        if ordered {
                            break;
                        }
                    }
                }
            }
            let mut reply = doc! {"n": int(matched + upserted.len()), "nModified": int(modified)};
            if !upserted.is_empty() {
                reply.insert("upserted", upserted);
            }
            if !errors.is_empty() {
                reply.insert("writeErrors", errors);
            }
            Ok(reply)
        })?;
        self.conclude(&concern, reply).await
    }

    pub(super) async fn delete(&self, request: &Request, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&["deletes", "ordered"])?;
        let ns = arguments.ns()?;
        let statements = request.documents("deletes")?;
        batch_size(statements.len())?;
        let (concern, ordered) = (Concern::parse(arguments)?, arguments.flag("ordered", true)?);
        self.must_be_primary()?;
        let reply = self.sessions.once(arguments, || {
            let _routed = self.at_revision(&ns, arguments)?;
            let (mut count, mut errors) = (0, Vec::new());
            for (index, statement) in statements.iter().enumerate() {
                let done = deletion(&decoded(statement)).and_then(|deletion| self.engine.delete(&ns, &deletion));
                match done {
                    Ok(gone) => count += gone.len(),
                    Err(refusal) => {
                        errors.push(write_error(index, refusal.into()));
                        if ordered {
                            break;
                        }
                    }
                }
            }
            let mut reply = doc! {"n": int(count)};
            if !errors.is_empty() {
                reply.insert("writeErrors", errors);
            }
            Ok(reply)
        })?;
        self.conclude(&concern, reply).await
    }

    pub(super) async fn find_and_modify(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&[
            "query", "sort", "remove", "update", "new", "upsert", "fields", "bypassDocumentValidation",
        ])?;
        let ns = arguments.ns()?;
        let concern = Concern::parse(arguments)?;
        let filter = arguments.document("query")?.cloned().unwrap_or_default();
        let sort = arguments.document("sort")?.map_or_else(|| Ok(Sort::default()), Sort::parse)?;
        let fields = projection(arguments.document("fields")?)?;
        let (remove, new, upsert) =
            (arguments.flag("remove", false)?, arguments.flag("new", false)?, arguments.flag("upsert", false)?);
        let update = arguments.fields.get("update").map(Update::parse).transpose()?;
        if remove == update.is_some() || remove && (new || upsert) {
            return Err(bad_value("findAndModify needs either 'remove' alone or 'update'"));
        }
        self.must_be_primary()?;
        let reply = self.sessions.once(arguments, || {
            let _routed = self.at_revision(&ns, arguments)?;
            let (last, value) = if let Some(update) = update {
                let modification = Modification { filter, sort, update, multi: false, upsert };
                let changed = self.engine.update(&ns, &modification).map_err(|fault| fault.refusal)?;
                let mut last = doc! {"n": int(changed.matched.max(usize::from(changed.upserted.is_some()))), "updatedExisting": changed.matched > 0};
                if let Some(id) = changed.upserted {
                    last.insert("upserted", id);
                }
                (last, if new { changed.after } else { changed.before })
            } else {
                let deletion = Deletion { filter, sort, multi: false };
                let gone = self.engine.delete(&ns, &deletion)?.into_iter().next();
                (doc! {"n": int(usize::from(gone.is_some()))}, gone)
            };
            let value = value.map_or(Bson::Null, |document| {
                let shown = fields.as_ref().map_or_else(|| document.clone(), |fields| fields.apply(raw(&document)));
                Bson::Document(decoded(&shown))
            });
            Ok(doc! {"lastErrorObject": last, "value": value})
        })?;
        self.conclude(&concern, reply).await
    }
}
