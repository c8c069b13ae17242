//! `ScalingActive`, which the autoscaler writes.

use crd::conditions::{reasons, types};
use crd::{Certainty, DesiredState, Scaling};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::verdict::Verdict;
use crate::validate::{Fault, ValidatedPipeline};

/// What the autoscaler saw last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalingSeen {
    /// Whether there is a Deployment of workers.
    pub workers_exist: bool,
    /// How sure the lag is.
    pub certainty: Certainty,
    /// Whether more than `maxReplicas` were wanted.
    pub at_maximum: bool,
}

/// Whether the number of workers follows the lag, and what of the spec is not obeyed.
pub fn scaling_active(
    pipeline: &ValidatedPipeline,
    seen: &ScalingSeen,
    previous: &[Condition],
    now: &Time,
) -> Condition {
    let verdict = verdict(pipeline, seen);
    verdict.condition(types::SCALING_ACTIVE, pipeline.generation, previous, now)
}

/// The same of a pipeline whose spec is invalid, where no valid one is remembered.
pub fn scaling_invalid(faults: &[Fault], generation: i64, previous: &[Condition], now: &Time) -> Condition {
    let words: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let message = format!(
        "no valid spec is known to scale by: the number of workers stays as it is until the fields are corrected: {}",
        words.join("; ")
    );
    Verdict::no(reasons::INVALID_SPEC, message).condition(types::SCALING_ACTIVE, generation, previous, now)
}

fn verdict(pipeline: &ValidatedPipeline, seen: &ScalingSeen) -> Verdict {
    let workers = &pipeline.spec.workers;
    let replicas = workers.replicas;
    if pipeline.spec.desired_state != DesiredState::Running {
        return Verdict::no(reasons::PAUSED, "`desiredState` is not Running: there are no workers");
    }
    match workers.scaling {
        Scaling::Manual => {
            return Verdict::no(
                reasons::SCALING_MANUAL,
                format!("`scaling` is Manual: `replicas` is {replicas}"),
            );
        }
        Scaling::DryRun => {
            let message = format!(
                "`scaling` is DryRun: `replicas` is {replicas}; status.scaling has what the lag asks for"
            );
            return Verdict::no(reasons::DRY_RUN, message);
        }
        Scaling::Lag => {}
    }
    if !seen.workers_exist {
        return Verdict::no(
            reasons::WORKERS_NOT_CREATED,
            "workers are created once both collections are sharded",
        );
    }
    // 1 is the default: whoever has another number has set it, with kubectl scale for instance.
    let not_obeyed = if replicas == 1 {
        String::new()
    } else {
        format!("; `workers.replicas: {replicas}` is not obeyed while `scaling` is Lag, set Manual for that")
    };
    match (seen.certainty, seen.at_maximum) {
        (Certainty::Unknown, _) => Verdict::no(
            reasons::LAG_UNKNOWN,
            format!("the lag is unknown: the number of workers is held{not_obeyed}"),
        ),
        (_, true) => Verdict::yes(
            reasons::AT_MAXIMUM,
            format!(
                "more workers are wanted than `maxReplicas`, {}, allows{not_obeyed}",
                workers.max_replicas
            ),
        ),
        (Certainty::Estimated, false) => Verdict::yes(
            reasons::LAG_ESTIMATED,
            format!("the lag is an estimate: it may add workers, not take them away{not_obeyed}"),
        ),
        (Certainty::Known, false) => {
            Verdict::yes(reasons::LAG_KNOWN, format!("the number of workers follows the lag{not_obeyed}"))
        }
    }
}
