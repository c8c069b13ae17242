//! The API's metrics. Labels are few and known: codes and outcomes, never keys, users or paths of a sender's making.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

use crate::stream_metrics::StreamMetrics;

/// The outcome of an event.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OutcomeLabel {
    /// accepted, duplicate, rejected or retry.
    pub outcome: &'static str,
}

/// Why an event was refused.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct CodeLabel {
    /// A stable code.
    pub code: &'static str,
}

/// All of them.
#[derive(Clone)]
pub struct Metrics {
    events: Family<OutcomeLabel, Counter>,
    rejects: Family<CodeLabel, Counter>,
    problems: Family<CodeLabel, Counter>,
    /// Accepted, looked up once: this one is on the hot path.
    pub accepted: Counter,
    /// Seen before.
    pub duplicates: Counter,
    /// Refused for good.
    pub rejected: Counter,
    /// To be sent again.
    pub retries: Counter,
    /// From the first byte of the body to the answer, in seconds.
    pub ingest_seconds: Histogram,
    /// Bytes of bodies, inflated.
    pub body_bytes: Counter,
    /// What the streams hold.
    pub streams: StreamMetrics,
}

impl Metrics {
    /// Registers all with the service's registry.
    pub fn new(registry: &service::inside::Metrics) -> Self {
        let events: Family<OutcomeLabel, Counter> = Family::default();
        let outcome = |outcome| events.get_or_create(&OutcomeLabel { outcome }).clone();
        let metrics = Self {
            accepted: outcome("accepted"),
            duplicates: outcome("duplicate"),
            rejected: outcome("rejected"),
            retries: outcome("retry"),
            rejects: Family::default(),
            problems: Family::default(),
            ingest_seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 16)),
            body_bytes: Counter::default(),
            streams: StreamMetrics::default(),
            events,
        };
        metrics.streams.register(registry);
        registry.register(|r| {
            r.register("eventpipeline_api_events", "Events by outcome", metrics.events.clone());
            r.register("eventpipeline_api_rejects", "Refused events by code", metrics.rejects.clone());
            r.register(
                "eventpipeline_api_problems",
                "Requests answered with a problem, by its code",
                metrics.problems.clone(),
            );
            r.register(
                "eventpipeline_api_ingest_seconds",
                "Time from body to answer",
                metrics.ingest_seconds.clone(),
            );
            r.register(
                "eventpipeline_api_body_bytes",
                "Bytes of bodies, inflated",
                metrics.body_bytes.clone(),
            );
        });
        metrics
    }

    /// Counts one request that was answered with a problem.
    pub fn problem(&self, code: &'static str) {
        self.problems.get_or_create(&CodeLabel { code }).inc();
    }

    /// Counts one refused event.
    pub fn reject(&self, code: &'static str) {
        self.rejected.inc();
        self.rejects.get_or_create(&CodeLabel { code }).inc();
    }
}
