//! What the law promises, asserted at every poll of plants drawn at random.

use plan::scaling::{Observation, Reason, ScaleDown, ScaleUp, Spec, State, decide};
use proptest::prelude::*;

use crate::plant::{Random, Run, Setup, Step, run};

fn specs() -> impl Strategy<Value = Spec> {
    let up = (0_u32..60, 100_u32..500, 1_u32..6).prop_map(
        |(stabilization_seconds, max_factor_percent, min_step)| ScaleUp {
            stabilization_seconds,
            max_factor_percent,
            min_step,
        },
    );
    let down = (0_u32..240, 0_u32..=100, 0_u32..120).prop_map(
        |(stabilization_seconds, max_percent, period_seconds)| ScaleDown {
            stabilization_seconds,
            max_percent,
            period_seconds,
        },
    );
    let targets = (1_u32..200, 50_u32..=100, 5_u32..300, 0_u32..400);
    (0_u32..4, 0_u32..40, targets, up, down).prop_map(
        |(min, more, (drain, utilization, age, idle), scale_up, scale_down)| Spec {
            min_replicas: min,
            max_replicas: (min + more).max(1),
            drain_target_seconds: drain,
            target_utilization_percent: utilization,
            max_age_seconds: age,
            poll_period_seconds: 5,
            scale_up,
            scale_down,
            idle_after_seconds: idle,
        },
    )
}

/// Quiet, bursts and steps, and a tail without arrivals so that fleets go to zero.
fn arrivals(at: u32) -> f64 {
    match at / 120 % 8 {
        0 | 5 | 6 | 7 => 0.0,
        1 => 40.0,
        2 => 700.0,
        3 if at % 120 == 60 => 30_000.0,
        3 => 100.0,
        _ => 300.0,
    }
}

/// Nulls, counters that go back, orphans, ages without a lag: a tenth of the lines each.
fn spoil(now: u32, line: &mut Observation) {
    let mut random = Random(u64::from(now) / 15);
    match random.below(24) {
        0 => line.lag_events = None,
        1 => line.lag_events = Some(-1.0),
        2 => (line.lag_events, line.pending_events) = (None, None),
        3 => (line.arrived_events, line.processed_events) = (Some(0.0), Some(0.0)),
        4 => line.orphaned_events = Some(40.0),
        5 => (line.oldest_seconds, line.busy_seconds) = (None, None),
        6 => line.pending_events = Some(3.0),
        7 => line.workers.starting += 1,
        _ => {}
    }
}

fn setups() -> impl Strategy<Value = Setup> {
    (specs(), any::<u64>(), 0_u32..12, 1_u32..100, any::<bool>(), 0_usize..3).prop_map(
        |(spec, seed, start, startup_seconds, spoiled, sink)| Setup {
            seconds: 1500,
            arrivals,
            sink: [|_| f64::INFINITY, |_| 180.0, |t| if t % 400 < 90 { 0.0 } else { 500.0 }][sink],
            startup_seconds,
            spoil: if spoiled { spoil } else { |_, _| {} },
            start,
            seed,
            spec,
            ..Setup::default()
        },
    )
}

fn desired(step: &Step, spec: &Spec, change: impl Fn(&mut Observation)) -> u32 {
    let mut line = step.observation.clone();
    change(&mut line);
    decide(step.before.clone(), &line, spec).0.desired
}

fn inside(spec: &Spec, n: u32) -> u32 {
    n.clamp(spec.min_replicas, spec.max_replicas)
}

/// The numbers in force or asked for since `period` seconds before a poll, this one's included.
fn period<'a>(run: &'a Run, i: usize, spec: &Spec) -> &'a [Step] {
    let from = run.steps[i].observation.at - f64::from(spec.scale_down.period_seconds);
    let first = run.steps[..i].iter().rposition(|step| step.observation.at < from).map_or(0, |last| last + 1);
    &run.steps[first..=i]
}

