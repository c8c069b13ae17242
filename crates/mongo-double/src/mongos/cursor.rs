//! The router's cursors: streams of several shards become one, in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bson::{Document, RawBsonRef, doc};
use bytes::Bytes;

use super::Mongos;
use crate::arguments::{Arguments, whole};
use crate::peer::{Patience, Remote};
use crate::query::{Projection, Sort, raw};
use crate::refusal::Refusal;
use crate::wire::{DOCUMENT_BYTES_MAX, Reply, documents_of};

/// Documents that are asked of a shard at a time when the client named no number.
const SHARD_BATCH: i64 = 5_000;

/// What is left of an answer.
#[derive(Debug)]
pub struct Rest {
    streams: Vec<Stream>,
    sort: Sort,
    /// Documents to pass over first.
    pub skip: usize,
    /// Documents still to be sent at most.
    pub left: Option<usize>,
    /// Applied here when shards must send more than the client sees.
    pub projection: Option<Projection>,
    batch: Option<i64>,
}

#[derive(Debug)]
struct Stream {
    from: Option<(Arc<Remote>, String, String)>,
    /// 0: all is in `waiting`.
    cursor: i64,
    waiting: VecDeque<(Vec<u8>, Bytes)>,
}

/// A shard's reply with a cursor: its number, its collection, its documents.
pub struct FirstBatch {
    cursor: i64,
    ns: String,
    documents: Vec<Bytes>,
}

impl FirstBatch {
    /// Reads a reply.
    pub fn read(reply: &Bytes) -> Option<Self> {
        let cursor = raw(reply).get_document("cursor").ok()?;
        let batch = cursor.get_array("firstBatch").or_else(|_| cursor.get_array("nextBatch")).ok()?;
        let id = match cursor.get("id").ok()?? {
            RawBsonRef::Int64(id) => id,
            _ => 0,
        };
        let ns = cursor.get_str("ns").ok()?.to_owned();
        Some(Self { cursor: id, ns, documents: documents_of(reply, batch)? })
    }
}

impl Rest {
    /// Of documents that are all here.
    pub fn of_documents(documents: Vec<Bytes>) -> Self {
        let waiting = documents.into_iter().map(|document| (Vec::new(), document)).collect();
        let stream = Stream { from: None, cursor: 0, waiting };
        Self { streams: vec![stream], sort: Sort::default(), skip: 0, left: None, projection: None, batch: None }
    }

    /// Of the first batches of several sets.
    pub fn of_shards(batches: Vec<(Arc<Remote>, FirstBatch)>, sort: Sort, batch: Option<i64>) -> Self {
        let stream = |(remote, first): (Arc<Remote>, FirstBatch)| {
            let (db, collection) = first.ns.split_once('.').unwrap_or((&first.ns, ""));
            let from = Some((remote, db.to_owned(), collection.to_owned()));
            let waiting = keyed(&sort, first.documents);
            Stream { from, cursor: first.cursor, waiting }
        };
        let streams = batches.into_iter().map(stream).collect();
        Self { streams, sort, skip: 0, left: None, projection: None, batch }
    }

    fn is_done(&self) -> bool {
        self.left == Some(0) || self.streams.iter().all(|stream| stream.cursor == 0 && stream.waiting.is_empty())
    }

    /// Documents for one batch.
    pub async fn batch(&mut self, most: usize, deadline: Option<Instant>) -> Result<Vec<Bytes>, Refusal> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < most && self.left != Some(0) {
            let Some(next) = self.next_stream(deadline).await? else { break };
            let Some((key, document)) = self.streams[next].waiting.pop_front() else { break };
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            let shown = self.projection.as_ref().map_or_else(|| document.clone(), |fields| fields.apply(raw(&document)));
            bytes += shown.len();
            if bytes > DOCUMENT_BYTES_MAX && !batch.is_empty() {
                self.streams[next].waiting.push_front((key, document));
                break;
            }
            if let Some(left) = &mut self.left {
                *left -= 1;
            }
            batch.push(shown);
        }
        Ok(batch)
    }

    /// Everything that is left.
    pub async fn drain(mut self, deadline: Option<Instant>) -> Result<Vec<Bytes>, Refusal> {
        let mut all = Vec::new();
        loop {
            let batch = self.batch(usize::MAX, deadline).await?;
            if batch.is_empty() {
                return Ok(all);
            }
            all.extend(batch);
        }
    }

    /// The stream whose document comes next. With an order every stream must have its first one here.
    async fn next_stream(&mut self, deadline: Option<Instant>) -> Result<Option<usize>, Refusal> {
        let sorted = !self.sort.is_empty();
        for place in 0..self.streams.len() {
            self.streams[place].more(&self.sort, self.batch, deadline).await?;
            if !sorted && !self.streams[place].waiting.is_empty() {
                return Ok(Some(place));
            }
        }
        let first = |place: &usize| self.streams[*place].waiting.front().map(|(key, _)| key);
        let places = (0..self.streams.len()).filter(|place| first(place).is_some());
        Ok(places.min_by_key(first))
    }
}

