//! Figures of the operator. Labels are bounded: no name of a pipeline.

use plan::scaling::Decision;
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

/// A decision that changed the number of workers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Scaled {
    direction: &'static str,
    reason: &'static str,
}

/// A condition and its status.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConditionLabel {
    r#type: String,
    status: String,
}

/// Workers that are wanted, or ready.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
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
    scalings: Family<Scaled, Counter>,
    workers: Family<StateLabel, Gauge>,
    conditions: Family<ConditionLabel, Gauge>,
    /// 1 while this operator is the one.
    pub leader: Gauge,
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
            scalings: Family::default(),
            workers: Family::default(),
            conditions: Family::default(),
            leader: Gauge::default(),
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
                "Decisions that changed the number of workers, by direction and reason",
                self.scalings.clone(),
            );
            registry.register(
                "eventpipeline_operator_workers",
                "Workers of all pipelines together: desired, ready",
                self.workers.clone(),
            );
            registry.register(
                "eventpipeline_operator_conditions",
                "Pipelines by the status of each of their conditions",
                self.conditions.clone(),
            );
            registry.register(
                "eventpipeline_operator_leader",
                "1: this operator holds the Lease, or needs none",
                self.leader.clone(),
            );
            registry.register(
                "eventpipeline_operator_pipelines",
                "Pipelines looked after",
                self.pipelines.clone(),
            );
        });
    }

    /// Counts a decision that changed the number of workers.
    pub fn scaled(&self, decision: &Decision) {
        let direction = if decision.desired > decision.current { "up" } else { "down" };
        self.count_scaling(direction, decision.reason.word());
    }

    /// Likewise, in words.
    pub fn count_scaling(&self, direction: &'static str, reason: &'static str) {
        self.scalings.get_or_create(&Scaled { direction, reason }).inc();
    }

    /// Counts a pass.
    pub fn ended(&self, result: &'static str) {
        self.passes.get_or_create(&Ended { result }).inc();
    }
}

/// What one pipeline adds to the sums over all of them; taken away again when it is forgotten.
pub struct Share {
    metrics: Metrics,
    workers: (u32, u32),
    conditions: Vec<ConditionLabel>,
}

impl Share {
    /// Nothing yet.
    pub fn new(metrics: &Metrics) -> Self {
        Self { metrics: metrics.clone(), workers: (0, 0), conditions: Vec::new() }
    }

    /// Its workers: desired, ready.
    pub fn set_workers(&mut self, desired: u32, ready: u32) {
        let gauge = |state| self.metrics.workers.get_or_create(&StateLabel { state }).clone();
        gauge("desired").inc_by(i64::from(desired) - i64::from(self.workers.0));
        gauge("ready").inc_by(i64::from(ready) - i64::from(self.workers.1));
        self.workers = (desired, ready);
    }

    /// Its conditions: type and status.
    pub fn set_conditions<'a>(&mut self, conditions: impl Iterator<Item = (&'a str, &'a str)>) {
        let now =
            conditions.map(|(kind, status)| ConditionLabel { r#type: kind.into(), status: status.into() });
        let before = std::mem::replace(&mut self.conditions, now.collect());
        for label in &self.conditions {
            self.metrics.conditions.get_or_create(label).inc();
        }
        for label in &before {
            self.metrics.conditions.get_or_create(label).dec();
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set_workers(0, 0);
        self.set_conditions(std::iter::empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pipeline_added_is_gone_when_it_is_forgotten() {
        let metrics = Metrics::default();
        let workers = |state| metrics.workers.get_or_create(&StateLabel { state }).get();
        let ready = |status: &str| {
            let label = ConditionLabel { r#type: "Ready".into(), status: status.into() };
            metrics.conditions.get_or_create(&label).get()
        };
        let (mut one, mut two) = (Share::new(&metrics), Share::new(&metrics));
        one.set_workers(4, 3);
        two.set_workers(2, 2);
        one.set_workers(3, 3);
        assert_eq!((workers("desired"), workers("ready")), (5, 5));
        one.set_conditions([("Ready", "False")].into_iter());
        two.set_conditions([("Ready", "True")].into_iter());
        one.set_conditions([("Ready", "True")].into_iter());
        assert_eq!((ready("True"), ready("False")), (2, 0));
        drop(one);
        assert_eq!((workers("desired"), ready("True")), (2, 1));
    }
}
