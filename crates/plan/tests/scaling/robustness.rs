//! Any line at all: an answer, no panic, no NaN, inside the bounds.

use plan::scaling::{Observation, ScaleDown, ScaleUp, Spec, State, Workers, decide};
use proptest::prelude::*;

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        (-10_i32..100_000).prop_map(f64::from),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(9_007_199_254_740_992.0),
        Just(0.0),
    ]
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![0_u32..20, any::<u32>()]
}

fn lines() -> impl Strategy<Value = Observation> {
    let some = || prop::option::weighted(0.8, number());
    let workers = (count(), count(), count(), count()).prop_map(|(desired, ready, starting, terminating)| {
        Workers { desired, ready, starting, terminating }
    });
    (number(), some(), some(), some(), some(), some(), some(), some(), some(), workers).prop_map(
        |(at, lag, pending, orphaned, oldest, arrived, processed, busy, errors, workers)| Observation {
            at,
            lag_events: lag,
            pending_events: pending,
            orphaned_events: orphaned,
            oldest_seconds: oldest,
            arrived_events: arrived,
            processed_events: processed,
            busy_seconds: busy,
            workers,
            sink_errors: errors,
        },
    )
}

fn specs() -> impl Strategy<Value = Spec> {
    prop::array::uniform13(prop_oneof![0_u32..200, any::<u32>()]).prop_map(
        |[min, max, drain, busy, age, poll, up, factor, step, down, percent, period, idle]| Spec {
            min_replicas: min,
            max_replicas: max,
            drain_target_seconds: drain,
            target_utilization_percent: busy,
            max_age_seconds: age,
            poll_period_seconds: poll,
            scale_up: ScaleUp { stabilization_seconds: up, max_factor_percent: factor, min_step: step },
            scale_down: ScaleDown {
                stabilization_seconds: down,
                max_percent: percent,
                period_seconds: period,
            },
            idle_after_seconds: idle,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_lines_under_any_spec_are_answered(
        spec in specs(),
        grows in any::<bool>(),
        lines in prop::collection::vec(lines(), 1..60),
    ) {
        let mut state = State::default();
        let sound = spec == spec.bounded();
        for (i, mut line) in (0_u32..).zip(lines) {
            if grows {
                line.at = f64::from(i) * 5.0;
            }
            let (decision, next) = decide(state, &line, &spec);
            // A spec with a field out of its bounds is decided with the nearest one that does.
            prop_assert!(decision.desired <= 1000);
            if sound {
                prop_assert!((spec.min_replicas..=spec.max_replicas).contains(&decision.desired));
            }
            let text = serde_json::to_value(&decision).unwrap();
            for field in ["at", "startup"] {
                prop_assert!(text[field].is_number(), "{}", text);
            }
            for rate in ["arrival", "base", "fast"] {
                prop_assert!(text["rates"][rate].as_f64().is_some_and(|rate| rate >= 0.0), "{}", text);
            }
            if !text["terms"].is_null() {
                for term in ["steady", "dead", "drain"] {
                    prop_assert!(text["terms"][term].as_f64().is_some_and(|term| term >= 0.0), "{}", text);
                }
            }
            prop_assert!(!decision.sentence().is_empty());
            let saved = serde_json::to_string(&next).unwrap();
            prop_assert!(saved.len() < 4096, "{} bytes", saved.len());
            let loaded: State = serde_json::from_str(&saved).unwrap();
            prop_assert_eq!(serde_json::to_string(&loaded).unwrap(), saved);
            state = next;
        }
    }
}

#[test]
fn a_clock_that_went_back_an_hour_holds_a_lowering_for_a_window_and_not_for_an_hour() {
    let spec = Spec::default();
    let line = |at: f64| Observation {
        at,
        lag_events: Some(0.0),
        pending_events: Some(0.0),
        oldest_seconds: Some(0.0),
        arrived_events: Some(at * 10.0),
        processed_events: Some(at * 10.0),
        busy_seconds: Some(at * 0.2),
        workers: Workers { desired: 8, ready: 8, starting: 0, terminating: 0 },
        ..Observation::default()
    };
    let mut state = State::default();
    for i in 0..10 {
        state = decide(state, &line(7200.0 + f64::from(i) * 5.0), &spec).1;
    }
    let lowered = (0..60).find_map(|i| {
        let at = 3600.0 + f64::from(i) * 5.0;
        let (decision, next) = decide(std::mem::take(&mut state), &line(at), &spec);
        state = next;
        (decision.desired < 8).then_some(at)
    });
    assert!(lowered.is_some_and(|at| at <= 3600.0 + 200.0), "{lowered:?}");
}

#[test]
fn a_time_that_stands_still_loses_no_growth_and_gives_no_rate() {
    let spec = Spec::default();
    let line = |at: f64, arrived: f64| Observation {
        at,
        lag_events: Some(0.0),
        arrived_events: Some(arrived),
        workers: Workers { desired: 1, ready: 1, ..Workers::default() },
        ..Observation::default()
    };
    let (_, state) = decide(State::default(), &line(0.0, 0.0), &spec);
    let (decision, state) = decide(state, &line(0.0, 500.0), &spec);
    assert!(decision.rates.arrival.abs() < 1e-9);
    let (decision, _) = decide(state, &line(5.0, 500.0), &spec);
    assert!((decision.rates.arrival - 100.0).abs() < 1e-9, "{decision:?}");
}

#[test]
fn counters_that_went_back_give_no_negative_rate_and_keep_what_was_learned() {
    let spec = Spec::default();
    let line = |at: f64, counted: f64| Observation {
        at,
        lag_events: Some(10.0),
        pending_events: Some(0.0),
        oldest_seconds: Some(0.1),
        arrived_events: Some(counted),
        processed_events: Some(counted),
        busy_seconds: Some(counted / 50.0),
        workers: Workers { desired: 3, ready: 3, ..Workers::default() },
        ..Observation::default()
    };
    let mut state = State::default();
    for i in 0..20 {
        state = decide(state, &line(f64::from(i) * 5.0, 10_000.0 + f64::from(i) * 500.0), &spec).1;
    }
    let (reset, state) = decide(state, &line(100.0, 20.0), &spec);
    assert_eq!((reset.rates.arrival, reset.rates.processed, reset.mu), (100.0, None, Some(50.0)));
    let (next, _) = decide(state, &line(105.0, 520.0), &spec);
    assert_eq!((next.rates.arrival, next.rates.processed, next.mu), (100.0, Some(100.0), Some(50.0)));
}