fn lowering_keeps_its_limits(run: &Run, i: usize, spec: &Spec) -> Result<(), TestCaseError> {
    let decision = &run.steps[i].decision;
    let steps = period(run, i, spec);
    let from = decision.at - f64::from(spec.scale_down.period_seconds);
    // Exactly a period back, what was decided then is in force since.
    let in_force = |s: &Step| {
        let then = s.observation.at <= from && s.observation.at < decision.at;
        if then { s.decision.desired } else { s.decision.current }
    };
    let top = steps.iter().map(in_force).max().unwrap_or(0).min(spec.max_replicas);
    let share = top * (100 - spec.scale_down.max_percent) / 100;
    prop_assert!(decision.desired >= share.min(top.saturating_sub(1)), "{decision:?} from {top}");
    // The last step to zero has a wait of its own.
    if decision.reason != Reason::WentIdle {
        let before = &steps[..steps.len() - 1];
        // The first of them may lie exactly a period back, and that is far enough.
        let changed = before.iter().filter(|s| s.decision.is_change() && s.observation.at > from);
        prop_assert_eq!(changed.count(), 0, "no lowering within a period of a change: {:?}", decision);
    }
    Ok(())
}

fn zero_is_earned(run: &Run, i: usize, spec: &Spec) -> Result<(), TestCaseError> {
    let step = &run.steps[i];
    let line = &step.observation;
    prop_assert_eq!((step.decision.current, spec.min_replicas), (1, 0));
    prop_assert!(line.orphaned_events.is_none_or(|orphaned| orphaned <= 0.0));
    prop_assert_eq!((line.pending_events, line.workers.starting), (Some(0.0), 0));
    prop_assert_eq!(step.decision.lag_events, Some(0.0));
    let from = line.at - f64::from(spec.idle_after_seconds);
    for earlier in run.steps[..=i].iter().filter(|s| s.observation.at > from) {
        prop_assert!(earlier.observation.lag_events.is_some_and(|lag| lag >= 0.0), "no unknown line");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn every_poll_keeps_every_promise(setup in setups()) {
        let spec = &setup.spec;
        let run = run(&setup);
        for (i, step) in run.steps.iter().enumerate() {
            let (decision, line) = (&step.decision, &step.observation);
            let n = decision.current;

            // The same in, the same out, bit by bit.
            let (again, after) = decide(step.before.clone(), line, spec);
            prop_assert_eq!(&again, decision);
            if let Some(next) = run.steps.get(i + 1) {
                prop_assert_eq!(&after, &next.before);
            }

            // Inside the bounds, and at once when it was not.
            prop_assert!((spec.min_replicas..=spec.max_replicas).contains(&decision.desired));
            if inside(spec, n) != n {
                prop_assert_eq!(decision.desired, inside(spec, n));
                prop_assert_eq!(decision.reason, Reason::Bounds);
                continue;
            }

            // More lag never asks for fewer, nor does more age.
            let mut least = 0;
            for lag in [0.0, 1.0, 30.0, 400.0, 5000.0, 60_000.0, 9e6] {
                let desired = desired(step, spec, |line| line.lag_events = Some(lag));
                prop_assert!(desired >= least, "lag {} asks for {} after {}", lag, desired, least);
                least = desired;
            }
            if line.lag_events.is_some_and(|lag| lag > 0.0) {
                least = 0;
                for age in [0.0, 0.5, 10.0, 50.0, 100.0, 1000.0] {
                    let desired = desired(step, spec, |line| line.oldest_seconds = Some(age));
                    prop_assert!(desired >= least, "age {} asks for {} after {}", age, desired, least);
                    least = desired;
                }
            }

            // Unknown never lowers, whatever else the line says.
            for lag in [None, Some(-99.0)] {
                for counters in [false, true] {
                    let desired = desired(step, spec, |line| {
                        line.lag_events = lag;
                        if counters {
                            (line.arrived_events, line.pending_events) = (None, None);
                        }
                    });
                    prop_assert!(desired >= n.min(spec.max_replicas));
                }
            }

            // Steps.
            if n > 0 {
                let factor = n * spec.scale_up.max_factor_percent / 100;
                prop_assert!(decision.desired <= factor.max(n + spec.scale_up.min_step).max(spec.min_replicas));
            }
            if decision.desired < n {
                lowering_keeps_its_limits(&run, i, spec)?;
            }
            if n > 0 && decision.desired == 0 {
                zero_is_earned(&run, i, spec)?;
            }

            // A reason is what it says.
            let reason = decision.reason;
            if reason.is_hold() || reason == Reason::Steady || reason == Reason::Idle {
                prop_assert_eq!(decision.desired, n, "{:?}", reason);
            }
            if matches!(reason, Reason::ArrivalRate | Reason::BacklogAboveTarget | Reason::WokeUp) {
                prop_assert!(decision.desired > n, "{:?}", reason);
            }
            if matches!(reason, Reason::LoadFell | Reason::WentIdle) {
                prop_assert!(decision.desired < n, "{:?}", reason);
            }
            if let (Reason::SinkCeiling, Some(ceiling), Some(mu)) = (reason, decision.ceiling, decision.mu) {
                let kept = decision.desired >= n || f64::from(decision.desired) >= (ceiling / mu - 1e-6).ceil();
                prop_assert!(kept, "{:?}", decision);
            }

            // What is saved reads back to the same bytes, and stays small.
            let saved = serde_json::to_string(&after).unwrap();
            prop_assert!(saved.len() < 4096);
            let loaded: State = serde_json::from_str(&saved).unwrap();
            prop_assert_eq!(serde_json::to_string(&loaded).unwrap(), saved);
        }
    }
}

type Arrivals = fn(u32) -> f64;

#[test]
fn a_constant_load_from_any_start_reverses_once_at_most_and_then_only_lowers_singly() {
    let rates: [(Arrivals, f64); 5] =
        [(|_| 60.0, 60.0), (|_| 210.0, 210.0), (|_| 430.0, 430.0), (|_| 777.0, 777.0), (|_| 1300.0, 1300.0)];
    for (arrivals, rate) in rates {
        for start in [1, 4, 18, 50] {
            for seed in 1..=3 {
                let setup = Setup { arrivals, start, seed, seconds: 3600, ..Setup::default() };
                let run = run(&setup);
                let directions = run.directions();
                assert!(run.reversals() <= 1, "{rate}/s from {start}: {directions:?}");
                let settled = run.steps.iter().filter(|s| s.observation.at > 600.0);
                let lowest = settled.map(|s| s.decision.desired).min().unwrap();
                assert!(f64::from(lowest) >= (rate / 50.0).ceil(), "{lowest} workers for {rate}/s");
                let reversal = directions.iter().rposition(|sign| *sign > 0).map_or(0, |last| last + 1);
                assert!(directions[reversal..].iter().all(|sign| *sign < 0));
            }
        }
    }
}

#[test]
fn a_worker_that_slows_down_is_more_workers_and_never_a_spiral_to_one() {
    let setup = Setup {
        arrivals: |_| 400.0,
        per_worker: |t| if t < 1500 { 50.0 } else { 20.0 },
        noise: 0.05,
        start: 10,
        ..Setup::default()
    };
    for seed in 1..=5 {
        let run = run(&Setup { seed, ..setup.clone() });
        assert!(run.last().desired >= 20, "400/s by workers of 20/s: {}", run.last().sentence());
        assert!(run.ages[run.ages.len() - 1] < 300.0);
    }
}

#[test]
fn a_lone_worker_that_becomes_two_hundred_times_slower_is_not_left_alone() {
    let setup = Setup {
        arrivals: |t| if t < 900 { 2000.0 } else { 100.0 },
        per_worker: |t| if t < 900 { 12_000.0 } else { 60.0 },
        noise: 0.05,
        seconds: 3600,
        start: 1,
        ..Setup::default()
    };
    for seed in 1..=5 {
        let run = run(&Setup { seed, ..setup.clone() });
        assert!(run.last().desired >= 2, "100/s by workers of 60/s: {}", run.last().sentence());
        assert_eq!(run.last().lag_events.map(|lag| lag < 500.0), Some(true), "{}", run.last().sentence());
    }
}

#[test]
fn a_slow_sink_ends_near_its_ceiling_and_is_left_when_it_recovers() {
    let setup = Setup {
        arrivals: |_| 1000.0,
        sink: |t| if (600..3600).contains(&t) { 400.0 } else { f64::INFINITY },
        start: 25,
        seconds: 10_800,
        ..Setup::default()
    };
    for seed in 1..=3 {
        let run = run(&Setup { seed, ..setup.clone() });
        let near = |s: &&Step| (1500.0..3600.0).contains(&s.observation.at);
        let capped: Vec<u32> = run.steps.iter().filter(near).map(|s| s.decision.desired).collect();
        assert!(capped.iter().all(|n| *n >= 8), "never below what the sink takes");
        assert!(capped.iter().filter(|n| **n <= 14).count() > capped.len() / 2, "{capped:?}");
        assert!(run.last().ceiling.is_none() && run.last().desired >= 20, "{}", run.last().sentence());
        assert_eq!(run.last().lag_events.map(|lag| lag < 2000.0), Some(true));
    }
}
