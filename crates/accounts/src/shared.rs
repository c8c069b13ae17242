//! What the API replicas tell each other through Redis: entries that any of them read from PostgreSQL, and the list
//! of recent changes that makes the others forget. Redis may lose or refuse any of it; PostgreSQL is the truth.
//!
//! Two rules keep a revoked key from coming back. A change is announced after its commit, in one transaction: the
//! entry is replaced and the head of the list moves. And an entry is filled in only while the head is still the one
//! that was there before PostgreSQL was read: what was read before a change cannot be written after it.

use std::time::Duration;

use redis::aio::ConnectionManager;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// An answer that takes longer counts as none: the caller has PostgreSQL to ask.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(400);
/// An announcement may take longer: a person waits for it, and a revocation is worth the wait.
const ANNOUNCE_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Entries live this long, so that keys in use outlast a PostgreSQL that is away for a day.
const ENTRY_SECONDS: u64 = 24 * 3_600;
/// A revocation is remembered longer than any entry that it replaces could have lived.
const REVOKED_SECONDS: u64 = 25 * 3_600;
/// Changes kept in the list (60 bytes each). A replica that missed more doubts all it remembers, which is safe.
pub(crate) const CHANGES_MAX: isize = 1_000;

const FILL: &str = r"
if (redis.call('LINDEX', KEYS[2], 0) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1";

/// Redis did not answer in time, or not as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Away;

/// The newest change announced; empty when there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head(String);

/// One entry, as it was read from PostgreSQL.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry<R> {
    /// When PostgreSQL was asked, Unix milliseconds of the replica that asked.
    pub at: i64,
    /// `None`: revoked.
    pub row: Option<R>,
}

/// What an announcement leaves in place of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// A mark that it is revoked for good.
    Revoked,
    /// Nothing: it has changed and is to be read again.
    Nothing,
}

/// See the module.
pub(crate) struct Shared {
    redis: ConnectionManager,
    pipeline: String,
    changes: String,
    fill: redis::Script,
}

impl Shared {
    pub(crate) fn new(redis: ConnectionManager, pipeline: &str) -> Self {
        let changes = event::keys::shared(pipeline, "account-changes");
        Self { redis, pipeline: pipeline.to_owned(), changes, fill: redis::Script::new(FILL) }
    }

    /// The entry of `subject` and the head of the list. An entry that cannot be read counts as none.
    pub(crate) async fn entry<R: DeserializeOwned>(
        &self,
        subject: &str,
    ) -> Result<(Option<Entry<R>>, Head), Away> {
        let mut redis = self.redis.clone();
        let mut pipe = redis::pipe();
        pipe.get(self.name(subject)).lindex(&self.changes, 0);
        let (entry, head): (Option<Vec<u8>>, Option<String>) =
            answer(ANSWER_TIMEOUT, pipe.query_async(&mut redis)).await?;
        let entry = entry.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok((entry, Head(head.unwrap_or_default())))
    }

    /// Writes what was read from PostgreSQL after `head` was seen; `false`: a change was announced since, read again.
    pub(crate) async fn fill<R: Serialize>(
        &self,
        subject: &str,
        head: &Head,
        entry: &Entry<R>,
    ) -> Result<bool, Away> {
        let seconds = if entry.row.is_some() { ENTRY_SECONDS } else { REVOKED_SECONDS };
        let bytes = serde_json::to_vec(entry).map_err(|_| Away)?;
        let mut redis = self.redis.clone();
        let mut call = self.fill.key(self.name(subject));
        call.key(&self.changes).arg(&head.0).arg(bytes).arg(seconds);
        answer(ANSWER_TIMEOUT, call.invoke_async::<bool>(&mut redis)).await
    }

