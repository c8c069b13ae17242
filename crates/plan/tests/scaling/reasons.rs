//! Every reason, reached by lines written by hand, and how each reads: to a program and to a person.

use std::collections::BTreeMap;

use crd::Certainty;
use plan::scaling::{
    ClampBy, Decision, Note, Observation, Reason, ScaleUp, Spec, State, Workers, decide, explain,
};

/// Lines five seconds apart, of a fleet whose workers do 50/s each.
struct Hand {
    spec: Spec,
    state: State,
    line: Observation,
}

impl Hand {
    fn new(spec: Spec, workers: u32) -> Self {
        let line = Observation {
            lag_events: Some(0.0),
            pending_events: Some(0.0),
            orphaned_events: Some(0.0),
            oldest_seconds: Some(0.0),
            arrived_events: Some(0.0),
            processed_events: Some(0.0),
            busy_seconds: Some(0.0),
            workers: Workers { desired: workers, ready: workers, starting: 0, terminating: 0 },
            sink_errors: Some(0.0),
            ..Observation::default()
        };
        Self { spec, state: State::default(), line }
    }

    /// Five seconds in which events arrived and were processed at these rates.
    fn next(&mut self, arrived: f64, processed: f64, lag: Option<f64>, age: Option<f64>) -> Decision {
        self.line.at += 5.0;
        let grow = |counter: &mut Option<f64>, by: f64| *counter = counter.map(|value| value + by);
        grow(&mut self.line.arrived_events, 5.0 * arrived);
        grow(&mut self.line.processed_events, 5.0 * processed);
        grow(&mut self.line.busy_seconds, 5.0 * processed / 50.0);
        (self.line.lag_events, self.line.oldest_seconds) = (lag, age);
        let (decision, state) = decide(std::mem::take(&mut self.state), &self.line, &self.spec);
        self.state = state;
        decision
    }

    /// As many lines of a fleet that keeps up.
    fn keep_up(&mut self, lines: u32, rate: f64) -> Decision {
        for _ in 1..lines {
            self.next(rate, rate, Some(0.0), Some(0.0));
        }
        self.next(rate, rate, Some(0.0), Some(0.0))
    }

    fn fleet(&mut self, ready: u32, starting: u32) {
        self.line.workers = Workers { desired: ready + starting, ready, starting, terminating: 0 };
    }
}

fn defaults() -> Spec {
    Spec::default()
}

fn sleeping() -> Spec {
    Spec { min_replicas: 0, ..Spec::default() }
}

fn went_idle() -> (Hand, Decision) {
    let mut hand = Hand::new(sleeping(), 1);
    hand.keep_up(4, 30.0);
    let decision = hand.keep_up(60, 0.0);
    (hand, decision)
}

fn found_ceiling() -> Hand {
    let mut hand = Hand::new(Spec { max_replicas: 40, ..defaults() }, 8);
    hand.keep_up(40, 300.0);
    // Eight workers are held to 200/s, and sixteen get no more.
    let saturated = |hand: &mut Hand, lines: u32| {
        for _ in 0..lines {
            hand.line.busy_seconds = hand
                .line
                .busy_seconds
                .map(|busy| busy + 5.0 * f64::from(hand.line.workers.ready) - 5.0 * 200.0 / 50.0);
            hand.next(300.0, 200.0, Some(9000.0), Some(20.0));
        }
    };
    saturated(&mut hand, 4);
    hand.fleet(16, 0);
    saturated(&mut hand, 8);
    hand
}

