//! One look-up through the three layers: memory, Redis, PostgreSQL. The only place that decides which of them to
//! believe. Keys and people go the same way; what differs between them is a [`Source`].

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use sqlx::PgPool;
use tokio::sync::OnceCell;

use crate::memory::{Hit, Memory, Milliseconds, lock};
use crate::shared::Entry;
use crate::stores::Stores;

/// What is older is looked at again in PostgreSQL, behind a hit in memory, before an answer from Redis.
const REFRESH_MILLISECONDS: Milliseconds = 60_000;
/// After a refresh was asked for, or PostgreSQL was away, the next one waits this long.
const REFRESH_PATIENCE_MILLISECONDS: Milliseconds = 5_000;
/// An id that nobody knows is refused from memory for this long.
const UNKNOWN_MILLISECONDS: Milliseconds = 5_000;
/// A whole look-up, waiting for its turn included.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);
/// One answer of PostgreSQL on the way of a request.
const POSTGRES_TIMEOUT: Duration = Duration::from_millis(800);
/// A change heard of while reading makes it read again, this often at most.
const ROUNDS_MAX: usize = 3;
/// Different ids being looked up at once; beyond it a new one is answered Unavailable. Known ids are not held up.
const FLIGHTS_MAX: usize = 1_024;

/// What is looked up: how it is named, read and kept.
pub(crate) trait Source: Send + Sync + 'static {
    /// Names it.
    type Id: Copy + Eq + Hash + Debug + Send + Sync;
    /// As it stands in PostgreSQL and travels through Redis.
    type Row: Serialize + DeserializeOwned + Send + Sync;
    /// As it is used.
    type Facts: Debug + Send + Sync;

    /// Its name in Redis and in the list of changes.
    fn subject(id: Self::Id) -> String;
    /// What follows from a row; `None`: revoked.
    fn facts(&self, id: Self::Id, row: &Self::Row) -> Option<Self::Facts>;
    /// Nothing has changed between two readings.
    fn same(old: &Self::Facts, new: &Self::Facts) -> bool;
    /// Asks PostgreSQL.
    fn read(pool: &PgPool, id: Self::Id) -> impl Future<Output = sqlx::Result<Option<Self::Row>>> + Send;
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// PostgreSQL does not know it.
    Unknown,
    /// Nobody who could know it answers.
    Unavailable,
}

type Outcome<F> = Result<Option<Arc<F>>, Missing>;
type Flight<F> = Arc<OnceCell<Outcome<F>>>;

/// See the module.
pub(crate) struct Lookup<S: Source> {
    source: S,
    stores: Arc<Stores>,
    pub memory: Memory<S::Id, S::Facts>,
    flights: Mutex<HashMap<S::Id, Flight<S::Facts>>>,
}

impl<S: Source> Lookup<S> {
    /// `revoked_for_good`: see [`Memory`].
    pub(crate) fn new(source: S, stores: Arc<Stores>, entries_max: usize, revoked_for_good: bool) -> Self {
        Self { source, stores, memory: Memory::new(entries_max, revoked_for_good), flights: Mutex::default() }
    }

    /// The facts of `id`, `None` when it is revoked. A hit in memory does not wait for anything.
    pub(crate) async fn find(self: &Arc<Self>, id: S::Id) -> Outcome<S::Facts> {
        let now = self.stores.now();
        let hit = self.memory.get(&id, now, REFRESH_PATIENCE_MILLISECONDS);
        match hit {
            Some(Hit { facts, trusted: true, refresh }) if self.stores.fresh(now) => {
                if refresh {
                    let lookup = Arc::clone(self);
                    tokio::spawn(async move { lookup.join(id).await });
                }
                Ok(facts)
            }
            hit => self.find_elsewhere(id, hit).await,
        }
    }

    async fn find_elsewhere(&self, id: S::Id, hit: Option<Hit<S::Facts>>) -> Outcome<S::Facts> {
        if self.memory.is_unknown(&id, self.stores.now()) {
            return Err(Missing::Unknown);
        }
        let outcome = self.join(id).await;
        match (outcome, hit) {
            // It was good until Redis lost something, and whatever was heard of since has been applied to it.
            (Err(Missing::Unavailable), Some(hit)) if self.stores.fresh(self.stores.now()) => Ok(hit.facts),
            (outcome, _) => outcome,
        }
    }

    /// Looks `id` up, together with all others who want it at this moment.
    async fn join(&self, id: S::Id) -> Outcome<S::Facts> {
        let flight = {
            let mut flights = lock(&self.flights);
            if flights.len() >= FLIGHTS_MAX && !flights.contains_key(&id) {
                return Err(Missing::Unavailable);
            }
            Arc::clone(flights.entry(id).or_default())
        };
        let passenger = Passenger { lookup: self, id, flight };
        let load = || async {
            tokio::time::timeout(LOOKUP_TIMEOUT, self.load(id)).await.unwrap_or(Err(Missing::Unavailable))
        };
        passenger.flight.get_or_init(load).await.clone()
    }

