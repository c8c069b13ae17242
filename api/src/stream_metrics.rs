//! What the API sees of the streams, for alerts: how much waits and how sure that is, how old it is, who works on it.
//! Every replica of the API tells the same; take the greatest.

use std::sync::atomic::AtomicU64;

use event::lag::Certainty;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use stream::PartitionView;

/// A partition of the pipeline.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PartitionLabel {
    partition: usize,
}

/// A shard, as the router names it.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ShardLabel {
    shard: String,
}

type NoLabel = [(&'static str, &'static str); 0];
type Seconds = Gauge<f64, AtomicU64>;

/// All of them.
#[derive(Clone, Default)]
pub struct StreamMetrics {
    lag: Family<PartitionLabel, Gauge>,
    known: Family<PartitionLabel, Gauge>,
    pending: Family<PartitionLabel, Gauge>,
    oldest: Family<PartitionLabel, Seconds>,
    workers: Family<NoLabel, Gauge>,
    dead_letters: Family<NoLabel, Gauge>,
    shard_documents: Family<ShardLabel, Gauge>,
    shard_bytes: Family<ShardLabel, Gauge>,
}

impl StreamMetrics {
    /// Registers all with the service's registry.
    pub fn register(&self, registry: &service::inside::Metrics) {
        registry.register(|r| {
            r.register(
                "eventpipeline_stream_lag_events",
                "Events taken and not yet acknowledged; absent while that is unknown",
                self.lag.clone(),
            );
            r.register(
                "eventpipeline_stream_lag_known",
                "1: the lag was read; 0: it is an estimate, or unknown",
                self.known.clone(),
            );
            r.register(
                "eventpipeline_stream_pending_frames",
                "Frames in workers' hands; absent while that is unknown",
                self.pending.clone(),
            );
            r.register(
                "eventpipeline_stream_oldest_waiting_seconds",
                "Age of the oldest frame that no worker has; 0: none waits; absent while that is unknown",
                self.oldest.clone(),
            );
            r.register(
                "eventpipeline_stream_workers",
                "Workers that gave a sign within 15 s; absent while that is unknown",
                self.workers.clone(),
            );
            r.register(
                "eventpipeline_dead_letters_open",
                "Open dead letters, counted up to 10,001; absent while MongoDB does not answer",
                self.dead_letters.clone(),
            );
            r.register(
                "eventpipeline_shard_documents",
                "Documents of the pipeline's database on a shard, as the router says",
                self.shard_documents.clone(),
            );
            r.register(
                "eventpipeline_shard_data_bytes",
                "Their bytes before compression",
                self.shard_bytes.clone(),
            );
        });
    }

    /// What one look at a partition found.
    pub fn partition(&self, partition: usize, view: &PartitionView, oldest_ms: Option<u64>) {
        let label = PartitionLabel { partition };
        let lag = view.lag();
        self.known.get_or_create(&label).set(i64::from(lag.certainty == Certainty::Known));
        set(&self.lag, &label, lag.events);
        set(&self.pending, &label, view.facts.pending_frames);
        #[expect(clippy::cast_precision_loss, reason = "an age")]
        self.oldest.get_or_create(&label).set(oldest_ms.unwrap_or(0) as f64 / 1000.0);
    }

    /// Redis did not answer.
    pub fn unknown(&self, partitions: usize) {
        for partition in 0..partitions {
            let label = PartitionLabel { partition };
            self.known.get_or_create(&label).set(0);
            self.lag.remove(&label);
            self.pending.remove(&label);
            self.oldest.remove(&label);
        }
    }

    /// Live workers and open dead letters.
    pub fn fleet(&self, workers: Option<usize>, dead_letters: Option<u64>) {
        set(&self.workers, &[], workers.map(|workers| workers as u64));
        set(&self.dead_letters, &[], dead_letters);
    }

    /// What the router says of its shards: name, documents, bytes.
    pub fn shards(&self, shards: impl Iterator<Item = (String, i64, i64)>) {
        // A shard that was removed is no longer told of.
        self.shard_documents.clear();
        self.shard_bytes.clear();
        for (shard, documents, bytes) in shards {
            let label = ShardLabel { shard };
            self.shard_documents.get_or_create(&label).set(documents);
            self.shard_bytes.get_or_create(&label).set(bytes);
        }
    }
}

/// Sets it, or takes it away: what is unknown has no number.
fn set<L>(family: &Family<L, Gauge>, label: &L, value: Option<u64>)
where
    L: Clone + std::hash::Hash + Eq,
{
    match value {
        Some(value) => {
            family.get_or_create(label).set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        None => {
            family.remove(label);
        }
    }
}
