//! What is learned of the time that a worker takes to start, and what is not.

use plan::scaling::Observation;

use crate::plant::{POLL_SECONDS, Run, Setup, Step, run};

/// When MongoDB goes away; the load grows just before, so that workers are on their way.
const AWAY: u32 = 600;
const STARTUP_SECONDS: u32 = 20;

/// Nothing is stored for so long, and no worker is ready: neither those that were nor those that start.
struct Outage<const SECONDS: u32>;

impl<const SECONDS: u32> Outage<SECONDS> {
    fn lasts(now: u32) -> bool {
        (AWAY..AWAY + SECONDS).contains(&now)
    }

    fn sink(now: u32) -> f64 {
        if Self::lasts(now) { 0.0 } else { f64::INFINITY }
    }

    fn none_ready(now: u32, line: &mut Observation) {
        if Self::lasts(now) {
            line.workers.starting += std::mem::take(&mut line.workers.ready);
        }
    }

    fn run(arrivals: fn(u32) -> f64) -> Run {
        run(&Setup {
            arrivals,
            sink: Self::sink,
            spoil: Self::none_ready,
            startup_seconds: STARTUP_SECONDS,
            seconds: AWAY + SECONDS + 600,
            ..Setup::default()
        })
    }
}

fn grows_before(now: u32) -> f64 {
    if now < AWAY - 10 { 200.0 } else { 900.0 }
}

fn steady(_: u32) -> f64 {
    400.0
}

/// The law polls, so that it sees a start up to a poll late.
fn assert_as_it_was(run: &Run, what: &str) {
    let learned = |from: u32, to: u32| {
        let within = |at: f64| at > f64::from(from) && at <= f64::from(to);
        let steps = run.steps.iter().filter(move |step| within(step.observation.at));
        steps.map(|step| step.before.startup_seconds()).fold(0.0, f64::max)
    };
    let (before, ever) = (learned(AWAY - 10, AWAY), learned(AWAY, u32::MAX));
    let most = before.max(f64::from(STARTUP_SECONDS + POLL_SECONDS));
    assert!(ever <= most, "{what}: {before} s before and {ever} s later");
    let raised = |step: &Step| {
        step.observation.at >= f64::from(AWAY - 10) && step.decision.desired > step.decision.current
    };
    assert!(run.steps.iter().any(raised), "{what}: it was raised");
}

#[test]
fn an_outage_of_the_sink_during_a_raise_teaches_nothing_of_the_time_to_start() {
    assert_as_it_was(&Outage::<30>::run(grows_before), "raised before, half a minute");
    for (arrivals, what) in [(grows_before as fn(u32) -> f64, "raised before"), (steady, "raised meanwhile")]
    {
        assert_as_it_was(&Outage::<65>::run(arrivals), what);
        assert_as_it_was(&Outage::<240>::run(arrivals), what);
        assert_as_it_was(&Outage::<1800>::run(arrivals), what);
    }
}

#[test]
fn after_an_outage_the_next_raise_is_measured_again() {
    let run = run(&Setup {
        arrivals: |now| if now < 1200 { 200.0 } else { 900.0 },
        sink: Outage::<120>::sink,
        spoil: Outage::<120>::none_ready,
        startup_seconds: 80,
        seconds: 1800,
        ..Setup::default()
    });
    assert!(run.state.startup_seconds() > 60.0, "{}", run.state.startup_seconds());
}

#[test]
fn workers_that_had_no_place_for_long_are_not_slow_to_start() {
    let run = run(&Setup {
        arrivals: |now| if now < 300 { 200.0 } else { 900.0 },
        // The quota is raised after an hour: all that waited for it are ready at once.
        pods_stick_from: 300,
        spoil: |now, line| {
            if now >= 3900 {
                line.workers.ready += std::mem::take(&mut line.workers.starting);
            }
        },
        seconds: 4200,
        ..Setup::default()
    });
    assert!(run.steps.iter().any(|step| step.observation.workers.ready > 8), "they came");
    assert!(run.state.startup_seconds() <= 30.0, "{}", run.state.startup_seconds());
}
