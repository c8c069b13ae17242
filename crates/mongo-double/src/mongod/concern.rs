//! Write concern: whether a write waits for the disk, and what is answered when it asks for more members than there are.

use bson::{Bson, Document, doc};

use super::Mongod;
use crate::arguments::{Arguments, truthy, whole};
use crate::codes;
use crate::refusal::{Refusal, bad_value};

/// What a write asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Concern {
    /// Wait until it is in the journal on the disk.
    pub durable: bool,
    /// The members that it asks for are not there.
    pub unsatisfiable: bool,
}

impl Concern {
    /// Reads `writeConcern`. Without one it is majority, which waits for the journal.
    pub fn parse(arguments: &Arguments) -> Result<Self, Refusal> {
        let Some(concern) = arguments.document("writeConcern")? else {
            return Ok(Self { durable: true, unsatisfiable: false });
        };
        let known = ["w", "j", "fsync", "wtimeout", "provenance"];
        if let Some(name) = concern.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(Refusal::new(
                codes::UNKNOWN_FIELD,
                format!("BSON field 'writeConcern.{name}' is an unknown field."),
            ));
        }
        let journal = truthy(concern.get("j"));
        match concern.get("w") {
            None => Ok(Self { durable: true, unsatisfiable: false }),
            Some(Bson::String(w)) if w == "majority" => Ok(Self { durable: true, unsatisfiable: false }),
            Some(Bson::String(w)) => Err(Refusal::new(
                codes::UNKNOWN_REPL_WRITE_CONCERN,
                format!("No write concern mode named '{w}' found in replica set configuration"),
            )),
            Some(w) => match whole(w) {
                Some(members @ 0..=50) => Ok(Self { durable: journal, unsatisfiable: members > 1 }),
                _ => Err(bad_value("w has to be a non-negative number and not greater than 50; or a string")),
            },
        }
    }
}

impl Mongod {
    /// Waits as the write asks, and says in its reply when that could not be.
    pub(super) async fn conclude(&self, concern: &Concern, mut reply: Document) -> Result<Document, Refusal> {
        self.node.tick();
        if concern.durable || self.engine.is_behind() {
            self.engine.durable(self.engine.position()).await?;
        }
        if concern.unsatisfiable {
            reply.insert(
                "writeConcernError",
                doc! {
                    "code": codes::UNSATISFIABLE_WRITE_CONCERN,
                    "codeName": "UnsatisfiableWriteConcern",
                    "errmsg": "Not enough data-bearing nodes",
                },
            );
        }
        Ok(reply)
    }

    /// Makes what the server itself wrote durable.
    pub(crate) async fn settle(&self) -> Result<(), Refusal> {
        self.engine.durable(self.engine.position()).await
    }
}
