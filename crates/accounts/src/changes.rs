//! A change that caches must learn of: written beside what it changes, announced through Redis once that is committed.

use sqlx::PgConnection;

use crate::feed::Hub;
use crate::shared::Leave;
use crate::{Error, secret};

/// A change, committed or about to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub seq: i64,
    /// `key:<id>` or `user:<uuid>`.
    pub subject: String,
}

impl Change {
    /// Writes it down in the transaction of what changes.
    pub(crate) async fn record(connection: &mut PgConnection, subject: String) -> Result<Self, Error> {
        let seq = sqlx::query_scalar("insert into account_changes (subject) values ($1) returning seq")
            .bind(&subject)
            .fetch_one(connection)
            .await?;
        Ok(Self { seq, subject })
    }

    /// Applies it here, tells the other replicas, and notes that they were told. Only after the commit.
    pub(crate) async fn announce(&self, hub: &Hub) -> Result<(), Error> {
        // From here on this process reads it in PostgreSQL only, until Redis has been told.
        hub.stores.add_unannounced(self.subject.clone());
        hub.apply(&self.subject);
        // A number of its own for each announcement: the same head must never come twice (see `shared::since`).
        let nonce = nonce()?;
        let change = format!("{}.{nonce:016x}", self.seq);
        let leave = if self.subject.starts_with("key:") { Leave::Revoked } else { Leave::Nothing };
        hub.stores
            .shared
            .announce(&change, &self.subject, leave, hub.stores.unix_now())
            .await
            .map_err(|_| Error::NotAnnounced)?;
        // When this fails the watcher announces once more, which does no harm.
        let noted = sqlx::query("update account_changes set announced = true where seq = $1")
            .bind(self.seq)
            .execute(&hub.stores.pool);
        if !matches!(tokio::time::timeout(crate::stores::CHANGE_TIMEOUT, noted).await, Ok(Ok(_))) {
            tracing::warn!(self.seq, "an announced change was not noted as such; it will be announced again");
        }
        Ok(())
    }
}

fn nonce() -> Result<u64, Error> {
    getrandom::u64().map_err(|error| Error::System(error.to_string()))
}

/// The subject of a key.
pub(crate) fn key_subject(id: secret::KeyId) -> String {
    format!("key:{id}")
}

/// The subject of a person.
pub(crate) fn person_subject(id: uuid::Uuid) -> String {
    format!("user:{id}")
}
