//! `aggregate` through the router: shards do what they can alone, the router the rest.

use std::time::Instant;

use bson::{Bson, Document, doc};

use super::cursor::Rest;
use super::targets::Targets;
use super::{Mongos, onward};
use crate::arguments::Arguments;
use crate::codes;
use crate::mongod::cursor_batch;
use crate::query::{Group, Pipeline, Sort, Stage};
use crate::refusal::Refusal;
use crate::wire::Reply;

/// A pipeline cut in two.
struct Cut {
    /// For each shard.
    shards: Vec<Document>,
    /// Makes one of the shards' groups.
    merge: Option<Group>,
    /// For the router, after that.
    router: Pipeline,
}

impl Mongos {
    pub(super) async fn aggregate(&self, arguments: &Arguments) -> Result<Reply, Refusal> {
        arguments.only(&["pipeline", "cursor", "allowDiskUse"])?;
        let stages = arguments.required("pipeline")?.as_array();
        let stages = stages.ok_or_else(|| Refusal::new(codes::TYPE_MISMATCH, "'pipeline' must be an array"))?;
        let (filter, rest) = Pipeline::parse(stages)?.split_match();
        let (ns, deadline, since) = (arguments.ns()?, arguments.deadline()?, Instant::now());
        let most = cursor_batch(arguments)?;
        loop {
            let targets = self.targets(&ns, &filter, false, deadline).await?;
            match self.aggregate_at(&targets, arguments, &filter, &rest, deadline).await {
                Ok(rest) => return self.first_batch(ns, rest, most, false, deadline).await,
                Err(refusal) if self.again(&refusal, since, deadline).await => (),
                Err(refusal) => return Err(refusal),
            }
        }
    }

    async fn aggregate_at(
        &self,
        targets: &Targets,
        arguments: &Arguments,
        filter: &Document,
        rest: &Pipeline,
        deadline: Option<Instant>,
    ) -> Result<Rest, Refusal> {
        let mut command = onward(arguments, false);
        if targets.sets.len() == 1 {
            let batches = self.open(targets, command, deadline).await?;
            return Ok(Rest::of_shards(batches, Sort::default(), None));
        }
        let cut = cut(filter, rest);
        command.insert("pipeline", cut.shards);
        let batches = self.open(targets, command, deadline).await?;
        let streams = Rest::of_shards(batches, Sort::default(), None);
        if cut.merge.is_none() && cut.router.0.is_empty() {
            return Ok(streams);
        }
        let mut documents = streams.drain(deadline).await?;
        if let Some(merge) = cut.merge {
            documents = merge.run(documents.iter());
        }
        Ok(Rest::of_documents(cut.router.run(documents)))
    }
}

fn cut(filter: &Document, rest: &Pipeline) -> Cut {
    let mut shards = vec![doc! {"$match": filter.clone()}];
    let all = rest.0.as_slice();
    let router = |from: usize| Pipeline(all[from..].to_vec());
    match all {
        [Stage::Group(group, text), ..] => {
            if let Some(merge) = group.merging() {
                shards.push(doc! {"$group": text.clone()});
                return Cut { shards, merge: Some(merge), router: router(1) };
            }
            shards.extend(only_read(all));
        }
        [Stage::Count(field), ..] => {
            shards.push(doc! {"$group": {"_id": Bson::Null, field: {"$sum": 1}}});
            let mut then = router(1);
            let without_id = Pipeline::parse(&[doc! {"$project": {"_id": 0}}.into()]);
            if let Ok(Pipeline(stages)) = without_id {
                then.0.splice(0..0, stages);
            }
            return Cut { shards, merge: Group::counting(field).merging(), router: then };
        }
        [Stage::Limit(_), after @ ..] => {
            shards.push(all[0].text());
            shards.extend(only_read(after));
        }
        [Stage::Sort(..), Stage::Limit(_), ..] => shards.extend(all[..2].iter().map(Stage::text)),
        _ => (),
    }
    Cut { shards, merge: None, router: router(0) }
}

/// When a group or a count follows, shards need not send what it does not read.
fn only_read(stages: &[Stage]) -> Option<Document> {
    let fields = match stages.first()? {
        Stage::Group(group, _) => group.reads(),
        Stage::Count(_) => std::collections::BTreeSet::new(),
        _ => return None,
    };
    let mut projection = doc! {"_id": 1};
    projection.extend(fields.into_iter().map(|field| (field, Bson::Int32(1))));
    Some(doc! {"$project": projection})
}