fn keyed(sort: &Sort, documents: Vec<Bytes>) -> VecDeque<(Vec<u8>, Bytes)> {
    let key = |document: &Bytes| if sort.is_empty() { Vec::new() } else { sort.key(raw(document)) };
    documents.into_iter().map(|document| (key(&document), document)).collect()
}

impl Stream {
    async fn more(&mut self, sort: &Sort, batch: Option<i64>, deadline: Option<Instant>) -> Result<(), Refusal> {
        while self.waiting.is_empty() && self.cursor != 0 {
            let Some((remote, db, collection)) = &self.from else { return Ok(()) };
            let size = batch.filter(|size| *size > 0).unwrap_or(SHARD_BATCH);
            let command = doc! {"getMore": self.cursor, "collection": collection, "batchSize": size, "$db": db};
            let reply = remote.call_raw(&command.into(), Patience::shard(deadline, false)).await?;
            let Some(read) = FirstBatch::read(&reply) else { break };
            self.cursor = read.cursor;
            self.waiting = keyed(sort, read.documents);
        }
        Ok(())
    }
}

impl Mongos {
    /// The first batch of an answer; the rest stays behind a cursor.
    pub(super) async fn first_batch(
        &self,
        ns: String,
        mut rest: Rest,
        most: usize,
        single: bool,
        deadline: Option<Instant>,
    ) -> Result<Reply, Refusal> {
        let documents = rest.batch(most, deadline).await?;
        let cursor = if single || rest.is_done() { 0 } else { self.cursors.keep(&ns, rest) };
        Ok(Reply::Batch { cursor, ns, first: true, documents })
    }

    pub(super) async fn get_more(&self, arguments: &Arguments) -> Result<Reply, Refusal> {
        arguments.only(&["collection", "batchSize"])?;
        let id = arguments.integer("getMore")?.unwrap_or(0);
        let ns = crate::arguments::namespace_of_cursor(&arguments.db, arguments.text("collection")?);
        let most = arguments.size("batchSize")?.filter(|size| *size > 0).unwrap_or(usize::MAX);
        let mut rest = self.cursors.take(id, &ns)?;
        let documents = rest.batch(most, arguments.deadline()?).await?;
        let cursor = if rest.is_done() { 0 } else { id };
        if cursor != 0 {
            self.cursors.put_back(id, &ns, rest);
        }
        Ok(Reply::Batch { cursor, ns, first: false, documents })
    }

    pub(super) async fn kill_cursors(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&["cursors"])?;
        let (mut killed, mut missing) = (Vec::new(), Vec::new());
        for id in arguments.array("cursors")?.cloned().unwrap_or_default() {
            let Some(rest) = whole(&id).and_then(|id| self.cursors.kill(id)) else {
                missing.push(id);
                continue;
            };
            for stream in rest.streams.into_iter().filter(|stream| stream.cursor != 0) {
                let Some((remote, db, collection)) = stream.from else { continue };
                let command = doc! {"killCursors": collection, "cursors": [stream.cursor], "$db": db};
                // A shard that is away has forgotten it anyway.
                let until = Some(Instant::now() + std::time::Duration::from_secs(1));
                let _ = remote.call(command, Patience::shard(until, true)).await;
            }
            killed.push(id);
        }
        Ok(doc! {"cursorsKilled": killed, "cursorsNotFound": missing, "cursorsAlive": [], "cursorsUnknown": []})
    }
}
