//! The indexes of both collections. Made again and again without harm, by whoever comes first.

use std::time::Duration;

use bson::{Document, doc};
use mongodb::IndexModel;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::IndexOptions;

use crate::{Class, EVENTS, Store, class, words};

/// What the server could do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexes {
    /// Whether events are deleted once they are as old as was asked. FerretDB has no TTL indexes.
    pub retention: bool,
}

/// Makes the indexes. The TTL is on `receivedAt`, so that a backfill of old events is not deleted on arrival.
///
/// Where an index of the same keys is there with other options, the retention is changed, and the others do as they are.
pub async fn ensure_indexes(store: &Store, retention_days: u64) -> mongodb::error::Result<Indexes> {
    let plain = |keys: Document| IndexModel::builder().keys(keys).build();
    let by_user = plain(doc! {"userId": 1, "timestamp": -1, "_id": -1});
    there_or_else(store.events.create_index(by_user).await)?;
    let by_cause = plain(doc! {"status": 1, "reason.code": 1, "lastFailedAt": -1});
    there_or_else(store.dead_letters.create_index(by_cause).await)?;
    let by_time = plain(doc! {"status": 1, "lastFailedAt": -1, "_id": -1});
    there_or_else(store.dead_letters.create_index(by_time).await)?;
    let seconds = retention_days.saturating_mul(24 * 3600);
    let expiry = IndexOptions::builder().expire_after(Duration::from_secs(seconds)).build();
    let ttl = IndexModel::builder().keys(doc! {"receivedAt": 1}).options(expiry).build();
    match store.events.create_index(ttl).await {
        Ok(_) => Ok(Indexes { retention: true }),
        Err(error) if code(&error) == Some(NOT_IMPLEMENTED) => {
            tracing::warn!("this server has no TTL indexes: events are kept for ever");
            Ok(Indexes { retention: false })
        }
        Err(error) if is_conflict(&error) => change_retention(store, seconds).await,
        Err(error) => Err(error),
    }
}

/// The index is there with another retention: changes it. When the server does not let us, the one that is there holds,
/// and events go on being stored.
async fn change_retention(store: &Store, seconds: u64) -> mongodb::error::Result<Indexes> {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let change = doc! {
        "collMod": EVENTS,
        "index": {"keyPattern": {"receivedAt": 1}, "expireAfterSeconds": seconds},
    };
    match store.database.run_command(change).await {
        Ok(_) => {
            tracing::info!(seconds, "the retention of the events that are stored was changed");
            Ok(Indexes { retention: true })
        }
        Err(error)
            if code(&error).is_some() && class(&error) == Class::Refused || is_unauthorized(&error) =>
        {
            let why = words(&error);
            tracing::warn!(
                why,
                seconds,
                "the retention of the events that are stored is another one and cannot be changed: it stays as it is; \
                 let somebody who may run collMod set expireAfterSeconds of the index on receivedAt"
            );
            Ok(Indexes { retention: false })
        }
        Err(error) => Err(error),
    }
}

/// An index that is there with another name or other options does, too.
fn there_or_else<T>(made: mongodb::error::Result<T>) -> mongodb::error::Result<()> {
    match made {
        Err(error) if is_conflict(&error) => Ok(()),
        made => made.map(drop),
    }
}

/// How FerretDB says that it does not know a feature.
const NOT_IMPLEMENTED: i32 = 238;

/// 85 `IndexOptionsConflict`, 86 `IndexKeySpecsConflict`.
fn is_conflict(error: &Error) -> bool {
    matches!(code(error), Some(85 | 86))
}

/// 13 Unauthorized: a user with `readWrite` alone.
fn is_unauthorized(error: &Error) -> bool {
    code(error) == Some(13)
}

fn code(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        _ => None,
    }
}