fn each_reason() -> BTreeMap<Reason, Decision> {
    let mut found = BTreeMap::new();
    let mut take = |reason: Reason, decision: Decision| {
        assert_eq!(decision.reason, reason, "{}", decision.sentence());
        found.insert(reason, decision);
    };

    take(Reason::Bounds, Hand::new(defaults(), 14).next(0.0, 0.0, Some(0.0), Some(0.0)));

    let mut hand = Hand::new(defaults(), 3);
    hand.line.arrived_events = None;
    take(Reason::HeldUnknownLag, hand.next(0.0, 0.0, None, None));

    let (mut hand, decision) = went_idle();
    take(Reason::WentIdle, decision);
    hand.fleet(0, 0);
    take(Reason::Idle, hand.next(0.0, 0.0, Some(0.0), Some(0.0)));
    take(Reason::WokeUp, hand.next(240.0, 0.0, Some(20_000.0), Some(4.0)));

    let mut hand = Hand::new(defaults(), 2);
    hand.line.busy_seconds = None;
    hand.next(100.0, 0.0, Some(500.0), Some(3.0));
    take(Reason::LearningCapacity, hand.next(100.0, 0.0, Some(1000.0), Some(8.0)));

    let mut hand = Hand::new(defaults(), 4);
    hand.keep_up(4, 100.0);
    for _ in 0..13 {
        hand.fleet(4, 0);
        hand.next(100.0, 0.0, Some(60_000.0), Some(30.0));
    }
    take(Reason::HeldStalled, hand.next(100.0, 0.0, Some(60_000.0), Some(70.0)));

    let mut hand = Hand::new(defaults(), 2);
    hand.keep_up(4, 80.0);
    hand.fleet(2, 3);
    for _ in 0..14 {
        hand.next(300.0, 100.0, Some(20_000.0), Some(50.0));
    }
    take(Reason::HeldPodsNotStarting, hand.next(300.0, 100.0, Some(20_000.0), Some(50.0)));

    let patient = ScaleUp { stabilization_seconds: 30, ..ScaleUp::default() };
    let mut hand = Hand::new(Spec { scale_up: patient, ..defaults() }, 4);
    hand.keep_up(6, 150.0);
    take(Reason::HeldStabilizing, hand.next(150.0, 200.0, Some(30_000.0), Some(30.0)));

    let mut hand = Hand::new(defaults(), 4);
    hand.keep_up(6, 150.0);
    hand.next(310.0, 200.0, Some(550.0), Some(2.0));
    take(Reason::ArrivalRate, hand.next(310.0, 200.0, Some(1100.0), Some(4.0)));

    let mut hand = Hand::new(defaults(), 4);
    hand.keep_up(6, 150.0);
    take(Reason::BacklogAboveTarget, hand.next(160.0, 200.0, Some(12_300.0), Some(41.0)));
    take(Reason::AtMaxReplicas, hand.next(160.0, 200.0, Some(90_000.0), Some(131.0)));

    let mut hand = found_ceiling();
    let mut lines = (0..40).map(|_| hand.next(300.0, 200.0, Some(9000.0), Some(20.0)));
    take(Reason::SinkCeiling, lines.find(Decision::is_change).expect("the fleet shrinks"));

    let mut hand = Hand::new(defaults(), 6);
    take(Reason::Steady, hand.keep_up(6, 230.0));
    hand.keep_up(30, 230.0);
    let lowered = (0..60).map(|_| hand.keep_up(1, 100.0)).find(Decision::is_change);
    take(Reason::LoadFell, lowered.expect("the fleet shrinks"));
    found
}

#[test]
fn every_reason_is_reached_and_reads_well() {
    let found = each_reason();
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), Reason::ALL);
    let text: Vec<String> =
        found.values().map(|d| format!("{:<20} {}", d.reason.word(), d.sentence())).collect();
    insta::assert_snapshot!("sentences", text.join("\n"));
    for (reason, decision) in &found {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.word());
        let text = serde_json::to_string(decision).unwrap();
        assert_eq!(&serde_json::from_str::<Decision>(&text).unwrap(), decision, "reads back");
    }
    insta::assert_snapshot!(
        "record",
        serde_json::to_string_pretty(&found[&Reason::BacklogAboveTarget]).unwrap()
    );
}

#[test]
fn a_lag_that_is_not_there_is_recognized_and_lets_the_fleet_sleep() {
    let mut hand = Hand::new(sleeping(), 1);
    hand.keep_up(4, 30.0);
    let decisions: Vec<Decision> = (0..62).map(|_| hand.next(0.0, 0.0, Some(3.0), Some(0.0))).collect();
    assert_eq!(decisions[1].lag_events, Some(3.0), "not before the third line");
    assert!(decisions[2].notes.contains(&Note::Phantom));
    assert_eq!(decisions[2].lag_events, Some(0.0));
    assert!(decisions.iter().any(|d| d.reason == Reason::WentIdle));
}

#[test]
fn a_null_lag_is_conserved_from_the_counters_and_may_raise_but_not_lower() {
    let mut hand = Hand::new(defaults(), 4);
    hand.keep_up(60, 150.0);
    let estimate = hand.next(1000.0, 150.0, None, Some(3.0));
    assert_eq!(estimate.lag_events, Some(4250.0));
    assert_eq!(estimate.certainty, Certainty::Estimated);
    let raised = hand.next(1000.0, 150.0, None, Some(8.0));
    assert!(raised.desired > 4, "{}", raised.sentence());
    hand.fleet(10, 0);
    for _ in 0..60 {
        let held = hand.next(0.0, 0.0, None, Some(0.0));
        assert_eq!(held.desired, 10, "{}", held.sentence());
    }
}

#[test]
fn conservation_survives_counters_that_went_back() {
    let mut hand = Hand::new(defaults(), 4);
    hand.keep_up(5, 150.0);
    hand.next(150.0, 100.0, Some(250.0), Some(2.0));
    (hand.line.arrived_events, hand.line.processed_events) = (Some(10.0), Some(10.0));
    let reset = hand.next(0.0, 0.0, None, Some(2.0));
    assert!(reset.notes.contains(&Note::CountersReset));
    assert_eq!(reset.lag_events, Some(250.0));
    assert_eq!(hand.next(100.0, 50.0, None, Some(3.0)).lag_events, Some(500.0));
}

