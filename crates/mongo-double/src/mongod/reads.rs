//! `find`, `aggregate`, `count`, `distinct` and the cursors of their answers.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use bson::{Bson, Document, RawBsonRef, doc};
use bytes::Bytes;

use super::inserts::int;
use super::replication::CONFIG;
use super::{Mongod, projection};
use crate::arguments::{Arguments, whole};
use crate::codes;
use crate::cursors::{FIRST_BATCH, fill};
use crate::engine::Selection;
use crate::query::{Matcher, Pipeline, Projection, Sort, raw};
use crate::refusal::{Refusal, bad_value};
use crate::values::order;
use crate::values::path::Path;
use crate::wire::Reply;

/// What is left of an answer: the documents of the moment of the question, and how they are shown.
#[derive(Debug)]
pub struct Rest {
    documents: VecDeque<Bytes>,
    projection: Option<Projection>,
}

impl Rest {
    fn batch(&mut self, most: usize) -> Vec<Bytes> {
        let Self { documents, projection } = self;
        let mut shown = std::iter::from_fn(|| {
            let document = documents.pop_front()?;
            Some(projection.as_ref().map_or_else(|| document.clone(), |fields| fields.apply(raw(&document))))
        });
        let (batch, left) = fill(&mut shown, most);
        if let Some(left) = left {
            // It is shown already; showing it again changes nothing.
            documents.push_front(left);
        }
        batch
    }
}

/// The arguments of `find` that both programs know.
pub const FIND: &[&str] = &[
    "filter",
    "projection",
    "sort",
    "limit",
    "skip",
    "batchSize",
    "singleBatch",
    "noCursorTimeout",
    "allowDiskUse",
];

/// What `find` looks for.
pub fn selection(arguments: &Arguments) -> Result<Selection, Refusal> {
    Ok(Selection {
        matcher: Matcher::parse(arguments.document("filter")?.unwrap_or(&Document::new()))?,
        sort: arguments.document("sort")?.map_or_else(|| Ok(Sort::default()), Sort::parse)?,
        skip: arguments.size("skip")?.unwrap_or(0),
        limit: arguments.size("limit")?.filter(|limit| *limit > 0),
    })
}

/// The size of the first batch that a command with `cursor` asks for.
pub fn cursor_batch(arguments: &Arguments) -> Result<usize, Refusal> {
    let cursor = arguments.document("cursor")?.ok_or_else(|| {
        Refusal::new(
            codes::FAILED_TO_PARSE,
            "The 'cursor' option is required, except for aggregate with the explain argument",
        )
    })?;
    if let Some(name) = cursor.keys().find(|name| *name != "batchSize") {
        return Err(Refusal::new(
            codes::UNKNOWN_FIELD,
            format!("BSON field 'cursor.{name}' is an unknown field."),
        ));
    }
    match cursor.get("batchSize") {
        None => Ok(FIRST_BATCH),
        Some(size) => whole(size)
            .and_then(|size| usize::try_from(size).ok())
            .ok_or_else(|| bad_value("cursor.batchSize must not be negative")),
    }
}

impl Mongod {
    /// The first batch of an answer; the rest stays behind a cursor.
    pub(super) fn first_batch(
        &self,
        ns: String,
        documents: Vec<Bytes>,
        projection: Option<Projection>,
        most: usize,
        single: bool,
    ) -> Reply {
        let mut rest = Rest { documents: documents.into(), projection };
        let batch = rest.batch(most);
        let done = single || rest.documents.is_empty();
        let cursor = if done { 0 } else { self.cursors.keep(&ns, rest) };
        Reply::Batch { cursor, ns, first: true, documents: batch }
    }

    pub(super) fn find(&self, arguments: &Arguments) -> Result<Reply, Refusal> {
        arguments.only(FIND)?;
        let ns = arguments.ns()?;
        // A member's own database is read whatever its state.
        if ns != CONFIG {
            self.must_be_readable(arguments)?;
        }
        let selection = selection(arguments)?;
        let projection = projection(arguments.document("projection")?)?;
        let most = arguments.size("batchSize")?.unwrap_or(FIRST_BATCH);
        let single = arguments.flag("singleBatch", false)?;
        let documents = {
            let _routed = self.at_revision(&ns, arguments)?;
            self.engine.find(&ns, &selection)
        };
        Ok(self.first_batch(ns, documents, projection, most, single))
    }