    /// Tells all replicas that `subject` has changed; to be called after the commit. When Redis is too full to take
    /// it, the entry at least is removed, which a full Redis still does.
    pub(crate) async fn announce(
        &self,
        change: &str,
        subject: &str,
        leave: Leave,
        now: i64,
    ) -> Result<(), Away> {
        let mut redis = self.redis.clone();
        let mut pipe = redis::pipe();
        pipe.atomic();
        match leave {
            Leave::Revoked => {
                let entry = serde_json::to_vec(&Entry::<()> { at: now, row: None }).map_err(|_| Away)?;
                pipe.set_ex(self.name(subject), entry, REVOKED_SECONDS).ignore();
            }
            Leave::Nothing => {
                pipe.del(self.name(subject)).ignore();
            }
        }
        pipe.lpush(&self.changes, format!("{change} {subject}")).ignore();
        pipe.ltrim(&self.changes, 0, CHANGES_MAX - 1).ignore();
        let told = answer(ANNOUNCE_TIMEOUT, pipe.query_async::<()>(&mut redis)).await;
        if told.is_err() {
            let mut removal = redis::cmd("DEL");
            removal.arg(self.name(subject));
            let _ = answer(ANSWER_TIMEOUT, removal.query_async::<i64>(&mut redis)).await;
        }
        told
    }

    /// The head of the list.
    pub(crate) async fn head(&self) -> Result<Head, Away> {
        let mut redis = self.redis.clone();
        let mut call = redis::cmd("LINDEX");
        call.arg(&self.changes).arg(0);
        let head: Option<String> = answer(ANSWER_TIMEOUT, call.query_async(&mut redis)).await?;
        Ok(Head(head.unwrap_or_default()))
    }

    /// The whole list, newest first.
    pub(crate) async fn changes(&self) -> Result<Vec<String>, Away> {
        let mut redis = self.redis.clone();
        let mut call = redis::cmd("LRANGE");
        call.arg(&self.changes).arg(0).arg(CHANGES_MAX - 1);
        answer(ANSWER_TIMEOUT, call.query_async(&mut redis)).await
    }

    fn name(&self, subject: &str) -> String {
        event::keys::shared(&self.pipeline, subject)
    }
}

/// The head that a list read at once has.
pub(crate) fn head_of(changes: &[String]) -> Head {
    Head(changes.first().cloned().unwrap_or_default())
}

/// Of a list of changes those after `last`, as subjects; `None` when `last` is not among them: changes were missed.
pub(crate) fn since<'a>(changes: &'a [String], last: &Head) -> Option<impl Iterator<Item = &'a str>> {
    let new = if last.0.is_empty() {
        // the list was empty; when it is full now, older ones may have fallen out
        Some(changes.len()).filter(|count| isize::try_from(*count).is_ok_and(|count| count < CHANGES_MAX))
    } else {
        changes.iter().position(|change| *change == last.0)
    };
    new.map(|new| {
        changes[..new].iter().filter_map(|change| change.split_once(' ').map(|(_, subject)| subject))
    })
}

async fn answer<T>(limit: Duration, call: impl Future<Output = redis::RedisResult<T>>) -> Result<T, Away> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            tracing::debug!(%error, "Redis did not answer as asked");
            Err(Away)
        }
        Err(_) => Err(Away),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[&str]) -> Vec<String> {
        items.iter().map(|item| (*item).to_owned()).collect()
    }

    #[test]
    fn exactly_the_changes_after_the_last_one_seen_are_new() {
        let changes = list(&["3.c key:c", "2.b key:b", "1.a key:a"]);
        let new = |last: &str| since(&changes, &Head(last.into())).map(Iterator::collect::<Vec<_>>);
        assert_eq!(new("1.a key:a"), Some(vec!["key:c", "key:b"]));
        assert_eq!(new("3.c key:c"), Some(vec![]));
        assert_eq!(new(""), Some(vec!["key:c", "key:b", "key:a"]));
        assert_eq!(new("9.z key:z"), None, "a head that is gone means that changes may have been missed");
        assert_eq!(head_of(&changes), Head("3.c key:c".into()));
    }
}
