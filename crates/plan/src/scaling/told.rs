//! A decision as the status holds it: whole numbers and words, for people and for whoever reads the API server.

use crd::{EventPipelineStatus, ScalingStatus, ScalingTerms};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::decision::Decision;
use super::state::State;

impl Decision {
    /// `status.scaling`: this decision, when the number was last changed, and what is remembered over a restart.
    #[allow(clippy::cast_possible_truncation, reason = "counts and rates; a cast of a float saturates")]
    pub fn status(&self, state: &State, changed_at: Option<Time>) -> ScalingStatus {
        let count = |number: f64| number.round() as i64;
        let workers = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let milli = |number: f64| (number * 1000.0).round() as i64;
        ScalingStatus {
            current: workers(self.current),
            desired: workers(self.desired),
            reason: self.reason.word().to_owned(),
            message: self.sentence(),
            lag_events: self.lag_events.map(count),
            certainty: Some(self.certainty.word().to_owned()),
            oldest_seconds: self.oldest_seconds.map(count),
            arrivals_per_second: Some(count(self.rates.arrival)),
            worker_events_per_second: self.mu.map(count),
            sink_ceiling_per_second: self.ceiling.map(count),
            startup_seconds: Some(count(self.startup)),
            terms: self.terms.map(|terms| ScalingTerms {
                steady_milli: milli(terms.steady),
                deadline_milli: milli(terms.dead),
                drain_milli: milli(terms.drain),
            }),
            clamps: self
                .clamps
                .iter()
                .map(|clamp| crd::Clamp {
                    by: clamp.by.word().to_owned(),
                    from: workers(clamp.from),
                    to: workers(clamp.to),
                })
                .collect(),
            changed_at,
            learned: serde_json::to_string(state).ok(),
        }
    }
}

/// Whether a status still says what was written to it: this condition and, where there is one, this decision. Somebody
/// may have erased it; its numbers alone may be older.
pub fn still_told(
    living: Option<&EventPipelineStatus>,
    scaling: Option<&ScalingStatus>,
    condition: &Condition,
) -> bool {
    let decided = |scaling: &ScalingStatus| (scaling.current, scaling.desired, scaling.reason.clone());
    let Some(living) = living else { return false };
    let told = scaling.is_none_or(|scaling| living.scaling.as_ref().map(decided) == Some(decided(scaling)));
    told && living.conditions.contains(condition)
}