    pub(super) fn aggregate(&self, arguments: &Arguments) -> Result<Reply, Refusal> {
        arguments.only(&["pipeline", "cursor", "allowDiskUse"])?;
        self.must_be_readable(arguments)?;
        let stages = arguments.required("pipeline")?.as_array();
        let stages =
            stages.ok_or_else(|| Refusal::new(codes::TYPE_MISMATCH, "'pipeline' must be an array"))?;
        let pipeline = Pipeline::parse(stages)?;
        let ns = arguments.ns()?;
        let most = cursor_batch(arguments)?;
        let (filter, rest) = pipeline.split_match();
        let limit = rest.leading_limit();
        let selection = Selection { limit, ..Selection::of(Matcher::parse(&filter)?) };
        let documents = {
            let _routed = self.at_revision(&ns, arguments)?;
            self.engine.find(&ns, &selection)
        };
        Ok(self.first_batch(ns, rest.run(documents), None, most, false))
    }

    pub(super) fn get_more(&self, arguments: &Arguments) -> Result<Reply, Refusal> {
        arguments.only(&["collection", "batchSize"])?;
        let id = arguments.integer("getMore")?.unwrap_or(0);
        let ns = crate::arguments::namespace_of_cursor(&arguments.db, arguments.text("collection")?);
        let most = arguments.size("batchSize")?.filter(|size| *size > 0).unwrap_or(usize::MAX);
        let mut rest = self.cursors.take(id, &ns)?;
        let documents = rest.batch(most);
        let cursor = if rest.documents.is_empty() { 0 } else { id };
        if cursor != 0 {
            self.cursors.put_back(id, &ns, rest);
        }
        Ok(Reply::Batch { cursor, ns, first: false, documents })
    }

    pub(super) fn kill_cursors(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&["cursors"])?;
        let asked = arguments.array("cursors")?.cloned().unwrap_or_default();
        let (killed, missing): (Vec<Bson>, Vec<Bson>) =
            asked.into_iter().partition(|id| whole(id).is_some_and(|id| self.cursors.kill(id).is_some()));
        Ok(
            doc! {"cursorsKilled": killed, "cursorsNotFound": missing, "cursorsAlive": [], "cursorsUnknown": []},
        )
    }

    pub(super) fn count(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&["query", "limit", "skip"])?;
        self.must_be_readable(arguments)?;
        let ns = arguments.ns()?;
        let selection = Selection {
            skip: arguments.size("skip")?.unwrap_or(0),
            limit: arguments.size("limit")?.filter(|limit| *limit > 0),
            ..Selection::of(Matcher::parse(arguments.document("query")?.unwrap_or(&Document::new()))?)
        };
        let _routed = self.at_revision(&ns, arguments)?;
        Ok(doc! {"n": int(self.engine.count(&ns, &selection))})
    }

    pub(super) fn distinct(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&["key", "query"])?;
        self.must_be_readable(arguments)?;
        let ns = arguments.ns()?;
        let path = Path::new(arguments.text("key")?);
        let matcher = Matcher::parse(arguments.document("query")?.unwrap_or(&Document::new()))?;
        let _routed = self.at_revision(&ns, arguments)?;
        let mut values: BTreeMap<Vec<u8>, Bson> = BTreeMap::new();
        for document in self.engine.find(&ns, &Selection::of(matcher)) {
            let mut scratch = Vec::new();
            let mut in_array = false;
            path.any(raw(&document), &mut |value| {
                let Some(value) = value else { return false };
                // The elements of an array stand for it.
                if matches!(value, RawBsonRef::Array(_)) && in_array {
                    return false;
                }
                in_array = true;
                scratch.clear();
                order::append(&mut scratch, value);
                if !values.contains_key(&scratch)
                    && let Ok(value) = Bson::try_from(value.to_raw_bson())
                {
                    values.insert(scratch.clone(), value);
                }
                false
            });
        }
        Ok(doc! {"values": values.into_values().collect::<Vec<_>>()})
    }
}
