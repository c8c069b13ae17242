//! Loads of two hours on the plant.

use plan::scaling::Spec;

use crate::plant::{Setup, sine};

/// One load.
pub struct Scenario {
    /// In the words of the table.
    pub name: &'static str,
    /// The plant.
    pub setup: Setup,
    /// What the law should need for it, where that is known: worker-hours, 99th percentile of the age, changes.
    pub known: Option<(f64, f64, f64)>,
    /// Whether enough workers can keep every event younger than `maxAgeSeconds`.
    pub can_be_kept: bool,
}

/// All of them.
pub fn all() -> Vec<Scenario> {
    let mut all = known();
    all.extend(others());
    all
}

fn asleep() -> Spec {
    Spec { min_replicas: 0, max_replicas: 50, ..Spec::default() }
}

/// Those of which the law's own simulation tells the outcome.
fn known() -> Vec<Scenario> {
    let row = |name, hours, age, changes, setup| Scenario {
        name,
        setup,
        known: Some((hours, age, changes)),
        can_be_kept: true,
    };
    let base = Setup::default;
    vec![
        row(
            "0, then 1000/s for 30 min, then 200/s",
            20.9,
            18.0,
            9.0,
            Setup { arrivals: |t| piece(t, [0.0, 1000.0, 200.0]), ..base() },
        ),
        row("steady 500/s", 26.0, 15.0, 4.0, Setup { arrivals: |_| 500.0, ..base() }),
        row(
            "100/s with 60,000 at once every 20 min",
            12.0,
            47.0,
            37.0,
            Setup { arrivals: |t| if t % 1200 == 600 { 60_000.0 } else { 100.0 }, ..base() },
        ),
        row(
            "step to 1000/s, start-up 90 s",
            48.9,
            78.0,
            15.0,
            Setup { arrivals: |t| if t < 300 { 100.0 } else { 1000.0 }, startup_seconds: 90, ..base() },
        ),
        Scenario {
            can_be_kept: false,
            ..row(
                "1000/s into a sink that takes 400/s",
                18.5,
                2689.0,
                28.0,
                Setup { arrivals: |t| piece(t, [0.0, 1000.0, 100.0]), sink: |_| 400.0, ..base() },
            )
        },
        row(
            "100–900/s, lag unknown 3 of every 10 min",
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
            "from zero, lag null until somebody reads, then 200/s",
            10.0,
            27.0,
            4.0,
            Setup {
                arrivals: |t| if t < 300 { 0.0 } else { 200.0 },
                lag_is_there: |_, read| read,
                start: 0,
                spec: asleep(),
                ..base()
            },
        ),
        row(
            "sine 50–950/s, 20 min",
            33.0,
            2.0,
            103.0,
            Setup { arrivals: |t| 500.0 + 450.0 * sine(f64::from(t) / 1200.0 - 0.25), ..base() },
        ),
    ]
}

/// 5 minutes, 30 minutes, the rest.
fn piece(t: u32, rates: [f64; 3]) -> f64 {
    rates[usize::from(t >= 300) + usize::from(t >= 2100)]
}

/// Those that a fleet meets otherwise.
fn others() -> Vec<Scenario> {
    let row = |name, setup| Scenario { name, setup, known: None, can_be_kept: true };
    let base = Setup::default;
    vec![
        row(
            "ramp from 0 to 1000/s within an hour, then steady",
            Setup { arrivals: |t| f64::from(t.min(3600)) / 3.6, ..base() },
        ),
        row(
            "400/s, events twice as heavy after an hour",
            Setup { arrivals: |_| 400.0, per_worker: |t| if t < 3600 { 50.0 } else { 25.0 }, ..base() },
        ),
        row(
            "400/s, workers between half and one and a half as fast, 5 min",
            Setup { arrivals: |_| 400.0, per_worker: |t| 50.0 + 25.0 * sine(f64::from(t) / 300.0), ..base() },
        ),
        row(
            "300 at once every 30 min, `minReplicas: 0`",
            Setup {
                arrivals: |t| if t % 1800 == 600 { 300.0 } else { 0.0 },
                start: 0,
                spec: asleep(),
                ..base()
            },
        ),
        row(
            "10,000 at once every 5 min, nothing between",
            Setup { arrivals: |t| if t % 300 == 100 { 10_000.0 } else { 0.0 }, ..base() },
        ),
        Scenario {
            can_be_kept: false,
            ..row(
                "600,000 wait at the start, 200/s come",
                Setup { arrivals: |t| if t == 1 { 600_000.0 } else { 200.0 }, ..base() },
            )
        },
        Scenario {
            can_be_kept: false,
            ..row(
                "400/s, the sink takes nothing for 10 min",
                Setup {
                    arrivals: |_| 400.0,
                    sink: |t| if (1800..2400).contains(&t) { 0.0 } else { f64::INFINITY },
                    ..base()
                },
            )
        },
    ]
}
