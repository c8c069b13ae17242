//! `spec.workers`: how many workers there are, and how each works. The fields of the autoscaler are those of
//! `plan::scaling::Spec`, each optional here, with its defaults and bounds.

use plan::scaling::{ScaleDown, ScaleUp, Spec};
use serde::Deserialize;

/// `spec.workers`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are the CRD's own")]
pub struct Workers {
    pub scaling: Option<Scaling>,
    pub replicas: Option<u64>,
    pub min_replicas: Option<u32>,
    pub max_replicas: Option<u32>,
    pub drain_target_seconds: Option<u32>,
    pub target_utilization_percent: Option<u32>,
    pub max_age_seconds: Option<u32>,
    pub poll_period_seconds: Option<u32>,
    pub scale_up: Option<ScaleUp>,
    pub scale_down: Option<ScaleDown>,
    pub idle_after_seconds: Option<u32>,
    pub batch_events: Option<u64>,
    pub max_deliveries: Option<u64>,
    pub claim_idle_seconds: Option<u64>,
    pub drain_timeout_seconds: Option<u64>,
    resources: Option<serde_json::Value>,
}

/// `spec.workers.scaling`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Scaling {
    /// By the lag of the queue.
    #[default]
    Lag,
    /// `replicas` is obeyed.
    Manual,
    /// Decided and reported, not done.
    DryRun,
}

impl Workers {
    /// What the autoscaler is asked for. A number outside its bounds is refused by the name of its field.
    pub fn law(&self) -> Result<Spec, String> {
        let spec = self.unchecked();
        spec.check().map_err(|error| error.to_string())?;
        Ok(spec)
    }

    /// Every number that the law cannot work with.
    pub(super) fn law_faults(&self) -> Vec<String> {
        self.unchecked().faults().iter().map(ToString::to_string).collect()
    }

    fn unchecked(&self) -> Spec {
        let default = Spec::default();
        Spec {
            min_replicas: self.min_replicas.unwrap_or(default.min_replicas),
            max_replicas: self.max_replicas.unwrap_or(default.max_replicas),
            drain_target_seconds: self.drain_target_seconds.unwrap_or(default.drain_target_seconds),
            target_utilization_percent: self
                .target_utilization_percent
                .unwrap_or(default.target_utilization_percent),
            max_age_seconds: self.max_age_seconds.unwrap_or(default.max_age_seconds),
            poll_period_seconds: self.poll_period_seconds.unwrap_or(default.poll_period_seconds),
            scale_up: self.scale_up.clone().unwrap_or_default(),
            scale_down: self.scale_down.clone().unwrap_or_default(),
            idle_after_seconds: self.idle_after_seconds.unwrap_or(default.idle_after_seconds),
        }
    }

    /// The fields given that only a cluster uses.
    pub(super) fn not_used_here(&self) -> Option<&'static str> {
        self.resources.is_some().then_some("workers.resources")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workers(text: &str) -> Result<Workers, String> {
        serde_yaml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn no_field_is_the_law_by_its_defaults_and_given_ones_change_only_themselves() {
        assert_eq!(workers("{}").unwrap().law().unwrap(), Spec::default());
        let spec =
            workers("{maxReplicas: 50, scaleDown: {stabilizationSeconds: 60}}").unwrap().law().unwrap();
        let mut expected = Spec { max_replicas: 50, ..Spec::default() };
        expected.scale_down.stabilization_seconds = 60;
        assert_eq!(spec, expected);
    }

    #[test]
    fn a_number_out_of_bounds_is_refused_with_its_path() {
        for (text, words) in [
            ("{maxReplicas: 0}", "spec.workers.maxReplicas: 0 is not within 1 to 1000"),
            ("{scaleUp: {minStep: 0}}", "spec.workers.scaleUp.minStep: 0"),
            ("{targetUtilizationPercent: 101}", "spec.workers.targetUtilizationPercent: 101"),
            ("{minReplicas: 20}", "minReplicas: 20 is above maxReplicas 10"),
        ] {
            let error = workers(text).unwrap().law().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        for (text, word) in [
            ("{minReplicas: -1}", "minReplicas"),
            ("{scaleUp: {step: 3}}", "step"),
            ("{scaling: Auto}", "Auto"),
        ] {
            let error = workers(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
