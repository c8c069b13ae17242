//! Whom a command goes to.

use std::sync::Arc;
use std::time::Instant;

use bson::{Bson, Document};

use super::Mongos;
use super::routing::Place;
use crate::peer::Remote;
use crate::query::values_of;
use crate::refusal::Refusal;

/// Sets to ask, and the revision to tell them.
#[derive(Debug)]
pub struct Targets {
    /// At least one, unless there is nothing.
    pub sets: Vec<Arc<Remote>>,
    /// `shardVersion`; `None` for the config set.
    pub revision: Option<i64>,
    /// The shard key's field of a collection that is spread.
    pub field: Option<String>,
    /// The filter names the shard key: one shard has all that fits.
    pub by_key: bool,
}

impl Targets {
    /// A command with the revision.
    pub fn tell(&self, mut command: Document) -> Document {
        if let Some(revision) = self.revision {
            command.insert("shardVersion", revision);
        }
        command
    }
}

impl Mongos {
    /// The sets that may have what fits a filter.
    pub(super) async fn targets(
        &self,
        ns: &str,
        filter: &Document,
        create: bool,
        deadline: Option<Instant>,
    ) -> Result<Targets, Refusal> {
        let targets = |sets, revision| Targets { sets, revision, field: None, by_key: true };
        Ok(match self.place(ns, create, deadline).await? {
            Place::Nowhere => targets(Vec::new(), None),
            Place::Config => targets(vec![Arc::clone(&self.config)], None),
            Place::Whole(primary) => targets(vec![self.shard(&primary)?], Some(0)),
            Place::Spread(sharded) => {
                let values = values_of(filter, &sharded.field);
                // An array or a null may also be met by documents elsewhere.
                let values = values.filter(|values| !values.iter().any(|value| matches!(value, Bson::Array(_))));
                let names: Vec<&String> = match &values {
                    None => sharded.shards.iter().collect(),
                    Some(values) => {
                        let mut owners: Vec<usize> =
                            values.iter().map(|value| sharded.owner_of_value(value)).collect();
                        owners.sort_unstable();
                        owners.dedup();
                        owners.into_iter().filter_map(|owner| sharded.shards.get(owner)).collect()
                    }
                };
                let by_key = values.is_some_and(|values| values.len() == 1);
                let sets = names.into_iter().map(|name| self.shard(name)).collect::<Result<_, _>>()?;
                Targets { sets, revision: Some(sharded.revision), field: Some(sharded.field.clone()), by_key }
            }
        })
    }
}
