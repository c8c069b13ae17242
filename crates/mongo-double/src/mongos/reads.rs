//! `find`, `count`, `distinct` through the router: one shard where the filter names the shard key, else all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bson::{Bson, Document, doc};
use bytes::Bytes;

use super::cursor::{FirstBatch, Rest};
use super::targets::Targets;
use super::{Mongos, onward};
use crate::arguments::{Arguments, whole};
use crate::codes;
use crate::cursors::FIRST_BATCH;
use crate::mongod::{FIND, int};
use crate::peer::{Patience, Remote, call_all};
use crate::query::{Matcher, Projection, Sort, decoded};
use crate::refusal::Refusal;
use crate::values::order::encoded;
use crate::wire::Reply;

impl Mongos {
    /// The same command to all targets; their first batches.
    pub(super) async fn open(
        &self,
        targets: &Targets,
        command: Document,
        deadline: Option<Instant>,
    ) -> Result<Vec<(Arc<Remote>, FirstBatch)>, Refusal> {
        let answers = self.ask(targets, command, deadline).await?;
        let bad = || Refusal::new(codes::UNKNOWN_ERROR, "a shard answered without a cursor");
        let batches = answers.iter().map(|reply| FirstBatch::read(reply).ok_or_else(bad));
        let batches: Vec<FirstBatch> = batches.collect::<Result<_, _>>()?;
        Ok(targets.sets.iter().cloned().zip(batches).collect())
    }

    pub(super) async fn ask(
        &self,
        targets: &Targets,
        command: Document,
        deadline: Option<Instant>,
    ) -> Result<Vec<Bytes>, Refusal> {
        let command = targets.tell(command);
        let calls = targets.sets.iter().map(|set| (Arc::clone(set), command.clone().into())).collect();
        call_all(calls, Patience::shard(deadline, true)).await.into_iter().collect()
    }

    pub(super) async fn find(&self, arguments: &Arguments) -> Result<Reply, Refusal> {
        arguments.only(FIND)?;
        let (ns, deadline, since) = (arguments.ns()?, arguments.deadline()?, Instant::now());
        let filter = arguments.document("filter")?.cloned().unwrap_or_default();
        Matcher::parse(&filter)?;
        let most = arguments.size("batchSize")?.unwrap_or(FIRST_BATCH);
        let single = arguments.flag("singleBatch", false)?;
        loop {
            let targets = self.targets(&ns, &filter, false, deadline).await?;
            match self.find_at(&targets, arguments, deadline).await {
                Ok(rest) => return self.first_batch(ns, rest, most, single, deadline).await,
                Err(refusal) if self.again(&refusal, since, deadline).await => (),
                Err(refusal) => return Err(refusal),
            }
        }
    }

    async fn find_at(
        &self,
        targets: &Targets,
        arguments: &Arguments,
        deadline: Option<Instant>,
    ) -> Result<Rest, Refusal> {
        if targets.sets.is_empty() {
            return Ok(Rest::of_documents(Vec::new()));
        }
        let batch = arguments.integer("batchSize")?;
        let mut command = onward(arguments, false);
        if targets.sets.len() == 1 {
            let batches = self.open(targets, command, deadline).await?;
            return Ok(Rest::of_shards(batches, Sort::default(), batch));
        }
        let sort = arguments.document("sort")?.map_or_else(|| Ok(Sort::default()), Sort::parse)?;
        let skip = arguments.size("skip")?.unwrap_or(0);
        let limit = arguments.size("limit")?.filter(|limit| *limit > 0);
        let projection = arguments.document("projection")?.map_or(Ok(None), Projection::parse)?;
        // Documents of several shards are put in order by what they are sorted by: that must come along.
        let here = projection.filter(|fields| !sort.fields().iter().all(|(path, _)| fields.keeps(path)));
        for name in ["skip", "limit", "singleBatch"] {
            command.remove(name);
        }
        if let Some(limit) = limit {
            command.insert("limit", i64::try_from(limit.saturating_add(skip)).unwrap_or(i64::MAX));
        }
        if here.is_some() {
            command.remove("projection");
        }
        let batches = self.open(targets, command, deadline).await?;
        let mut rest = Rest::of_shards(batches, sort, batch);
        (rest.skip, rest.left, rest.projection) = (skip, limit, here);
        Ok(rest)
    }

    pub(super) async fn count(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&["query", "limit", "skip"])?;
        let (ns, deadline, since) = (arguments.ns()?, arguments.deadline()?, Instant::now());
        let filter = arguments.document("query")?.cloned().unwrap_or_default();
        Matcher::parse(&filter)?;
        let skip = arguments.size("skip")?.unwrap_or(0);
        let limit = arguments.size("limit")?.filter(|limit| *limit > 0);
        let mut command = onward(arguments, false);
        command.remove("skip");
        command.remove("limit");
        if let Some(limit) = limit {
            command.insert("limit", i64::try_from(limit.saturating_add(skip)).unwrap_or(i64::MAX));
        }
        loop {
            let targets = self.targets(&ns, &filter, false, deadline).await?;
            match self.ask(&targets, command.clone(), deadline).await {
                Ok(replies) => {
                    let counts = replies.iter().filter_map(|reply| decoded(reply).get("n").and_then(whole));
                    let all = usize::try_from(counts.sum::<i64>()).unwrap_or(0).saturating_sub(skip);
                    return Ok(doc! {"n": int(limit.map_or(all, |limit| all.min(limit)))});
                }
                Err(refusal) if self.again(&refusal, since, deadline).await => (),
                Err(refusal) => return Err(refusal),
            }
        }
    }

    pub(super) async fn distinct(&self, arguments: &Arguments) -> Result<Document, Refusal> {
        arguments.only(&["key", "query"])?;
        let (ns, deadline, since) = (arguments.ns()?, arguments.deadline()?, Instant::now());
        let filter = arguments.document("query")?.cloned().unwrap_or_default();
        Matcher::parse(&filter)?;
        loop {
            let targets = self.targets(&ns, &filter, false, deadline).await?;
            match self.ask(&targets, onward(arguments, false), deadline).await {
                Ok(replies) => {
                    let mut values: BTreeMap<Vec<u8>, Bson> = BTreeMap::new();
                    for reply in &replies {
                        for value in decoded(reply).get_array("values").cloned().unwrap_or_default() {
                            values.entry(encoded(&value)).or_insert(value);
                        }
                    }
                    return Ok(doc! {"values": values.into_values().collect::<Vec<_>>()});
                }
                Err(refusal) if self.again(&refusal, since, deadline).await => (),
                Err(refusal) => return Err(refusal),
            }
        }
    }
}
