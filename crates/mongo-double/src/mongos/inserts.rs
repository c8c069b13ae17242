//! `insert` through the router: documents are grouped by their owner as they came, errors are numbered as they came.

use std::time::Instant;

use bson::{Bson, Document, RawBsonRef, doc};
use bytes::Bytes;

use super::routing::Place;
use super::{Mongos, onward};
use crate::arguments::{Arguments, Request, whole};
use crate::codes;
use crate::mongod::{Insert, int, write_error};
use crate::peer::{Patience, call_all};
use crate::query::{decoded, raw};
use crate::refusal::Refusal;
use crate::wire::Outgoing;

/// What became of an insert so far.
#[derive(Default)]
struct Outcome {
    count: usize,
    errors: Vec<(usize, Document)>,
    concern: Option<Bson>,
    /// A whole call failed.
    failed: Option<Refusal>,
}

impl Mongos {
    pub(super) async fn insert(&self, request: &Request) -> Result<Document, Refusal> {
        let Insert { arguments, ns, documents, ordered } = Insert::read(request)?;
        let deadline = arguments.deadline()?;
        let command = self.with_default_concern(onward(&arguments, true));
        let mut outcome = Outcome::default();
        let mut pending: Vec<usize> = (0..documents.len()).collect();
        let since = Instant::now();
        loop {
            let place = self.place(&ns, true, deadline).await?;
            let groups = group(&place, &documents, &pending, ordered, &mut outcome);
            pending =
                self.send(&place, groups, &documents, &command, &arguments, ordered, &mut outcome).await?;
            if pending.is_empty() {
                break;
            }
            let stale = Refusal::new(codes::STALE_CONFIG, format!("{ns}: the routing did not settle"));
            if !self.again(&stale, since, deadline).await {
                return Err(stale);
            }
        }
        outcome.reply()
    }

    pub(super) fn with_default_concern(&self, mut command: Document) -> Document {
        if !command.contains_key("writeConcern")
            && let Some(concern) = &self.table().default_write_concern
        {
            command.insert("writeConcern", concern.clone());
        }
        command
    }

    /// Sends each group to its shard; answers what has to be sent again by newer routing.
    #[allow(clippy::too_many_arguments, reason = "private, called from one place")]
    async fn send(
        &self,
        place: &Place,
        groups: Vec<(usize, Vec<usize>)>,
        documents: &[Bytes],
        command: &Document,
        arguments: &Arguments,
        ordered: bool,
        outcome: &mut Outcome,
    ) -> Result<Vec<usize>, Refusal> {
        let patience = Patience::shard(arguments.deadline()?, arguments.fields.contains_key("txnNumber"));
        let mut calls = Vec::with_capacity(groups.len());
        for (owner, members) in &groups {
            let (set, revision) = match place {
                Place::Spread(sharded) => (self.shard(&sharded.shards[*owner])?, Some(sharded.revision)),
                Place::Whole(primary) => (self.shard(primary)?, Some(0)),
                Place::Config | Place::Nowhere => (std::sync::Arc::clone(&self.config), None),
            };
            let mut body = command.clone();
            if let Some(revision) = revision {
                body.insert("shardVersion", revision);
            }
            if body.contains_key("txnNumber") {
                // The number covers the whole command; each part of it is a statement of its own.
                body.insert("stmtId", int(members[0]));
            }
            let own = members.iter().map(|member| documents[*member].clone()).collect();
            calls.push((set, Outgoing { body, sequence: Some(("documents", own)) }));
        }
        let mut stale = Vec::new();
        if ordered {
            for ((_, members), call) in groups.iter().zip(calls) {
                let answer = call_all(vec![call], patience).await;
                for answer in answer {
                    outcome.take(answer, members, &mut stale);
                }
                if !outcome.errors.is_empty() {
                    return Ok(Vec::new());
                }
                if !stale.is_empty() {
                    // What follows must not overtake what has to be sent again.
                    let first = stale[0];
                    return Ok((first..documents.len()).collect());
                }
            }
            return Ok(stale);
        }
        for (answer, (_, members)) in call_all(calls, patience).await.into_iter().zip(&groups) {
            outcome.take(answer, members, &mut stale);
        }
        Ok(stale)
    }
}

/// Documents by owner. In an ordered insert neighbours only, so that the order stays.
fn group(
    place: &Place,
    documents: &[Bytes],
    pending: &[usize],
    ordered: bool,
    outcome: &mut Outcome,
) -> Vec<(usize, Vec<usize>)> {
    let Place::Spread(sharded) = place else { return vec![(0, pending.to_vec())] };
    let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut scratch = Vec::new();
    for member in pending {
        let value = raw(&documents[*member]).get(&sharded.field).ok().flatten();
        if matches!(value, Some(RawBsonRef::Array(_))) {
            let message =
                format!("Shard key cannot contain array values or array descendants: {}", sharded.field);
            let refusal = Refusal::new(codes::SHARD_KEY_NOT_FOUND, message);
            outcome.errors.push((*member, write_error(*member, refusal.into())));
            if ordered {
                break;
            }
            continue;
        }
        let owner = sharded.owner_of(value.unwrap_or(RawBsonRef::Null), &mut scratch);
        let fits = if ordered {
            groups.last_mut().filter(|(own, _)| *own == owner)
        } else {
            groups.iter_mut().find(|(own, _)| *own == owner)
        };
        match fits {
            Some((_, members)) => members.push(*member),
            None => groups.push((owner, vec![*member])),
        }
    }
    groups
}

impl Outcome {
    fn take(&mut self, answer: Result<Bytes, Refusal>, members: &[usize], stale: &mut Vec<usize>) {
        match answer {
            Ok(reply) => {
                let reply = decoded(&reply);
                let stored = reply.get("n").and_then(whole).and_then(|n| usize::try_from(n).ok());
                self.count += stored.unwrap_or(0);
                let errors = reply.get_array("writeErrors").map(Vec::as_slice).unwrap_or_default();
                for error in errors.iter().filter_map(Bson::as_document) {
                    let place =
                        error.get("index").and_then(whole).and_then(|index| usize::try_from(index).ok());
                    let Some(member) = place.and_then(|place| members.get(place)) else { continue };
                    let mut error = error.clone();
                    error.insert("index", int(*member));
                    self.errors.push((*member, error));
                }
                if let Some(concern) = reply.get("writeConcernError") {
                    self.concern = Some(concern.clone());
                }
            }
            Err(refusal) if refusal.code == codes::STALE_CONFIG => stale.extend_from_slice(members),
            Err(refusal) => {
                let error = |member: &usize| (*member, write_error(*member, refusal.clone().into()));
                self.errors.extend(members.iter().map(error));
                self.failed = Some(refusal);
            }
        }
    }

    /// When nothing was stored and no shard looked at a document, the call as a whole has failed; else each document
    /// has its own error.
    fn reply(mut self) -> Result<Document, Refusal> {
        if let Some(refusal) = self.failed
            && self.count == 0
            && self.errors.iter().all(|(_, error)| error.get_i32("code") == Ok(refusal.code))
        {
            return Err(refusal);
        }
        let mut reply = doc! {"n": int(self.count)};
        if !self.errors.is_empty() {
            self.errors.sort_by_key(|(member, _)| *member);
            reply.insert("writeErrors", self.errors.into_iter().map(|(_, error)| error).collect::<Vec<_>>());
        }
        if let Some(concern) = self.concern {
            reply.insert("writeConcernError", concern);
        }
        Ok(reply)
    }
}
