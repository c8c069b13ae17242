//! One sample of a whole pipeline for the autoscaler: all its partitions and all its workers together. Unknown stays
//! unknown.

use event::keys::Keys;
use event::lag::{Certainty, Lag};
use redis::aio::ConnectionManager;

use crate::growing::Growing;
use crate::observe::{PartitionView, WorkerView, observe, oldest_waiting_ms};

/// What Redis tells of a pipeline; the names are those of the autoscaler's observation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Events not yet delivered to a worker.
    pub lag_events: Option<f64>,
    /// Events in workers' hands.
    pub pending_events: Option<f64>,
    /// Of those, the ones whose worker seems dead.
    pub orphaned_events: Option<f64>,
    /// Age of the oldest undelivered frame.
    pub oldest_seconds: Option<f64>,
    /// Events ever queued.
    pub arrived_events: Option<f64>,
    /// Events ever acknowledged.
    pub processed_events: Option<f64>,
    /// Time that all workers together were busy for.
    pub busy_seconds: Option<f64>,
    /// Errors of the sink that all workers together have seen.
    pub sink_errors: Option<f64>,
}

/// Samples one pipeline again and again: the counters of workers that come and go become one that only grows.
#[derive(Default)]
pub struct Sampler {
    busy: Growing,
    errors: Growing,
}

impl Sampler {
    /// Looks once. `now_seconds` is Unix time.
    pub async fn sample(
        &mut self,
        redis: &mut ConnectionManager,
        pipeline: &str,
        partitions: u32,
        now_seconds: u64,
    ) -> redis::RedisResult<Sample> {
        let mut streams = Vec::new();
        for partition in 0..partitions {
            let keys = Keys::new(pipeline, partition);
            let view = observe(redis, &keys, now_seconds).await?;
            streams.push(Stream { view, oldest_ms: oldest_waiting_ms(redis, &keys).await? });
        }
        Ok(self.sum(&streams, now_seconds))
    }

    #[allow(clippy::cast_precision_loss, reason = "counts below 2^53")]
    fn sum(&mut self, streams: &[Stream], now_seconds: u64) -> Sample {
        let lag = streams.iter().map(|stream| stream.view.lag()).reduce(Lag::plus);
        let lag = lag.unwrap_or(Lag { events: Some(0), certainty: Certainty::Known });
        let total = |pick: fn(&Stream) -> Option<u64>| streams.iter().map(pick).sum::<Option<u64>>();
        let mut workers: Vec<_> = streams.iter().flat_map(|stream| &stream.view.workers).collect();
        // What a worker has in hand it says of each partition; busy time and errors are of all its partitions.
        let pending: u64 = workers.iter().map(|worker| worker.pending_events).sum();
        workers.sort_by(|a, b| a.name.cmp(&b.name));
        workers.dedup_by(|a, b| a.name == b.name);
        let waiting = lag.events.filter(|_| lag.certainty != Certainty::Unknown);
        let out = |stream: &Stream| stream.view.facts.events_out.or(stream.view.facts.events_in.map(|_| 0));
        let of_each = |pick: fn(&WorkerView) -> u64| {
            workers.iter().map(move |worker| (worker.name.clone(), pick(worker))).collect::<Vec<_>>()
        };
        let busy_ms = self.busy.add(of_each(|worker| worker.busy_ms), now_seconds);
        let errors = self.errors.add(of_each(|worker| worker.sink_errors), now_seconds);
        let oldest_ms = streams.iter().filter_map(|stream| stream.oldest_ms).max();
        Sample {
            // In minus out is all that is not done; what workers hold is on its way.
            lag_events: waiting.map(|waiting| waiting.saturating_sub(pending) as f64),
            pending_events: Some(pending as f64),
            orphaned_events: Some(0.0),
            oldest_seconds: oldest_ms.or((waiting == Some(0)).then_some(0)).map(|ms| ms as f64 / 1000.0),
            arrived_events: total(|stream| stream.view.facts.events_in).map(|n| n as f64),
            processed_events: total(out).map(|n| n as f64),
            busy_seconds: Some(busy_ms as f64 / 1000.0),
            sink_errors: Some(errors as f64),
        }
    }
}

/// A partition at one moment.
struct Stream {
    view: PartitionView,
    oldest_ms: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_worker_of_two_partitions_events_in_hand_add_up_and_its_busy_time_counts_once() {
        let worker = |pending_events, busy_ms| WorkerView {
            name: "w".into(),
            pending_events,
            busy_ms,
            sink_errors: 1,
            ..WorkerView::default()
        };
        // Each partition is published a moment after the other.
        let streams = [(300, 2000), (200, 2001)].map(|(pending, busy)| Stream {
            view: PartitionView { workers: vec![worker(pending, busy)], ..PartitionView::default() },
            oldest_ms: None,
        });
        let sample = Sampler::default().sum(&streams, 0);
        assert_eq!(sample.pending_events, Some(500.0));
        assert!(sample.busy_seconds.is_some_and(|seconds| (1.9..2.1).contains(&seconds)), "{sample:?}");
        assert_eq!(sample.sink_errors, Some(1.0));
    }
}
