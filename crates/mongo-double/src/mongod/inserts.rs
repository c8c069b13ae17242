//! `insert`, the way that events take: documents stay slices of the message that brought them.

use bson::{Document, doc};
use bytes::Bytes;

use super::Mongod;
use super::concern::Concern;
use crate::arguments::{Arguments, Request};
use crate::codes;
use crate::engine::WriteFault;
use crate::refusal::Refusal;
use crate::wire::BATCH_MAX;

/// What an insert asks for, of a member and of a router alike.
pub struct Insert {
    /// All of its fields but the documents.
    pub arguments: Arguments,
    /// `database.collection`.
    pub ns: String,
    /// The documents, as they came.
    pub documents: Vec<Bytes>,
    /// Whether the first fault ends it.
    pub ordered: bool,
}

impl Insert {
    /// Reads it, and refuses what is not modelled.
    pub fn read(request: &Request) -> Result<Self, Refusal> {
        let arguments = request.arguments()?;
        arguments.only(&["documents", "ordered", "bypassDocumentValidation"])?;
        let ns = arguments.ns()?;
        let documents = request.documents("documents")?;
        batch_size(documents.len())?;
        let ordered = arguments.flag("ordered", true)?;
        Ok(Self { arguments, ns, documents, ordered })
    }
}

impl Mongod {
    pub(super) async fn insert(&self, request: &Request) -> Result<Document, Refusal> {
        let Insert { arguments, ns, documents, ordered } = Insert::read(request)?;
        let concern = Concern::parse(&arguments)?;
        self.must_be_primary()?;
        let reply = self.sessions.once(&arguments, || {
            let _routed = self.at_revision(&ns, &arguments)?;
            let inserted = self.engine.insert(&ns, &documents, ordered);
            let mut reply = doc! {"n": int(inserted.count)};
            let faults = inserted.faults.into_iter().map(|(index, fault)| write_error(index, fault));
            let faults: Vec<Document> = faults.collect();
            if !faults.is_empty() {
                reply.insert("writeErrors", faults);
            }
            Ok(reply)
        })?;
        self.conclude(&concern, reply).await
    }
}

/// Refuses a write of no or too many statements.
pub fn batch_size(statements: usize) -> Result<(), Refusal> {
    if (1..=BATCH_MAX).contains(&statements) {
        return Ok(());
    }
    Err(Refusal::new(
        codes::INVALID_LENGTH,
        format!("Write batch sizes must be between 1 and {BATCH_MAX}. Got {statements} operations."),
    ))
}

/// One element of `writeErrors`.
pub fn write_error(index: usize, fault: WriteFault) -> Document {
    let mut error = doc! {"index": int(index), "code": fault.refusal.code};
    if let Some((pattern, value)) = fault.key {
        error.insert("keyPattern", pattern);
        error.insert("keyValue", value);
    }
    error.insert("errmsg", fault.refusal.message);
    error
}

/// A count as replies have it.
pub fn int(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
