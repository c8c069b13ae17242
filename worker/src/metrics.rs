//! The worker's metrics and what it publishes for the autoscaler.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

/// Why an event became a dead letter.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ClassLabel {
    /// refused, undecodable, `worker_died`.
    pub class: String,
}

/// A part of the work on a batch.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct StageLabel {
    /// decode, store, acknowledge.
    pub stage: &'static str,
}

/// All of them.
#[derive(Clone)]
pub struct Metrics {
    /// Frames read or claimed.
    pub frames: Counter,
    /// Events stored for the first time, duplicates included: MongoDB does not say how many were which when all went well.
    pub events: Counter,
    /// Events that became dead letters.
    pub dead_letters: Family<ClassLabel, Counter>,
    /// Frames that were delivered before, to this worker or another.
    pub redelivered: Counter,
    /// Frames taken over from workers that gave no sign.
    pub claimed: Counter,
    /// Entries that were pending and are gone from the stream: lost, by somebody's hand.
    pub lost: Counter,
    /// Calls that MongoDB did not answer, or not now.
    pub sink_errors: Counter,
    /// Inserts under way.
    pub inserting: Gauge,
    /// Events of a batch that is stored together.
    pub batch_events: Histogram,
    /// Seconds of each part of the work on a batch.
    pub stages: Family<StageLabel, Histogram, fn() -> Histogram>,
    /// From the taking of a frame's first event to its being stored, in seconds; one observation a frame.
    pub end_to_end_seconds: Histogram,
}

/// From a batch that MongoDB took at once to one that waited for it through a failover.
fn stage_seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 16))
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            frames: Counter::default(),
            events: Counter::default(),
            dead_letters: Family::default(),
            redelivered: Counter::default(),
            claimed: Counter::default(),
            lost: Counter::default(),
            sink_errors: Counter::default(),
            inserting: Gauge::default(),
            batch_events: Histogram::new(exponential_buckets(1.0, 2.0, 14)),
            stages: Family::new_with_constructor(stage_seconds),
            // Up to the four hours of a backlog after a long night.
            end_to_end_seconds: Histogram::new(exponential_buckets(0.005, 2.0, 22)),
        }
    }
}

/// The time of one insert, in seconds.
pub fn insert_seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 14))
}

impl Metrics {
    /// Notes how long a part of the work took.
    pub fn stage(&self, stage: &'static str, since: Instant) {
        self.stages.get_or_create(&StageLabel { stage }).observe(since.elapsed().as_secs_f64());
    }

    /// Registers all with the service's registry.
    pub fn register(&self, registry: &service::inside::Metrics, inserts: &Histogram) {
        registry.register(|r| {
            r.register("eventpipeline_worker_frames", "Frames read or claimed", self.frames.clone());
            r.register("eventpipeline_worker_events", "Events stored", self.events.clone());
            r.register(
                "eventpipeline_worker_dead_letters",
                "Events that became dead letters",
                self.dead_letters.clone(),
            );
            r.register(
                "eventpipeline_worker_redeliveries",
                "Frames that had been delivered before",
                self.redelivered.clone(),
            );
            r.register(
                "eventpipeline_worker_batch_events",
                "Events of a batch that is stored together",
                self.batch_events.clone(),
            );
            r.register(
                "eventpipeline_worker_stage_seconds",
                "Time of each part of the work on a batch",
                self.stages.clone(),
            );
            r.register(
                "eventpipeline_worker_end_to_end_seconds",
                "From the taking of a frame's first event to its being stored",
                self.end_to_end_seconds.clone(),
            );
            r.register(
                "eventpipeline_worker_claimed",
                "Frames taken over from silent workers",
                self.claimed.clone(),
            );
            r.register(
                "eventpipeline_worker_lost",
                "Pending entries that are gone from the stream",
                self.lost.clone(),
            );
            r.register(
                "eventpipeline_worker_sink_errors",
                "Calls that MongoDB did not answer",
                self.sink_errors.clone(),
            );
            r.register("eventpipeline_worker_inserting", "Inserts under way", self.inserting.clone());
            r.register("eventpipeline_worker_insert_seconds", "Time of an insert", inserts.clone());
        });
    }
}

/// Time spent with at least one insert under way.
#[derive(Debug, Default)]
pub struct BusyClock(Mutex<Busy>);

#[derive(Debug, Default)]
struct Busy {
    under_way: u32,
    since: Option<Instant>,
    total: Duration,
}

impl BusyClock {
    /// An insert begins; it ends when the guard is dropped.
    pub fn begin(&self) -> BusyGuard<'_> {
        let mut busy = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        busy.under_way += 1;
        busy.since.get_or_insert_with(Instant::now);
        BusyGuard(self)
    }

    /// Busy time so far.
    pub fn total(&self) -> Duration {
        let busy = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        busy.total + busy.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// Ends an insert.
pub struct BusyGuard<'a>(&'a BusyClock);

impl Drop for BusyGuard<'_> {
    fn drop(&mut self) {
        let mut busy = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        busy.under_way -= 1;
        if busy.under_way == 0 {
            let busy_for = busy.since.take().map_or(Duration::ZERO, |since| since.elapsed());
            busy.total += busy_for;
        }
    }
}
