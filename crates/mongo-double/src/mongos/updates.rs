//! `update`, `delete`, `findAndModify` through the router. What changes one document must name the shard key, or the
//! `_id`, which is then asked of every shard.

use std::time::Instant;

use bson::{Bson, Document, doc};
use bytes::Bytes;

use super::targets::Targets;
use super::{Mongos, onward, own_part};
use crate::arguments::{Arguments, Request, truthy, whole};
use crate::codes;
use crate::mongod::{batch_size, int, write_error};
use crate::peer::{Patience, call_all};
use crate::query::{Update, decoded, values_of};
use crate::refusal::Refusal;
use crate::wire::Outgoing;

/// What became of the statements so far.
#[derive(Default)]
struct Outcome {
    count: i64,
    modified: i64,
    upserted: Vec<Document>,
    errors: Vec<Document>,
    concern: Option<Bson>,
}

impl Mongos {
    pub(super) async fn write(
        &self,
        name: &str,
        request: &Request,
        arguments: &Arguments,
    ) -> Result<Document, Refusal> {
        let list: &'static str = if name == "update" { "updates" } else { "deletes" };
        arguments.only(&[list, "ordered", "bypassDocumentValidation"])?;
        let ns = arguments.ns()?;
        let statements = request.documents(list)?;
        batch_size(statements.len())?;
        let ordered = arguments.flag("ordered", true)?;
        let mut outcome = Outcome::default();
        for (index, statement) in statements.iter().enumerate() {
            match self.statement(list, &ns, index, statement, arguments).await {
                Ok(replies) => replies.iter().for_each(|reply| outcome.take(index, &decoded(reply))),
                // Alone it is the whole command's refusal when no shard could be asked.
                Err(refusal) if statements.len() == 1 && codes::is_retryable_write(refusal.code) => {
                    return Err(refusal);
                }
                Err(refusal) => outcome.errors.push(write_error(index, refusal.into())),
            }
            if ordered && !outcome.errors.is_empty() {
                break;
            }
        }
        Ok(outcome.reply(name == "update"))
    }

    async fn statement(
        &self,
        list: &'static str,
        ns: &str,
        index: usize,
        statement: &Bytes,
        arguments: &Arguments,
    ) -> Result<Vec<Bytes>, Refusal> {
        let decoded = decoded(statement);
        let filter = decoded.get_document("q").cloned().unwrap_or_default();
        let creates = list == "updates" && truthy(decoded.get("upsert"));
        let (deadline, since) = (arguments.deadline()?, Instant::now());
        loop {
            let targets = self.targets(ns, &filter, creates, deadline).await?;
            if targets.field.is_some() {
                checked(&targets, list, &decoded, &filter)?;
            }
            let mut body = targets.tell(self.with_default_concern(onward(arguments, true)));
            if body.contains_key("txnNumber") {
                body.insert("stmtId", int(index));
            }
            let command = Outgoing { body, sequence: Some((list, vec![statement.clone()])) };
            let calls = targets.sets.iter().map(|set| (set.clone(), command.clone())).collect();
            let patience = Patience::shard(deadline, arguments.fields.contains_key("txnNumber"));
            let answers: Result<Vec<Bytes>, Refusal> = call_all(calls, patience).await.into_iter().collect();
            match answers {
                Ok(replies) => return Ok(replies),
                Err(refusal) if self.again(&refusal, since, deadline).await => (),
                Err(refusal) => return Err(refusal),
            }
        }
    }

