//! A restart: what comes back, what begins anew, and what a file that another release wrote may hold.

use plan::scaling::{Reason, Spec, State, decide};

use crate::plant::{Setup, run};

#[test]
fn with_its_state_a_restart_needs_no_extra_hold_and_goes_on_with_what_was_learned() {
    let setup = Setup { arrivals: |_| 500.0, seconds: 1200, ..Setup::default() };
    let first = run(&setup);
    let saved = serde_json::to_string(&first.state).unwrap();
    let mut state: State = serde_json::from_str(&saved).unwrap();
    assert!((state.worker_rate().unwrap() - 50.0).abs() < 5.0);

    // The load fell while nobody looked: the second line already knows it, and the peak is still paid for.
    let mut line = first.steps.last().unwrap().observation.clone();
    (line.lag_events, line.oldest_seconds) = (Some(0.0), Some(0.0));
    let mut reasons = Vec::new();
    while reasons.last() != Some(&Reason::LoadFell) && reasons.len() < 60 {
        line.at += 5.0;
        line.arrived_events = line.arrived_events.map(|n| n + 50.0);
        line.processed_events = line.processed_events.map(|n| n + 50.0);
        line.busy_seconds = line.busy_seconds.map(|n| n + 1.0);
        let (decision, next) = decide(state, &line, &setup.spec);
        reasons.push(decision.reason);
        state = next;
    }
    assert!(!reasons.contains(&Reason::HeldStabilizing), "{reasons:?}");
    assert_eq!(reasons[0], Reason::Steady, "the greatest rate of the window came back");
    assert_eq!(reasons.last(), Some(&Reason::LoadFell));
}

#[test]
fn without_a_state_nothing_is_lowered_for_the_longest_window() {
    let setup = Setup { arrivals: |_| 50.0, start: 10, seconds: 900, ..Setup::default() };
    let run = run(&setup);
    for step in &run.steps {
        let decision = &step.decision;
        if decision.at < 180.0 {
            assert!(decision.desired >= 10, "{}", decision.sentence());
        }
    }
    assert!(run.last().desired < 10);
    assert!(run.steps[1].decision.mu.is_none() && run.steps[2].decision.mu.is_some());
}

#[test]
fn a_changed_spec_keeps_the_memory_and_counts_at_once() {
    let run = run(&Setup { arrivals: |_| 500.0, seconds: 900, ..Setup::default() });
    let mut line = run.steps.last().unwrap().observation.clone();
    line.at += 5.0;
    let (decision, _) = decide(run.state, &line, &Spec { max_replicas: 6, ..Spec::default() });
    assert_eq!((decision.desired, decision.reason), (6, Reason::Bounds));
    assert!(decision.mu.is_some());
}

#[test]
fn unknown_fields_are_ignored_missing_ones_start_and_nonsense_is_no_memory() {
    let state: State = serde_json::from_str(r#"{"mu": 40.0, "later": {"a": 1}}"#).unwrap();
    assert_eq!((state.worker_rate(), state.startup_seconds()), (Some(40.0), 30.0));
    let state: State = serde_json::from_str(
        r#"{"mu": -3, "startup": -1, "ceiling": 0, "t0": 1e300, "peak": [1e300, -5], "desires": [[9, 3], [1, 2]]}"#,
    )
    .unwrap();
    assert_eq!((state.worker_rate(), state.sink_ceiling(), state.startup_seconds()), (None, None, 30.0));
    let saved = serde_json::to_value(&state).unwrap();
    assert_eq!(saved["desires"], serde_json::json!([[1.0, 2], [9.0, 3]]));
    assert_eq!((&saved["t0"], &saved["peak"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    assert!(serde_json::from_str::<State>(r#"{"mu": "fast"}"#).is_err());
}
