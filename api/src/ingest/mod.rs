//! From checked events to the stream: one flush buffer a partition, shared by all requests.
//!
//! A request puts its events in and waits on their tickets. With nothing in flight a flush starts at once; else
//! events gather until a frame is full, a flight comes down, or the linger is over.

pub mod body;
mod buffer;
mod flight;
mod pressure;
pub mod room;
mod write;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use event::EventId;
use event::keys::Keys;
use event::parse::{Accepted, Parsed};
use redis::aio::ConnectionManager;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use buffer::{Buffer, Pending};
pub use flight::{Failure, Outcome, Ticket};
pub use pressure::Pressure;

/// Under load an event waits this long for company; beyond 3 ms latency grows and frames hardly do.
const LINGER: Duration = Duration::from_millis(3);
/// Flights of one partition at a time: enough to hide the round trip, few enough that frames fill up.
const FLIGHTS_MAX: usize = 4;
/// Bytes that may wait or fly in one partition; past that the process would grow instead of saying no. A batch that has
/// more all by itself is taken when nothing waits: told to come again, it would be for ever.
const BUFFER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why a request's events were not taken at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overloaded;

/// The way into the streams. Cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    shared: Arc<Shared>,
}

struct Shared {
    partitions: Vec<Arc<Partition>>,
    redis: ConnectionManager,
    flushes: TaskTracker,
    pressure: Pressure,
    last_write: LastWrite,
}

struct Partition {
    keys: Keys,
    buffer: Mutex<Buffer>,
    changed: Notify,
    flights: AtomicUsize,
}

/// When the last write to Redis worked, and when the last one did not: readiness is read from real work.
#[derive(Default)]
struct LastWrite {
    ok_ms: AtomicU64,
    failed_ms: AtomicU64,
}

impl Ingest {
    /// Starts one flusher a partition.
    pub fn start(pipeline: &str, partitions: u32, redis: &ConnectionManager, pressure: &Pressure) -> Self {
        let partition = |n| {
            Arc::new(Partition {
                keys: Keys::new(pipeline, n),
                buffer: Mutex::default(),
                changed: Notify::new(),
                flights: AtomicUsize::new(0),
            })
        };
        let shared = Arc::new(Shared {
            partitions: (0..partitions.max(1)).map(partition).collect(),
            redis: redis.clone(),
            flushes: TaskTracker::new(),
            pressure: pressure.clone(),
            last_write: LastWrite::default(),
        });
        for partition in &shared.partitions {
            tokio::spawn(flush_forever(Arc::clone(&shared), Arc::clone(partition)));
        }
        Self { shared }
    }