    async fn load(&self, id: S::Id) -> Outcome<S::Facts> {
        let subject = S::subject(id);
        let mut outcome = Err(Missing::Unavailable);
        for _ in 0..ROUNDS_MAX {
            let fence = self.memory.fence();
            let (row, refresh_in) = match self.row(id, &subject).await {
                Reading::Found { row, refresh_in } => (row, refresh_in),
                Reading::Unknown => {
                    let now = self.stores.now();
                    self.memory.put_unknown(fence, id, now, now + UNKNOWN_MILLISECONDS);
                    return Err(Missing::Unknown);
                }
                Reading::Unavailable => return Err(Missing::Unavailable),
                Reading::Changed => continue,
            };
            let facts = row.and_then(|row| self.source.facts(id, &row));
            let now = self.stores.now();
            match self.memory.put(fence, id, facts, S::same, now, now + refresh_in) {
                Ok(facts) => return Ok(facts),
                Err(facts) => outcome = Ok(facts.map(Arc::new)),
            }
        }
        outcome
    }

    /// Redis, then PostgreSQL.
    async fn row(&self, id: S::Id, subject: &str) -> Reading<S::Row> {
        let unannounced = self.stores.is_unannounced(subject);
        let shared = self.stores.shared.entry::<S::Row>(subject).await;
        // Redis was not told of a change of this one: only PostgreSQL knows.
        let shared = shared.ok().filter(|_| !unannounced);
        let asked_at = self.stores.unix_now();
        let (entry, head) = match shared {
            Some((Some(entry), _)) if entry.row.is_none() => {
                return Reading::Found { row: None, refresh_in: REFRESH_MILLISECONDS };
            }
            Some((Some(entry), head)) => {
                let refresh_in = self.good_for(entry.at, asked_at);
                if refresh_in > 0 {
                    return Reading::Found { row: entry.row, refresh_in };
                }
                (Some(entry), Some(head))
            }
            Some((None, head)) => (None, Some(head)),
            None => (None, None),
        };
        match self.ask_postgres(id).await {
            Ok(Some(row)) => {
                let entry = Entry { at: asked_at, row: Some(row) };
                if let Some(head) = head
                    && self.stores.shared.fill(subject, &head, &entry).await == Ok(false)
                {
                    return Reading::Changed;
                }
                Reading::Found { row: entry.row, refresh_in: REFRESH_MILLISECONDS }
            }
            Ok(None) => Reading::Unknown,
            // PostgreSQL is away: what Redis holds is old, but no change of it was announced.
            Err(()) => entry.map_or(Reading::Unavailable, |entry| Reading::Found {
                row: entry.row,
                refresh_in: REFRESH_PATIENCE_MILLISECONDS,
            }),
        }
    }

    /// Milliseconds for which an entry of Redis needs no second look; 0: it needs one now. One from the future, by a
    /// clock that is ahead, needs one too.
    fn good_for(&self, at: i64, now: i64) -> Milliseconds {
        match u64::try_from(now.saturating_sub(at)) {
            Ok(age) if !self.stores.doubted(at) => REFRESH_MILLISECONDS.saturating_sub(age),
            _ => 0,
        }
    }

    async fn ask_postgres(&self, id: S::Id) -> Result<Option<S::Row>, ()> {
        if !self.stores.postgres_ready() {
            return Err(());
        }
        let _turn = self.stores.lookups.acquire().await.map_err(drop)?;
        match tokio::time::timeout(POSTGRES_TIMEOUT, S::read(&self.stores.pool, id)).await {
            Ok(Ok(row)) => Ok(row),
            Ok(Err(error)) => {
                tracing::warn!(%error, ?id, "PostgreSQL could not be asked for a credential");
                Err(())
            }
            Err(_) => Err(()),
        }
    }
}

enum Reading<R> {
    Found {
        row: Option<R>,
        refresh_in: Milliseconds,
    },
    Unknown,
    Unavailable,
    /// A change was announced meanwhile.
    Changed,
}

/// One who waits for a flight. The last one to leave, or the first after it has landed, takes it off the board, even
/// when its request was cancelled.
struct Passenger<'a, S: Source> {
    lookup: &'a Lookup<S>,
    id: S::Id,
    flight: Flight<S::Facts>,
}

impl<S: Source> Drop for Passenger<'_, S> {
    fn drop(&mut self) {
        let mut flights = lock(&self.lookup.flights);
        let ours = flights.get(&self.id).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
        if ours && (self.flight.initialized() || Arc::strong_count(&self.flight) <= 2) {
            flights.remove(&self.id);
        }
    }
}
