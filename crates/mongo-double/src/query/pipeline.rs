//! Aggregation pipelines: the stages that are modelled, run over documents in memory.

use bson::{Bson, Document, doc};
use bytes::Bytes;

use super::{Group, Matcher, Projection, Sort, raw};
use crate::arguments::whole;
use crate::codes;
use crate::refusal::{Refusal, bad_value};

/// A parsed stage, with its own text where a router passes it on.
#[derive(Clone, Debug)]
pub enum Stage {
    /// `$match`.
    Match(Matcher, Document),
    /// `$group`.
    Group(Group, Document),
    /// `$sort`.
    Sort(Sort, Document),
    /// `$limit`.
    Limit(usize),
    /// `$skip`.
    Skip(usize),
    /// `$project`; `None` keeps everything.
    Project(Option<Projection>, Document),
    /// `$count`, with the name of its field.
    Count(String),
}

/// A parsed pipeline.
#[derive(Clone, Debug)]
pub struct Pipeline(pub Vec<Stage>);

impl Pipeline {
    /// Reads the stages.
    pub fn parse(stages: &[Bson]) -> Result<Self, Refusal> {
        stages.iter().map(stage).collect::<Result<_, _>>().map(Self)
    }

    /// The filter at its front, as text, and the rest.
    pub fn split_match(mut self) -> (Document, Self) {
        let mut filters = Vec::new();
        while matches!(self.0.first(), Some(Stage::Match(..))) {
            if let Stage::Match(_, filter) = self.0.remove(0) {
                filters.push(filter);
            }
        }
        let filter = match filters.len() {
            0 => Document::new(),
            1 => filters.swap_remove(0),
            _ => doc! {"$and": filters},
        };
        (filter, self)
    }

    /// How many documents its first stages let through at most, when they are no more than limits.
    pub fn leading_limit(&self) -> Option<usize> {
        match self.0.first() {
            Some(Stage::Limit(limit)) => Some(*limit),
            _ => None,
        }
    }

    /// Runs the stages.
    pub fn run(&self, mut documents: Vec<Bytes>) -> Vec<Bytes> {
        for stage in &self.0 {
            documents = stage.run(documents);
        }
        documents
    }
}

impl Stage {
    fn run(&self, mut documents: Vec<Bytes>) -> Vec<Bytes> {
        match self {
            Self::Match(matcher, _) => {
                let mut scratch = Vec::new();
                documents.retain(|document| matcher.fits(raw(document), &mut scratch));
                documents
            }
            Self::Group(group, _) => group.run(documents.iter()),
            Self::Sort(sort, _) => {
                documents.sort_by_cached_key(|document| sort.key(raw(document)));
                documents
            }
            Self::Limit(limit) => {
                documents.truncate(*limit);
                documents
            }
            Self::Skip(skip) => {
                documents.drain(..(*skip).min(documents.len()));
                documents
            }
            Self::Project(None, _) => documents,
            Self::Project(Some(projection), _) => {
                documents.iter().map(|document| projection.apply(raw(document))).collect()
            }
            Self::Count(field) => {
                let rows = Group::counting(field).run(documents.iter());
                let without_id = Projection::parse(&doc! {"_id": 0}).ok().flatten();
                Self::Project(without_id, Document::new()).run(rows)
            }
        }
    }

    /// As it was written.
    pub fn text(&self) -> Document {
        let size = |size: &usize| i64::try_from(*size).unwrap_or(i64::MAX);
        match self {
            Self::Match(_, text) => doc! {"$match": text.clone()},
            Self::Group(_, text) => doc! {"$group": text.clone()},
            Self::Sort(_, text) => doc! {"$sort": text.clone()},
            Self::Limit(limit) => doc! {"$limit": size(limit)},
            Self::Skip(skip) => doc! {"$skip": size(skip)},
            Self::Project(_, text) => doc! {"$project": text.clone()},
            Self::Count(field) => doc! {"$count": field},
        }
    }
}

