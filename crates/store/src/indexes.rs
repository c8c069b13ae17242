//! The indexes of both collections. Made again and again without harm, by whoever comes first.

use std::time::Duration;

use bson::doc;
use mongodb::IndexModel;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::IndexOptions;

use crate::Store;

/// What the server could do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexes {
    /// Whether old events are deleted. FerretDB has no TTL indexes.
    pub retention: bool,
}

/// Makes the indexes. The TTL is on `receivedAt`, so that a backfill of old events is not deleted on arrival.
pub async fn ensure_indexes(store: &Store, retention_days: u64) -> mongodb::error::Result<Indexes> {
    let by_user = IndexModel::builder().keys(doc! {"userId": 1, "timestamp": -1, "_id": -1}).build();
    store.events.create_index(by_user).await?;
    let by_cause =
        IndexModel::builder().keys(doc! {"status": 1, "reason.code": 1, "lastFailedAt": -1}).build();
    store.dead_letters.create_index(by_cause).await?;
    let seconds = retention_days.saturating_mul(24 * 3600);
    let expiry = IndexOptions::builder().expire_after(Duration::from_secs(seconds)).build();
    let ttl = IndexModel::builder().keys(doc! {"receivedAt": 1}).options(expiry).build();
    match store.events.create_index(ttl).await {
        Ok(_) => Ok(Indexes { retention: true }),
        Err(error) if is_not_implemented(&error) => {
            tracing::warn!("this server has no TTL indexes: events are kept for ever");
            Ok(Indexes { retention: false })
        }
        Err(error) => Err(error),
    }
}

/// 238 `NotImplemented`: how FerretDB says that it does not know a feature.
fn is_not_implemented(error: &Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Command(command) if command.code == 238)
}
