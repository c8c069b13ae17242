//! Figures of the operator. Labels are bounded: no name of a pipeline.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use service::inside;

/// How a pass ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Ended {
    result: &'static str,
}

/// All of them. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    passes: Family<Ended, Counter>,
    /// Time of a pass.
    pub seconds: Histogram,
    /// Objects written.
    pub writes: Counter,
    /// From the first question to Redis to the scale that the API server has, of decisions that changed something.
    pub scaling_seconds: Histogram,
    /// Decisions that changed the number of workers.
    pub scalings: Counter,
    /// Pipelines that are looked after.
    pub pipelines: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            passes: Family::default(),
            seconds: Histogram::new(exponential_buckets(0.005, 2.0, 14)),
            writes: Counter::default(),
            scaling_seconds: Histogram::new(exponential_buckets(0.005, 2.0, 12)),
            scalings: Counter::default(),
            pipelines: Gauge::default(),
        }
    }
}

impl Metrics {
    /// Registers all of them.
    pub fn register(&self, registry: &inside::Metrics) {
        registry.register(|registry| {
            registry.register("eventpipeline_operator_reconciles", "Passes by result", self.passes.clone());
            registry.register(
                "eventpipeline_operator_reconcile_seconds",
                "Time of a pass",
                self.seconds.clone(),
            );
            registry.register(
                "eventpipeline_operator_writes",
                "Objects written; none in a steady state",
                self.writes.clone(),
            );
            registry.register(
                "eventpipeline_operator_scaling_seconds",
                "From a sample of the lag to the number of workers written, where it changed",
                self.scaling_seconds.clone(),
            );
            registry.register(
                "eventpipeline_operator_scalings",
                "Decisions that changed the number of workers",
                self.scalings.clone(),
            );
            registry.register(
                "eventpipeline_operator_pipelines",
                "Pipelines looked after",
                self.pipelines.clone(),
            );
        });
    }

    /// Counts a pass.
    pub fn ended(&self, result: &'static str) {
        self.passes.get_or_create(&Ended { result }).inc();
    }
}
