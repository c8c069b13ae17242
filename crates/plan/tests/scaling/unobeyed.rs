//! Decisions that nobody obeys, and what is told of decisions.

use crd::EventPipelineStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use plan::scaling::{Observation, Reason, Spec, State, Workers, advise, decide, still_told};

/// A poll of a fleet of eight that has stored 50 events a second and now has nothing to do.
fn at_rest(poll: u32) -> Observation {
    let (at, events) = (f64::from(poll) * 5.0, f64::from(poll.min(12)) * 250.0);
    Observation {
        at,
        lag_events: Some(0.0),
        pending_events: Some(0.0),
        orphaned_events: Some(0.0),
        oldest_seconds: Some(0.0),
        arrived_events: Some(events),
        processed_events: Some(events),
        busy_seconds: Some(events / 50.0),
        workers: Workers { desired: 8, ready: 8, starting: 0, terminating: 0 },
        sink_errors: Some(0.0),
    }
}

#[test]
fn what_is_not_obeyed_says_the_same_for_as_long_as_nothing_happens() {
    let spec = Spec::default();
    let mut state = State::default();
    let mut told = Vec::new();
    // The stabilization ends, and then ten minutes.
    for poll in 0..60 + 120 {
        let (decision, next) = advise(state, &at_rest(poll), &spec);
        state = next;
        let status = decision.status(&state, None);
        told.push((decision.gist(), status.desired, status.reason));
    }
    let rest = &told[60..];
    assert!(rest.iter().all(|now| *now == rest[0]), "{rest:?}");
    assert_eq!((rest[0].1, rest[0].2.as_str()), (4, Reason::LoadFell.word()));
}

#[test]
fn a_lowering_that_was_answered_and_not_obeyed_is_tried_again_only_after_a_period() {
    let spec = Spec::default();
    let mut state = State::default();
    let mut lowerings = Vec::new();
    for poll in 0..180 {
        let (decision, next) = decide(state, &at_rest(poll), &spec);
        state = next;
        if decision.is_change() {
            lowerings.push(decision.at);
        }
    }
    assert!(
        lowerings.len() > 3 && lowerings.windows(2).all(|pair| pair[1] - pair[0] >= 60.0),
        "{lowerings:?}"
    );
}

#[test]
fn what_was_erased_from_the_status_is_told_again() {
    let (decision, state) = decide(State::default(), &at_rest(0), &Spec::default());
    let scaling = decision.status(&state, None);
    let condition = Condition {
        type_: "ScalingActive".into(),
        status: "True".into(),
        reason: "LagKnown".into(),
        message: "the number of workers follows the lag".into(),
        observed_generation: Some(1),
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
    };
    let written = EventPipelineStatus {
        scaling: Some(scaling.clone()),
        conditions: vec![condition.clone()],
        ..EventPipelineStatus::default()
    };
    let told = |living: &EventPipelineStatus| still_told(Some(living), Some(&scaling), &condition);
    assert!(told(&written));
    let mut older = written.clone();
    older.scaling.as_mut().unwrap().lag_events = Some(7);
    assert!(told(&older), "numbers alone wait");
    assert!(!told(&EventPipelineStatus { scaling: None, ..written.clone() }));
    assert!(!told(&EventPipelineStatus { conditions: Vec::new(), ..written.clone() }));
    assert!(!still_told(None, Some(&scaling), &condition));
    let unscaled = EventPipelineStatus { scaling: None, ..written };
    assert!(still_told(Some(&unscaled), None, &condition), "before the first decision there is none");
}
