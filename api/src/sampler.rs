//! The last 15 minutes in memory: one look at Redis, MongoDB and this process every few seconds. Read by `/stats` and
//! `/health`; asks no server on their behalf.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bson::{Document, doc};
use event::keys::Keys;
use event::lag::{Certainty, Lag};
use mongodb::Database;
use prometheus_client::metrics::counter::Counter;
use redis::aio::ConnectionManager;
use serde::Serialize;
use store::Store;
use stream::PartitionView;
use utoipa::ToSchema;

use crate::ingest::unix_ms;
use crate::latencies::{Latencies, Percentiles};
use crate::metrics::Metrics;
use crate::stored::rfc3339;

/// Between two samples.
pub const PERIOD: Duration = Duration::from_secs(5);
/// 15 minutes of them (about 300 bytes each).
const SAMPLES_MAX: usize = 180;
/// Between two looks at the shards; people add them, minutes apart at best.
const SHARDS_PERIOD: Duration = Duration::from_mins(1);
/// A store that takes longer has not answered this look.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);
/// Open dead letters are counted up to this; counting millions every 5 s would cost more than it tells.
const DEAD_LETTERS_COUNTED_MAX: u64 = 10_000;

/// One look.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Events taken by all API replicas, a second; `null`: not known.
    events_in_per_second: Option<f64>,
    /// Events acknowledged by all workers, a second; `null`: not known.
    events_out_per_second: Option<f64>,
    /// Events taken and not yet acknowledged; `null`: not known.
    lag_events: Option<u64>,
    /// `Known`, `Estimated` or `Unknown`.
    lag_certainty: &'static str,
    /// Live workers; `null`: not known.
    workers: Option<usize>,
    /// Open dead letters; `null`: not known.
    dead_letters_open: Option<u64>,
    /// There are more open dead letters than were counted.
    dead_letters_more: bool,
    /// Of this API process alone.
    replica: Replica,
}

/// What one API process did since the sample before.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replica {
    accepted_per_second: f64,
    duplicates_per_second: f64,
    rejected_per_second: f64,
    retries_per_second: f64,
    /// From the first byte of the body to the answer; `null`: there was no request.
    ingest_milliseconds: Option<Percentiles>,
}

/// The samples. Cheap to clone.
#[derive(Clone)]
pub struct Stats(Arc<Inner>);

struct Inner {
    samples: Mutex<VecDeque<Sample>>,
    latencies: Latencies,
    mongodb: Mutex<Option<(Instant, Duration)>>,
    events_in_total: Mutex<Option<u64>>,
    shards: Mutex<Option<usize>>,
}

impl Stats {
    /// Samples until the process ends.
    pub fn start(keys: Vec<Keys>, redis: ConnectionManager, store: Store, metrics: Metrics) -> Self {
        let inner = Inner {
            samples: Mutex::default(),
            latencies: Latencies::default(),
            mongodb: Mutex::default(),
            events_in_total: Mutex::default(),
            shards: Mutex::default(),
        };
        let stats = Self(Arc::new(inner));
        let sampler = Sampler { stats: stats.clone(), keys, redis, store, metrics, before: None };
        tokio::spawn(sampler.run());
        stats
    }

    /// Counts one request of the way in.
    pub fn took(&self, time: Duration) {
        self.0.latencies.add(time);
    }

    /// Oldest first.
    pub fn samples(&self) -> Vec<Sample> {
        lock(&self.0.samples).iter().cloned().collect()
    }

    /// Events taken since the streams were made, as the last look found.
    pub fn events_in_total(&self) -> Option<u64> {
        *lock(&self.0.events_in_total)
    }

    /// Shards that hold the events; 0 when MongoDB is not sharded.
    pub fn shards(&self) -> Option<usize> {
        *lock(&self.0.shards)
    }

