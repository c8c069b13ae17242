//! Hears of changes: looks at the head of the list in Redis and at the last minute of changes in PostgreSQL, several
//! times a second each, and applies what is new to memory. Either of the two is enough to keep memory fresh, and
//! PostgreSQL's also finds and announces what a replica that died had committed but not announced.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;

use crate::changes::Change;
use crate::keys::Keys;
use crate::lookup::Lookup;
use crate::people::People;
use crate::shared::{self, Away, Head};
use crate::stores::Stores;
use crate::{KeyId, memory::Milliseconds};

/// Between two looks at Redis: a fifth of the second in which a revocation has to hold.
const REDIS_PERIOD: Duration = Duration::from_millis(200);
/// Between two looks at PostgreSQL.
pub(crate) const POSTGRES_PERIOD: Duration = Duration::from_millis(400);
/// Changes up to this long before the last look are read again: a transaction shows itself at its commit, and the
/// limits in [`Stores`] end every transaction well before this.
const OVERLAP_SECONDS: u64 = 60;
/// Changes read in one look; with more of them, everything remembered is doubted instead.
const CHANGES_READ_MAX: i64 = 2_000;
/// A change is announced by whoever made it; if not done by this age, by whoever sees it.
const ADOPT_SECONDS: f64 = 3.0;
/// Changes announced in one look on behalf of others.
const ADOPT_MAX: usize = 20;

/// All that changes are applied to.
pub(crate) struct Hub {
    pub stores: Arc<Stores>,
    pub keys: Arc<Lookup<Keys>>,
    pub people: Arc<Lookup<People>>,
}

impl Hub {
    /// Makes this process forget what it remembers of `subject`.
    pub(crate) fn apply(&self, subject: &str) {
        if let Some(id) = subject.strip_prefix("key:").and_then(KeyId::parse) {
            self.keys.memory.revoke(&id);
        } else if let Some(id) = subject.strip_prefix("user:").and_then(|id| id.parse().ok()) {
            self.people.memory.forget(&id);
        }
    }

    fn doubt_all(&self) {
        self.keys.memory.doubt_all();
        self.people.memory.doubt_all();
    }

    /// Follows the list in Redis for ever.
    pub(crate) async fn watch_redis(self: Arc<Self>) {
        let mut last: Option<Head> = None;
        let mut ticks = tokio::time::interval(REDIS_PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let began = self.stores.now();
            if let Ok(head) = self.follow_redis(last.as_ref()).await {
                last = Some(head);
                self.stores.saw_redis(began);
            }
        }
    }

    async fn follow_redis(&self, last: Option<&Head>) -> Result<Head, Away> {
        let head = self.stores.shared.head().await?;
        if last == Some(&head) {
            return Ok(head);
        }
        let changes = self.stores.shared.changes().await?;
        match last.map(|last| shared::since(&changes, last)) {
            Some(Some(new)) => new.for_each(|subject| self.apply(subject)),
            // the first look: nothing can be said of what was read before it
            None => self.doubt_all(),
            Some(None) => {
                tracing::warn!("Redis has lost account changes: all keys and people are checked again");
                self.stores.doubt_redis();
                self.doubt_all();
                self.announce_again().await;
            }
        }
        Ok(shared::head_of(&changes))
    }

    /// Redis lost something: what was announced lately may be among it. The watcher of PostgreSQL does the rest.
    async fn announce_again(&self) {
        if !self.stores.postgres_ready() {
            return;
        }
        let again = sqlx::query(
            "update account_changes set announced = false where at > now() - interval '10 minutes'",
        )
        .execute(&self.stores.pool);
        if !matches!(tokio::time::timeout(Duration::from_secs(1), again).await, Ok(Ok(_))) {
            tracing::warn!("recent account changes could not be marked to be announced again");
        }
    }
}

/// What one process knows of PostgreSQL's changes.
pub(crate) struct PostgresFeed {
    hub: Arc<Hub>,
    /// Applied already, of those that a look may show again.
    applied: HashSet<i64>,
    looked_at: Option<Milliseconds>,
}

impl PostgresFeed {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, applied: HashSet::new(), looked_at: None }
    }

    /// One look: applies what is new. The unannounced that nobody cares for are handed back.
    pub(crate) async fn look(&mut self, connection: &mut PgConnection) -> sqlx::Result<Vec<Change>> {
        let stores = &self.hub.stores;
        let (began, asked) = (stores.now(), Instant::now());
        let window = self.looked_at.map_or(0, |at| began.saturating_sub(at) / 1_000 + 1) + OVERLAP_SECONDS;
        let rows: Vec<(i64, String, bool, f64)> = sqlx::query_as(
            "select seq, subject, announced, extract(epoch from clock_timestamp() - at)::float8 from account_changes \
             where at > clock_timestamp() - make_interval(secs => $1) or not announced order by seq desc limit $2",
        )
        .bind(seconds(window))
        .bind(CHANGES_READ_MAX)
        .fetch_all(connection)
        .await?;
        let latency = asked.elapsed();
        let all = i64::try_from(rows.len()).is_ok_and(|count| count < CHANGES_READ_MAX);
        if !all {
            stores.doubt_redis();
        }
        if !all || self.looked_at.is_none() {
            self.hub.doubt_all();
        }
        for (seq, subject, ..) in rows.iter().filter(|(seq, ..)| !self.applied.contains(seq)) {
            tracing::debug!(seq, subject, "account change seen in PostgreSQL");
            self.hub.apply(subject);
        }
        let unannounced = || rows.iter().filter(|(_, _, announced, _)| !announced);
        stores.set_unannounced(unannounced().map(|(_, subject, ..)| subject.clone()).collect());
        let orphans = unannounced()
            .filter(|(.., age)| *age > ADOPT_SECONDS)
            .take(ADOPT_MAX)
            .map(|(seq, subject, ..)| Change { seq: *seq, subject: subject.clone() })
            .collect();
        self.applied = rows.into_iter().map(|(seq, ..)| seq).collect();
        self.looked_at = Some(began);
        stores.saw_postgres(began, latency);
        Ok(orphans)
    }
}

/// Exact below 2⁵³ seconds.
#[expect(clippy::cast_precision_loss, reason = "a number of seconds that a process has lived")]
fn seconds(value: u64) -> f64 {
    value as f64
}
