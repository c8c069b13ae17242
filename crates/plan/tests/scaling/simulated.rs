//! The law against loads whose outcome is known: eight scenarios of two hours, means of five seeds, as a table.

use std::fmt::Write as _;

use plan::scaling::{Reason, Spec};

use crate::plant::{Run, Setup, run, sine};

/// A scenario, and what the law should need for it: worker-hours, 99th percentile of the age, changes.
struct Scenario {
    name: &'static str,
    setup: Setup,
    hours: f64,
    age: f64,
    changes: f64,
}

fn scenarios() -> Vec<Scenario> {
    let asleep = Spec { min_replicas: 0, max_replicas: 50, ..Spec::default() };
    let row = |name, hours, age, changes, setup| Scenario { name, setup, hours, age, changes };
    let base = Setup::default;
    vec![
        row(
            "0, 1000/s 30 min, 200/s",
            20.9,
            18.0,
            9.0,
            Setup {
                arrivals: |t| {
                    if t < 300 {
                        0.0
                    } else if t < 2100 {
                        1000.0
                    } else {
                        200.0
                    }
                },
                ..base()
            },
        ),
        row("steady 500/s", 26.0, 15.0, 4.0, Setup { arrivals: |_| 500.0, ..base() }),
        row(
            "100/s, 60k spike per 20 min",
            12.0,
            47.0,
            37.0,
            Setup { arrivals: |t| if t % 1200 == 600 { 60_000.0 } else { 100.0 }, ..base() },
        ),
        row(
            "step to 1000/s, 90 s start-up",
            48.9,
            78.0,
            15.0,
            Setup { arrivals: |t| if t < 300 { 100.0 } else { 1000.0 }, startup_seconds: 90, ..base() },
        ),
        row(
            "sink capped 400/s, 1000/s in",
            18.5,
            2689.0,
            28.0,
            Setup {
                arrivals: |t| {
                    if t < 300 {
                        0.0
                    } else if t < 2100 {
                        1000.0
                    } else {
                        100.0
                    }
                },
                sink: |_| 400.0,
                ..base()
            },
        ),
        row(
            "100-900/s, null lag 3 of 10 min",
            30.3,
            7.0,
            62.0,
            Setup {
                arrivals: |t| 500.0 + 400.0 * sine(f64::from(t) / 2400.0),
                lag_is_there: |t, _| t % 600 >= 180,
                ..base()
            },
        ),
        row(
            "group at $, zero, then 200/s",
            10.0,
            27.0,
            4.0,
            Setup {
                arrivals: |t| if t < 300 { 0.0 } else { 200.0 },
                lag_is_there: |_, read| read,
                start: 0,
                spec: asleep,
                ..base()
            },
        ),
        row(
            "sine 50-950/s, 20 min",
            33.0,
            2.0,
            103.0,
            Setup { arrivals: |t| 500.0 + 450.0 * sine(f64::from(t) / 1200.0 - 0.25), ..base() },
        ),
    ]
}

fn mean(runs: &[Run], of: impl Fn(&Run) -> f64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "five")]
    let count = runs.len() as f64;
    runs.iter().map(of).sum::<f64>() / count
}

#[test]
fn the_simulated_table_is_as_known() {
    let mut table = format!(
        "{:<32} {:>12} {:>10} {:>10} {:>8} {:>6}\n",
        "scenario", "worker-hours", "p99 age s", "max age s", "changes", "end"
    );
    let mut faults = Vec::new();
    let mut sum = 0.0;
    for scenario in scenarios() {
        let runs: Vec<Run> = (1..=5).map(|seed| run(&Setup { seed, ..scenario.setup.clone() })).collect();
        let hours = mean(&runs, |run| run.worker_hours);
        let age = mean(&runs, Run::p99_age);
        let oldest = mean(&runs, |run| run.ages.last().copied().unwrap_or_default());
        #[allow(clippy::cast_precision_loss, reason = "a hundred")]
        let changes = mean(&runs, |run| run.changes() as f64);
        let end = mean(&runs, |run| f64::from(run.last().desired));
        let _ = writeln!(
            table,
            "{:<32} {hours:>12.1} {age:>10.0} {oldest:>10.0} {changes:>8.1} {end:>6.1}",
            scenario.name
        );
        sum += hours;
        if (hours / scenario.hours - 1.0).abs() > 0.1
            || age > 1.1 * scenario.age + 10.0
            || changes > 1.25 * scenario.changes + 3.0
        {
            faults.push(format!("{}: {hours:.1} h, {age:.0} s, {changes:.1} changes", scenario.name));
        }
        if scenario.name.starts_with("sink") {
            assert!(
                runs.iter().all(|run| run.steps.iter().any(|s| s.decision.reason == Reason::SinkCeiling))
            );
        } else {
            assert!(oldest <= 120.0, "{}: no event older than maxAgeSeconds, {oldest}", scenario.name);
        }
    }
    let _ = writeln!(table, "{:<32} {sum:>12.1}", "all");
    insta::assert_snapshot!(table);
    assert!(
        faults.is_empty(),
        "farther than known from the law's own table:\n{}\n{table}",
        faults.join("\n")
    );
}