    /// Takes the good events of a body; one ticket for each of `accepted`, in order. All or none are taken.
    pub fn submit<'a>(
        &self,
        parsed: &Parsed,
        accepted: impl Iterator<Item = &'a Accepted> + Clone,
        received_ms: i64,
    ) -> Result<Vec<Ticket>, Overloaded> {
        let partitions = &self.shared.partitions;
        let now = Instant::now();
        if let [partition] = &partitions[..] {
            let mut buffer = partition.room(parsed.docs.len())?;
            let tickets = accepted.map(|a| buffer.add(a.id, parsed.doc(a), received_ms, now)).collect();
            drop(buffer);
            partition.changed.notify_one();
            return Ok(tickets);
        }
        for partition in partitions {
            drop(partition.room(parsed.docs.len())?);
        }
        let tickets = accepted.map(|a| {
            let partition = self.partition_of(a.id);
            let ticket = partition.lock().add(a.id, parsed.doc(a), received_ms, now);
            partition.changed.notify_one();
            ticket
        });
        Ok(tickets.collect())
    }

    /// Queues events again that were seen before: a replay of dead letters. Returns when all have landed.
    pub async fn requeue(&self, events: Vec<(EventId, Vec<u8>)>, received_ms: i64) -> Result<(), Failure> {
        let mut tickets = Vec::with_capacity(events.len());
        for (n, partition) in self.shared.partitions.iter().enumerate() {
            let count = u32::try_from(self.shared.partitions.len()).unwrap_or(1);
            let own: Vec<_> =
                events.iter().filter(|(id, _)| id.partition(count) as usize == n).cloned().collect();
            if !own.is_empty() {
                tickets.extend(partition.lock().add_replay(&own, received_ms, Instant::now()));
                partition.changed.notify_one();
            }
        }
        for ticket in tickets {
            if let Outcome::Retry(failure) = ticket.outcome().await {
                return Err(failure);
            }
        }
        Ok(())
    }

    /// The partition's keys that carry an event.
    pub fn keys_of(&self, id: EventId) -> &Keys {
        &self.partition_of(id).keys
    }

    /// The keys of every partition.
    pub fn all_keys(&self) -> impl Iterator<Item = &Keys> {
        self.shared.partitions.iter().map(|partition| &partition.keys)
    }

    /// How long ago the last write failed, if none has worked since.
    pub fn last_write_failed(&self) -> Option<Duration> {
        let last = &self.shared.last_write;
        let (ok, failed) = (last.ok_ms.load(Ordering::Relaxed), last.failed_ms.load(Ordering::Relaxed));
        (failed > ok).then(|| Duration::from_millis(unix_ms().saturating_sub(failed)))
    }

    /// Waits until nothing is buffered or in flight. The caller bounds the wait.
    pub async fn drained(&self) {
        while self
            .shared
            .partitions
            .iter()
            .any(|p| !p.lock().is_empty() || p.flights.load(Ordering::Acquire) > 0)
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn partition_of(&self, id: EventId) -> &Arc<Partition> {
        let count = u32::try_from(self.shared.partitions.len()).unwrap_or(1);
        &self.shared.partitions[id.partition(count) as usize]
    }
}

impl Partition {
    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self, bytes: usize) -> Result<MutexGuard<'_, Buffer>, Overloaded> {
        let buffer = self.lock();
        if is_too_much(buffer.bytes(), bytes) { Err(Overloaded) } else { Ok(buffer) }
    }
}

fn is_too_much(waiting: usize, bytes: usize) -> bool {
    waiting > 0 && waiting + bytes > BUFFER_BYTES_MAX
}

async fn flush_forever(shared: Arc<Shared>, partition: Arc<Partition>) {
    loop {
        let flights = partition.flights.load(Ordering::Acquire);
        if flights >= FLIGHTS_MAX {
            partition.changed.notified().await;
            continue;
        }
        let (pending, opened) = {
            let mut buffer = partition.lock();
            let pending = buffer.take(flights, Instant::now().checked_sub(LINGER));
            (pending, buffer.opened())
        };
        match (pending, opened) {
            (Some(pending), _) => {
                partition.flights.fetch_add(1, Ordering::AcqRel);
                shared.flushes.spawn(flush(Arc::clone(&shared), Arc::clone(&partition), pending));
            }
            (None, Some(opened)) => {
                let _ = tokio::time::timeout_at(opened + LINGER, partition.changed.notified()).await;
            }
            (None, None) => partition.changed.notified().await,
        }
    }
}

async fn flush(shared: Arc<Shared>, partition: Arc<Partition>, pending: Pending) {
    let mut redis = shared.redis.clone();
    let landing = write::write(&mut redis, &partition.keys, &pending, unix_ms() / 1000).await;
    if landing == Err(Failure::Full) {
        shared.pressure.found_full();
    }
    let last = &shared.last_write;
    let mark = if landing.is_ok() { &last.ok_ms } else { &last.failed_ms };
    mark.store(unix_ms(), Ordering::Relaxed);
    partition.lock().land(&pending, landing);
    partition.flights.fetch_sub(1, Ordering::AcqRel);
    partition.changed.notify_one();
}

/// Unix milliseconds.
pub fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_above_the_whole_buffer_is_taken_when_nothing_waits_and_never_told_to_come_again_for_ever() {
        assert!(!is_too_much(0, BUFFER_BYTES_MAX + 1));
        assert!(is_too_much(1, BUFFER_BYTES_MAX));
        assert!(!is_too_much(BUFFER_BYTES_MAX / 2, BUFFER_BYTES_MAX / 2));
    }
}
