//! PostgreSQL and Redis as the look-ups see them, and how fresh this process's knowledge of changes is.

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use time::OffsetDateTime;
use tokio::sync::Semaphore;

use crate::memory::{Milliseconds, lock};
use crate::shared::Shared;
use crate::{Error, Settings};

/// Memory is used only while changes were looked for less than this ago, so that a revocation holds within a second.
const FRESH_MILLISECONDS: Milliseconds = 900;
/// Waiting for a connection of the pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// One statement, in PostgreSQL: administration reads and writes a few rows.
const STATEMENT_TIMEOUT: &str =
    "set statement_timeout = '5s'; set idle_in_transaction_session_timeout = '10s'; set lock_timeout = '3s'";
/// One piece of administration, seen from here: connection, statements, commit.
pub(crate) const CHANGE_TIMEOUT: Duration = Duration::from_secs(8);

/// See the module.
pub(crate) struct Stores {
    start: Instant,
    start_unix_ms: i64,
    pub pool: PgPool,
    pub options: PgConnectOptions,
    pub shared: Shared,
    /// Look-ups in PostgreSQL at once: half of the pool, so that a storm of unknown keys leaves room for people.
    pub lookups: Semaphore,
    redis_seen_at: AtomicU64,
    postgres_seen_at: AtomicU64,
    postgres_ready: AtomicBool,
    doubted_before: AtomicI64,
    unannounced: RwLock<HashSet<String>>,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    answered: Option<(Instant, Duration)>,
    error: Option<String>,
}

/// How PostgreSQL is, from its last real answer; nothing is asked for it.
#[derive(Clone, Debug)]
pub struct Health {
    /// It answers, and the tables and first rows are in place.
    pub ready: bool,
    /// How long ago it last answered; `None`: never.
    pub answered_ago: Option<Duration>,
    /// How long that answer took.
    pub latency: Option<Duration>,
    /// The last failure, while there is one.
    pub error: Option<String>,
}

impl Stores {
    pub(crate) fn new(settings: &Settings, redis: redis::aio::ConnectionManager) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(&settings.postgres_url)
            .map_err(|error| Error::invalid("POSTGRES_URL", error.to_string()))?
            .application_name("eventpipeline-api");
        let pool = PgPoolOptions::new()
            .max_connections(settings.postgres_connections_max)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(Duration::from_mins(10))
            .max_lifetime(Duration::from_mins(30))
            .after_connect(|connection, _| {
                Box::pin(
                    async move { sqlx::raw_sql(STATEMENT_TIMEOUT).execute(connection).await.map(|_| ()) },
                )
            })
            .connect_lazy_with(options.clone());
        let lookups = usize::try_from(settings.postgres_connections_max.div_ceil(2)).unwrap_or(1);
        Ok(Self {
            start: Instant::now(),
            start_unix_ms: unix_milliseconds(OffsetDateTime::now_utc()),
            pool,
            options,
            shared: Shared::new(redis, &settings.pipeline),
            lookups: Semaphore::new(lookups),
            redis_seen_at: AtomicU64::new(0),
            postgres_seen_at: AtomicU64::new(0),
            postgres_ready: AtomicBool::new(false),
            doubted_before: AtomicI64::new(0),
            unannounced: RwLock::default(),
            last: Mutex::default(),
        })
    }

    /// Milliseconds since this was made, never 0, by the clock that no administrator sets.
    pub(crate) fn now(&self) -> Milliseconds {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Unix milliseconds, going on evenly from the start; not for what is held against another clock, see
    /// [`wall_clock`].
    pub(crate) fn unix_now(&self) -> i64 {
        self.start_unix_ms.saturating_add_unsigned(self.now())
    }

    /// Whether changes were looked for, in either store, so lately that memory may be believed. Every change is in
    /// PostgreSQL before it is in Redis, and its author is answered only after both: so one of the two is enough.
    pub(crate) fn fresh(&self, now: Milliseconds) -> bool {
        let seen =
            self.redis_seen_at.load(Ordering::Acquire).max(self.postgres_seen_at.load(Ordering::Acquire));
        seen != 0 && now.saturating_sub(seen) < FRESH_MILLISECONDS
    }

    /// All changes that Redis had at `began` are applied.
    pub(crate) fn saw_redis(&self, began: Milliseconds) {
        self.redis_seen_at.store(began, Ordering::Release);
    }

    /// All changes that PostgreSQL had at `began` are applied; its answer took `latency`.
    pub(crate) fn saw_postgres(&self, began: Milliseconds, latency: Duration) {
        self.postgres_seen_at.store(began, Ordering::Release);
        self.postgres_ready.store(true, Ordering::Release);
        *lock(&self.last) = Last { answered: Some((Instant::now(), latency)), error: None };
    }

    /// PostgreSQL failed. Look-ups do not try it until it has answered again.
    pub(crate) fn lost_postgres(&self, error: String) {
        self.postgres_ready.store(false, Ordering::Release);
        lock(&self.last).error = Some(error);
    }

    /// PostgreSQL answered last time it was asked, and the tables are there.
    pub(crate) fn postgres_ready(&self) -> bool {
        self.postgres_ready.load(Ordering::Acquire)
    }

    /// `Unavailable` at once while PostgreSQL is known to be away.
    pub(crate) fn require_postgres(&self) -> Result<(), Error> {
        if self.postgres_ready() {
            return Ok(());
        }
        let error = lock(&self.last).error.clone();
        Err(Error::Unavailable(error.unwrap_or_else(|| "it has not answered since the start".into())))
    }

    /// Entries of Redis written before now may be older than a change: Redis has lost something.
    pub(crate) fn doubt_redis(&self) {
        self.doubted_before.store(self.unix_now(), Ordering::Release);
    }

    /// Whether an entry of that time is from before Redis lost something.
    pub(crate) fn doubted(&self, at: i64) -> bool {
        at <= self.doubted_before.load(Ordering::Acquire)
    }

    /// Whether Redis may still hold what `subject` was before a change that it was not told of.
    pub(crate) fn is_unannounced(&self, subject: &str) -> bool {
        self.unannounced.read().unwrap_or_else(PoisonError::into_inner).contains(subject)
    }

    pub(crate) fn set_unannounced(&self, subjects: HashSet<String>) {
        *self.unannounced.write().unwrap_or_else(PoisonError::into_inner) = subjects;
    }

    pub(crate) fn add_unannounced(&self, subject: String) {
        self.unannounced.write().unwrap_or_else(PoisonError::into_inner).insert(subject);
    }

    pub(crate) fn health(&self) -> Health {
        let last = lock(&self.last);
        Health {
            ready: self.postgres_ready(),
            answered_ago: last.answered.map(|(at, _)| at.elapsed()),
            latency: last.answered.map(|(_, latency)| latency),
            error: last.error.clone(),
        }
    }
}

/// Unix seconds by the clock that tokens are read with. Whatever goes on evenly is behind it after the machine slept.
pub(crate) fn wall_clock() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

/// Unix milliseconds.
pub(crate) fn unix_milliseconds(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}
