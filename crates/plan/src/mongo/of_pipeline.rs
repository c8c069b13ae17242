//! The cluster that a pipeline wants: its replica sets by the names of its pods, its users, its collections.

use super::topology::{Collection, Index, Wanted};
use crate::names::{MONGODB_DATABASE, MONGODB_OPERATOR, MONGODB_USER};
use crate::resources::mongodb;
use crate::validate::ValidatedPipeline;

/// The field that decides the shard: every query on events has it.
const SHARD_FIELD: &str = "userId";
/// Collection of the events.
pub const EVENTS: &str = "events";
/// Collection of the dead letters.
pub const DEAD_LETTERS: &str = "events_dlq";

/// What a pipeline with a managed MongoDB wants.
pub fn wanted(pipeline: &ValidatedPipeline) -> Wanted {
    let days = u64::try_from(pipeline.spec().mongodb.retention_days).unwrap_or(1);
    Wanted {
        config: mongodb::config_set(pipeline),
        shards: mongodb::shard_sets(pipeline),
        routers: vec![mongodb::router_address(pipeline)],
        database: MONGODB_DATABASE.to_owned(),
        collections: collections(days),
        operator: Wanted::operator_user(MONGODB_OPERATOR),
        application: Wanted::application_user(MONGODB_USER, MONGODB_DATABASE),
    }
}

/// Both collections with their indexes: the same that the workers make where MongoDB is not managed.
pub fn collections(retention_days: u64) -> Vec<Collection> {
    let collection = |name: &str, indexes| Collection {
        name: name.to_owned(),
        hashed_field: SHARD_FIELD.to_owned(),
        indexes,
    };
    vec![
        collection(
            EVENTS,
            vec![
                Index::on(&[(SHARD_FIELD, 1), ("timestamp", -1), ("_id", -1)]),
                Index::expiring("receivedAt", retention_days),
            ],
        ),
        collection(
            DEAD_LETTERS,
            vec![
                Index::on(&[("status", 1), ("reason.code", 1), ("lastFailedAt", -1)]),
                Index::on(&[("status", 1), ("lastFailedAt", -1), ("_id", -1)]),
            ],
        ),
    ]
}