    /// How long ago MongoDB answered a look, and how long it took.
    pub fn mongodb_answered(&self) -> Option<(Duration, Duration)> {
        lock(&self.0.mongodb).map(|(at, took)| (at.elapsed(), took))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Sampler {
    stats: Stats,
    keys: Vec<Keys>,
    redis: ConnectionManager,
    store: Store,
    metrics: Metrics,
    before: Option<Before>,
}

/// Counters at the last look.
struct Before {
    at: Instant,
    events_in: Option<u64>,
    events_out: Option<u64>,
    outcomes: [u64; 4],
}

/// What one look at Redis found, of all partitions together.
struct Look {
    events_in: Option<u64>,
    events_out: Option<u64>,
    lag: Lag,
    workers: Option<usize>,
}

impl Sampler {
    async fn run(mut self) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut shards_at = None::<Instant>;
        loop {
            ticks.tick().await;
            if shards_at.is_none_or(|at| at.elapsed() >= SHARDS_PERIOD) {
                shards_at = Some(Instant::now());
                let shards = self.shards().await;
                *lock(&self.stats.0.shards) = shards;
            }
            let (look, dead) = tokio::join!(self.redis(), self.dead_letters());
            self.metrics.streams.fleet(look.workers, dead);
            let sample = self.sample(&look, dead);
            *lock(&self.stats.0.events_in_total) = look.events_in;
            let mut samples = lock(&self.stats.0.samples);
            if samples.len() >= SAMPLES_MAX {
                samples.pop_front();
            }
            samples.push_back(sample);
        }
    }

    async fn redis(&self) -> Look {
        let mut redis = self.redis.clone();
        let mut views = Vec::with_capacity(self.keys.len());
        for (partition, keys) in self.keys.iter().enumerate() {
            let look = async {
                let view = stream::observe(&mut redis, keys, unix_ms() / 1_000).await?;
                Ok::<_, redis::RedisError>((view, stream::oldest_waiting_ms(&mut redis, keys).await?))
            };
            let Ok(Ok((view, oldest_ms))) = tokio::time::timeout(LOOK_TIMEOUT, look).await else {
                self.metrics.streams.unknown(self.keys.len());
                return Look { events_in: None, events_out: None, lag: Lag::UNKNOWN, workers: None };
            };
            self.metrics.streams.partition(partition, &view, oldest_ms);
            views.push(view);
        }
        together(&views)
    }

    async fn dead_letters(&self) -> Option<u64> {
        let began = Instant::now();
        let count = self
            .store
            .dead_letters
            .count_documents(doc! {"status": "open"})
            .limit(DEAD_LETTERS_COUNTED_MAX + 1)
            .max_time(LOOK_TIMEOUT);
        let count = tokio::time::timeout(LOOK_TIMEOUT, async { count.await }).await.ok()?.ok()?;
        *lock(&self.stats.0.mongodb) = Some((Instant::now(), began.elapsed()));
        Some(count)
    }

    /// A router says that it is one; what it says of the database is by shard. A role that reads may ask both.
    async fn shards(&self) -> Option<usize> {
        let events = &self.store.events;
        let database = events.client().database(&events.namespace().db);
        if ask(&database, doc! {"hello": 1}).await?.get_str("msg") != Ok("isdbgrid") {
            return Some(0);
        }
        let limit = i64::try_from(LOOK_TIMEOUT.as_millis()).unwrap_or(3_000);
        let stats = ask(&database, doc! {"dbStats": 1, "maxTimeMS": limit}).await?;
        let raw = stats.get_document("raw").ok()?;
        self.metrics.streams.shards(raw.iter().filter_map(|(host, of_shard)| {
            // `shard-0/host:27017,…`: the set's name is the shard's.
            let (shard, of_shard) = (host.split('/').next()?, of_shard.as_document()?);
            Some((shard.to_owned(), number(of_shard, "objects")?, number(of_shard, "dataSize")?))
        }));
        Some(raw.len())
    }

    fn sample(&mut self, look: &Look, dead: Option<u64>) -> Sample {
        let now = Instant::now();
        let metrics = &self.metrics;
        let outcomes =
            [&metrics.accepted, &metrics.duplicates, &metrics.rejected, &metrics.retries].map(Counter::get);
        let ingest = self.stats.0.latencies.take();
        let before = self.before.replace(Before {
            at: now,
            events_in: look.events_in,
            events_out: look.events_out,
            outcomes,
        });
        let seconds = before.as_ref().map(|before| now.duration_since(before.at).as_secs_f64());
        // Counters that went back are of a Redis that lost them: no rate, rather than a wrong one.
        let rate =
            |now: Option<u64>, before: Option<u64>| Some(per_second(now?.checked_sub(before?)?, seconds?));
        let outcome = |n: usize| {
            let before = before.as_ref().map(|before| before.outcomes[n]);
            rate(Some(outcomes[n]), before).unwrap_or(0.0)
        };
        Sample {
            at: rfc3339(unix_ms().cast_signed()),
            events_in_per_second: rate(look.events_in, before.as_ref().and_then(|before| before.events_in)),
            events_out_per_second: rate(
                look.events_out,
                before.as_ref().and_then(|before| before.events_out),
            ),
            lag_events: look.lag.events,
            lag_certainty: look.lag.certainty.word(),
            workers: look.workers,
            dead_letters_open: dead.map(|count| count.min(DEAD_LETTERS_COUNTED_MAX)),
            dead_letters_more: dead.is_some_and(|count| count > DEAD_LETTERS_COUNTED_MAX),
            replica: Replica {
                accepted_per_second: outcome(0),
                duplicates_per_second: outcome(1),
                rejected_per_second: outcome(2),
                retries_per_second: outcome(3),
                ingest_milliseconds: ingest,
            },
        }
    }
}

/// A number of a server, which chooses its type by its size.
#[expect(clippy::cast_possible_truncation, reason = "counts and bytes")]
fn number(document: &Document, field: &str) -> Option<i64> {
    let value = document.get(field)?;
    value.as_i64().or_else(|| value.as_i32().map(i64::from)).or_else(|| value.as_f64().map(|n| n as i64))
}

async fn ask(database: &Database, command: Document) -> Option<Document> {
    tokio::time::timeout(LOOK_TIMEOUT, async { database.run_command(command).await }).await.ok()?.ok()
}

/// Nothing waits, for sure.
const NOTHING: Lag = Lag { events: Some(0), certainty: Certainty::Known };

/// Without counters and with nothing in it, no event was ever taken: that is a number.
fn events_in(view: &PartitionView) -> Option<u64> {
    view.facts.events_in.or((view.lag() == NOTHING).then_some(0))
}

fn together(views: &[PartitionView]) -> Look {
    let sum = |pick: fn(&PartitionView) -> Option<u64>| views.iter().map(pick).sum::<Option<u64>>();
    // A worker reads every partition and is counted once.
    let mut workers: Vec<&str> =
        views.iter().flat_map(|view| view.workers.iter().map(|w| w.name.as_str())).collect();
    workers.sort_unstable();
    workers.dedup();
    Look {
        events_in: sum(events_in),
        events_out: sum(|view| view.facts.events_out.or(events_in(view).map(|_| 0))),
        lag: views.iter().map(PartitionView::lag).reduce(Lag::plus).unwrap_or(NOTHING),
        workers: Some(workers.len()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn per_second(count: u64, seconds: f64) -> f64 {
    (count as f64 / seconds.max(0.001) * 10.0).round() / 10.0
}
