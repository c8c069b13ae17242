//! What the user asked for: the fields of `spec.workers` that the law reads, their defaults and their bounds.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// `spec.workers`, as far as it is about their number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Spec {
    /// Never fewer workers; 0 lets the pipeline sleep.
    pub min_replicas: u32,
    /// Never more.
    pub max_replicas: u32,
    /// A backlog that stands is drained within this.
    pub drain_target_seconds: u32,
    /// How busy workers are at a steady load; the rest is headroom that is always paid.
    pub target_utilization_percent: u32,
    /// No queued event should get older: three quarters of it are the aim, the whole is the alarm.
    pub max_age_seconds: u32,
    /// Between two observations.
    pub poll_period_seconds: u32,
    /// How fast the fleet may grow.
    pub scale_up: ScaleUp,
    /// How fast it may shrink.
    pub scale_down: ScaleDown,
    /// With `minReplicas` 0 the last worker leaves after this long without an event.
    pub idle_after_seconds: u32,
}

/// `spec.workers.scaleUp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ScaleUp {
    /// A raise must have been wanted for this long; skipped while an event is older than `maxAgeSeconds`.
    pub stabilization_seconds: u32,
    /// One decision multiplies the fleet by at most this …
    pub max_factor_percent: u32,
    /// … or adds this many workers, whichever is more.
    pub min_step: u32,
}

/// `spec.workers.scaleDown`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ScaleDown {
    /// The greatest arrival rate of this window stays paid for.
    pub stabilization_seconds: u32,
    /// At most this share of the greatest fleet of a period leaves at once; one worker may always go.
    pub max_percent: u32,
    /// At most one lowering in it, and none within it of any change.
    pub period_seconds: u32,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            min_replicas: 1,
            max_replicas: 10,
            drain_target_seconds: 60,
            target_utilization_percent: 80,
            max_age_seconds: 120,
            poll_period_seconds: 5,
            scale_up: ScaleUp::default(),
            scale_down: ScaleDown::default(),
            idle_after_seconds: 300,
        }
    }
}

impl Default for ScaleUp {
    fn default() -> Self {
        Self { stabilization_seconds: 0, max_factor_percent: 400, min_step: 4 }
    }
}

impl Default for ScaleDown {
    fn default() -> Self {
        Self { stabilization_seconds: 180, max_percent: 50, period_seconds: 60 }
    }
}

impl Spec {
    /// What the law reads of a pipeline in a cluster, which took care of the bounds.
    pub fn of(workers: &crd::Workers) -> Self {
        let n = |number: i32| u32::try_from(number).unwrap_or(0);
        Self {
            min_replicas: n(workers.min_replicas),
            max_replicas: n(workers.max_replicas),
            drain_target_seconds: n(workers.drain_target_seconds),
            target_utilization_percent: n(workers.target_utilization_percent),
            max_age_seconds: n(workers.max_age_seconds),
            poll_period_seconds: n(workers.poll_period_seconds),
            scale_up: ScaleUp {
                stabilization_seconds: n(workers.scale_up.stabilization_seconds),
                max_factor_percent: n(workers.scale_up.max_factor_percent),
                min_step: n(workers.scale_up.min_step),
            },
            scale_down: ScaleDown {
                stabilization_seconds: n(workers.scale_down.stabilization_seconds),
                max_percent: n(workers.scale_down.max_percent),
                period_seconds: n(workers.scale_down.period_seconds),
            },
            idle_after_seconds: n(workers.idle_after_seconds),
        }
    }

    /// Every field with its bounds.
    fn fields(&mut self) -> [(&mut u32, RangeInclusive<u32>); 13] {
        let (up, down) = (&mut self.scale_up, &mut self.scale_down);
        [
            (&mut self.min_replicas, 0..=1000),
            // A worker is a pod; a thousand of them is a cluster of its own.
            (&mut self.max_replicas, 1..=1000),
            (&mut self.drain_target_seconds, 1..=86_400),
            // Below 10 the headroom would be nine times the work.
            (&mut self.target_utilization_percent, 10..=100),
            (&mut self.max_age_seconds, 1..=86_400),
            // Above a minute the rate window holds no line.
            (&mut self.poll_period_seconds, 1..=60),
            // The windows are bounded, `window::ENTRIES_MAX`: an hour at the default poll fits.
            (&mut up.stabilization_seconds, 0..=3600),
            (&mut up.max_factor_percent, 100..=100_000),
            (&mut up.min_step, 1..=1000),
            (&mut down.stabilization_seconds, 0..=3600),
            (&mut down.max_percent, 0..=100),
            (&mut down.period_seconds, 0..=3600),
            (&mut self.idle_after_seconds, 0..=86_400),
        ]
    }

    /// The nearest spec whose fields are all within their bounds. `maxReplicas` wins over `minReplicas`: it is the one about money.
    #[must_use]
    pub fn bounded(&self) -> Self {
        let mut spec = self.clone();
        for (value, bounds) in spec.fields() {
            *value = (*value).clamp(*bounds.start(), *bounds.end());
        }
        spec.min_replicas = spec.min_replicas.min(spec.max_replicas);
        spec
    }

    /// `ρ`: the busy share of a worker at steady load.
    pub(super) fn utilization(&self) -> f64 {
        f64::from(self.target_utilization_percent) / 100.0
    }

    /// `T`: the age aimed at. A quarter of the promise is left for measuring late and starting late.
    pub(super) fn target_age(&self) -> f64 {
        f64::from(self.drain_target_seconds).min(0.75 * f64::from(self.max_age_seconds))
    }
}