#[test]
fn orphaned_events_wake_from_zero_and_pending_ones_forbid_it() {
    let (mut hand, _) = went_idle();
    hand.fleet(0, 0);
    hand.line.orphaned_events = Some(40.0);
    let woken = hand.next(0.0, 0.0, Some(0.0), Some(0.0));
    assert_eq!((woken.desired, woken.reason), (1, Reason::WokeUp));

    let mut hand = Hand::new(sleeping(), 1);
    hand.keep_up(4, 30.0);
    hand.line.pending_events = Some(1.0);
    assert_eq!(hand.keep_up(100, 0.0).desired, 1, "poison is pending until it is a dead letter");
}

#[test]
fn a_group_that_nobody_read_yet_wakes_though_its_lag_is_null() {
    let mut hand = Hand::new(sleeping(), 0);
    hand.next(0.0, 0.0, None, None);
    let decisions: Vec<Decision> =
        (1..4).map(|i| hand.next(200.0, 0.0, None, Some(5.0 * f64::from(i)))).collect();
    assert!(decisions.iter().any(|d| d.desired > 0), "{:?}", decisions.last().map(Decision::sentence));
}

#[test]
fn without_busy_time_the_capacity_comes_from_a_saturated_settled_fleet_alone() {
    let mut hand = Hand::new(defaults(), 3);
    hand.line.busy_seconds = None;
    hand.keep_up(10, 60.0);
    assert_eq!(hand.state.worker_rate(), None, "quiet traffic is no weak worker");
    for _ in 0..4 {
        hand.next(300.0, 150.0, Some(5000.0), Some(20.0));
    }
    assert_eq!(hand.state.worker_rate(), Some(50.0));
}

#[test]
fn sink_errors_are_told_and_steer_nothing() {
    let mut quiet = Hand::new(defaults(), 4);
    quiet.keep_up(10, 150.0);
    let mut noisy = Hand::new(defaults(), 4);
    noisy.keep_up(10, 150.0);
    noisy.line.sink_errors = Some(99.0);
    let (a, b) = (
        quiet.next(150.0, 150.0, Some(9000.0), Some(9.0)),
        noisy.next(150.0, 150.0, Some(9000.0), Some(9.0)),
    );
    assert!(b.notes.contains(&Note::SinkErrors));
    assert_eq!((a.desired, a.reason), (b.desired, b.reason));
}

#[test]
fn while_capacity_is_unknown_the_first_event_in_flight_does_not_double_the_fleet_and_one_that_waits_does() {
    let mut hand = Hand::new(defaults(), 1);
    hand.keep_up(4, 0.0);
    let in_flight = hand.next(1.0, 0.0, Some(5.0), Some(0.4));
    assert_eq!((in_flight.desired, in_flight.reason), (1, Reason::LearningCapacity));
    let waits = hand.next(1.0, 0.0, Some(10.0), Some(5.4));
    assert_eq!((waits.desired, waits.reason), (2, Reason::LearningCapacity));
}

#[test]
fn a_pod_that_took_an_hour_to_start_does_not_make_every_later_decision_wait_for_hours() {
    let mut hand = Hand::new(defaults(), 1);
    hand.next(1.0, 0.0, Some(10.0), Some(5.4));
    hand.fleet(1, 1);
    hand.line.at += 3600.0;
    hand.next(0.0, 0.0, Some(10.0), Some(3600.0));
    hand.fleet(2, 0);
    let decision = hand.next(0.0, 0.0, Some(10.0), Some(3605.0));
    assert!(decision.startup <= 300.0, "{}", decision.startup);
}

#[test]
fn a_decision_is_explained_with_its_terms_and_limits() {
    let text: String = each_reason()
        .into_iter()
        .filter(|(reason, _)| {
            [Reason::BacklogAboveTarget, Reason::SinkCeiling, Reason::HeldUnknownLag].contains(reason)
        })
        .map(|(_, decision)| explain(&decision.status(&State::default(), None), &defaults()) + "\n----\n")
        .collect();
    insta::assert_snapshot!("explained", text);
}

#[test]
fn every_reason_and_limit_is_found_by_its_word_and_means_something() {
    for reason in Reason::ALL {
        assert_eq!(Reason::of(reason.word()), Some(reason));
        assert!(reason.meaning().len() > 10);
    }
    for by in ClampBy::ALL {
        assert_eq!(serde_json::to_value(by).unwrap(), by.word());
        assert_eq!(ClampBy::of(by.word()), Some(by));
    }
    assert_eq!(Reason::of("Because"), None);
}