    pub(super) async fn find_and_modify(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        let (ns, deadline, since) = (arguments.ns()?, arguments.deadline()?, Instant::now());
        let filter = arguments.document("query")?.cloned().unwrap_or_default();
        let creates = arguments.flag("upsert", false)?;
        loop {
            let targets = self.targets(&ns, &filter, creates, deadline).await?;
            if targets.sets.is_empty() {
                return Ok(doc! {"lastErrorObject": {"n": 0, "updatedExisting": false}, "value": Bson::Null});
            }
            if let Some(field) = &targets.field {
                if !targets.by_key {
                    return Err(Refusal::new(
                        codes::SHARD_KEY_NOT_FOUND,
                        format!("Query for sharded findAndModify must contain the shard key: {field}"),
                    ));
                }
                if let Some(update) = arguments.fields.get("update") {
                    keeps_key(update, field, &filter)?;
                }
            }
            let body = targets.tell(self.with_default_concern(onward(arguments, true)));
            let patience = Patience::shard(deadline, arguments.fields.contains_key("txnNumber"));
            match targets.sets[0].call(body, patience).await {
                Ok(reply) => return Ok(own_part(reply)),
                Err(refusal) if self.again(&refusal, since, deadline).await => (),
                Err(refusal) => return Err(refusal),
            }
        }
    }
}

/// The rules for statements on a collection that is spread.
fn checked(targets: &Targets, list: &str, statement: &Document, filter: &Document) -> Result<(), Refusal> {
    let field = targets.field.as_deref().unwrap_or_default();
    let by_id = values_of(filter, "_id").is_some_and(|ids| ids.len() == 1);
    if list == "deletes" {
        let one = statement.get("limit").and_then(whole) == Some(1);
        if one && !targets.by_key && !by_id {
            return Err(Refusal::new(
                codes::SHARD_KEY_NOT_FOUND,
                "A single delete on a sharded collection must contain an exact match on _id or contain the shard key",
            ));
        }
        return Ok(());
    }
    if truthy(statement.get("upsert")) && !targets.by_key {
        return Err(Refusal::new(
            codes::SHARD_KEY_NOT_FOUND,
            format!("Failed to target upsert by query :: could not extract exact shard key {field}"),
        ));
    }
    if !truthy(statement.get("multi")) && !targets.by_key && !by_id {
        return Err(Refusal::new(
            codes::INVALID_OPTIONS,
            "A {multi:false} update on a sharded collection must contain an exact match on _id or must target a single shard",
        ));
    }
    statement.get("u").map_or(Ok(()), |update| keeps_key(update, field, filter))
}

/// A document does not move: this double refuses updates of the shard key, which the real server allows one by one.
fn keeps_key(update: &Bson, field: &str, filter: &Document) -> Result<(), Refusal> {
    let refused = || {
        Err(Refusal::new(codes::IMMUTABLE_FIELD, format!("this double does not move documents: {field} is the shard key")))
    };
    match Update::parse(update)? {
        Update::Replace(document) => {
            let same = values_of(filter, field).is_some_and(|values| document.get(field) == values.first());
            if same { Ok(()) } else { refused() }
        }
        operators if operators.touches(field) => refused(),
        Update::Operators(_) => Ok(()),
    }
}

impl Outcome {
    fn take(&mut self, index: usize, reply: &Document) {
        let number = |name| reply.get(name).and_then(whole).unwrap_or(0);
        self.count += number("n");
        self.modified += number("nModified");
        let rows = |name| reply.get_array(name).map(Vec::as_slice).unwrap_or_default();
        let renumbered = |row: &Bson| {
            let mut row = row.as_document()?.clone();
            row.insert("index", int(index));
            Some(row)
        };
        self.upserted.extend(rows("upserted").iter().filter_map(renumbered));
        self.errors.extend(rows("writeErrors").iter().filter_map(renumbered));
        if let Some(concern) = reply.get("writeConcernError") {
            self.concern = Some(concern.clone());
        }
    }

    fn reply(self, is_update: bool) -> Document {
        let int = |n: i64| i32::try_from(n).unwrap_or(i32::MAX);
        let mut reply = doc! {"n": int(self.count)};
        if is_update {
            reply.insert("nModified", int(self.modified));
        }
        for (name, rows) in [("upserted", self.upserted), ("writeErrors", self.errors)] {
            if !rows.is_empty() {
                reply.insert(name, rows);
            }
        }
        if let Some(concern) = self.concern {
            reply.insert("writeConcernError", concern);
        }
        reply
    }
}