fn stage(stage: &Bson) -> Result<Stage, Refusal> {
    let one = stage.as_document().filter(|one| one.len() == 1);
    let (name, operand) = one.and_then(|one| one.iter().next()).ok_or_else(|| {
        Refusal::new(40323, "A pipeline stage specification object must contain exactly one field.")
    })?;
    let document = || {
        operand.as_document().ok_or_else(|| bad_value(format!("the {name} specification must be an object")))
    };
    let size = |least: i64| {
        let size = whole(operand).filter(|size| *size >= least).and_then(|size| usize::try_from(size).ok());
        size.ok_or_else(|| Refusal::new(15958, format!("invalid argument to {name} stage: {operand}")))
    };
    Ok(match name.as_str() {
        "$match" => Stage::Match(Matcher::parse(document()?)?, document()?.clone()),
        "$group" => Stage::Group(Group::parse(document()?)?, document()?.clone()),
        "$sort" => Stage::Sort(Sort::parse(document()?)?, document()?.clone()),
        "$limit" => Stage::Limit(size(1)?),
        "$skip" => Stage::Skip(size(0)?),
        "$project" => Stage::Project(Projection::parse(document()?)?, document()?.clone()),
        "$count" => {
            let field = operand.as_str().filter(|name| !name.is_empty() && !name.contains(['$', '.', '\0']));
            let field = field.ok_or_else(|| Refusal::new(40156, "the count field must be a non-empty string"))?;
            Stage::Count(field.to_owned())
        }
        other => {
            return Err(Refusal::new(
                codes::UNRECOGNIZED_STAGE,
                format!("Unrecognized pipeline stage name: '{other}'"),
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{decoded, stored};

    fn run(stages: Vec<Document>) -> Vec<Document> {
        let documents = (0..10).map(|n| doc! {"_id": n, "k": if n < 4 { "a" } else { "b" }, "r": {"c": n % 2}});
        let stages: Vec<Bson> = stages.into_iter().map(Bson::from).collect();
        let rows = Pipeline::parse(&stages).unwrap().run(documents.map(|one| stored(&one)).collect());
        rows.iter().map(|row| decoded(row)).collect()
    }

    #[test]
    fn counts_by_cause_and_count_of_documents_work() {
        let by_cause = run(vec![
            doc! {"$match": {"_id": {"$gte": 2}}},
            doc! {"$group": {"_id": {"k": "$k", "none": "$none"}, "count": {"$sum": 1}, "most": {"$max": "$_id"}}},
            doc! {"$sort": {"count": -1}},
            doc! {"$limit": 5_i64},
        ]);
        assert_eq!(
            by_cause,
            [
                doc! {"_id": {"k": "b"}, "count": 6, "most": 9},
                doc! {"_id": {"k": "a"}, "count": 2, "most": 3}
            ]
        );
        let counted = run(vec![
            doc! {"$match": {}},
            doc! {"$skip": 1},
            doc! {"$limit": 4},
            doc! {"$group": {"_id": 1, "n": {"$sum": 1}}},
        ]);
        assert_eq!(counted, [doc! {"_id": 1, "n": 4}]);
        assert_eq!(run(vec![doc! {"$count": "all"}]), [doc! {"all": 10}]);
        assert_eq!(run(vec![doc! {"$match": {"k": "c"}}, doc! {"$count": "all"}]), Vec::<Document>::new());
        let mean = run(vec![doc! {"$group": {"_id": "$r.c", "mean": {"$avg": "$_id"}, "one": {"$first": "$_id"}}}]);
        assert_eq!(mean[0], doc! {"_id": 0, "mean": 4.0, "one": 0});
    }

    #[test]
    fn merged_groups_of_two_halves_are_the_group_of_the_whole() {
        let group = doc! {"_id": "$k", "n": {"$sum": 1}, "low": {"$min": "$_id"}, "high": {"$max": "$_id"}};
        let group = Group::parse(&group).unwrap();
        let all: Vec<Bytes> =
            (0..10).map(|n| stored(&doc! {"_id": n, "k": if n % 3 == 0 { "a" } else { "b" }})).collect();
        let (left, right) = all.split_at(4);
        let parts: Vec<Bytes> = [group.run(left.iter()), group.run(right.iter())].concat();
        assert_eq!(group.merging().unwrap().run(parts.iter()), group.run(all.iter()));
        let mean = Group::parse(&doc! {"_id": Bson::Null, "m": {"$avg": "$a"}}).unwrap();
        assert!(mean.merging().is_none());
    }

    #[test]
    fn what_is_unknown_is_refused_with_the_servers_code() {
        for (stage, code) in [
            (doc! {"$lookup": {}}, 40324),
            (doc! {"$group": {"_id": 1, "a": {"$push": 1}}}, 15952),
            (doc! {"$group": {"_id": {"$year": "$at"}}}, 168),
            (doc! {"$group": {"n": {"$sum": 1}}}, 15955),
            (doc! {"$limit": 0}, 15958),
            (doc! {"$match": {"$text": 1}}, 2),
        ] {
            assert_eq!(Pipeline::parse(&[stage.clone().into()]).unwrap_err().code, code, "{stage}");
        }
    }
}
