//! The law and a model of KEDA's against loads of two hours, means of five seeds: the table of `docs/autoscaling.md`.

use std::fmt::Write as _;

use plan::scaling::Reason;

use crate::keda::Keda;
use crate::plant::{Driven, Run, Setup, drive, run};
use crate::scenarios::{self, Scenario};

/// Where the table stands, for people.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/autoscaling.md");
const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    values.sum::<f64>() / 5.0
}

/// Worker-hours, 99th percentile and greatest of the age, changes.
struct Outcome {
    hours: f64,
    age: f64,
    oldest: f64,
    changes: f64,
}

#[allow(clippy::cast_precision_loss, reason = "a hundred")]
impl Outcome {
    fn of_law(runs: &[Run]) -> Self {
        Self {
            hours: mean(runs.iter().map(|run| run.worker_hours)),
            age: mean(runs.iter().map(Run::p99_age)),
            oldest: mean(runs.iter().map(|run| run.ages.last().copied().unwrap_or_default())),
            changes: mean(runs.iter().map(|run| run.changes() as f64)),
        }
    }

    fn of_keda(runs: &[Driven]) -> Self {
        Self {
            hours: mean(runs.iter().map(|run| run.worker_hours)),
            age: mean(runs.iter().map(Driven::p99_age)),
            oldest: mean(runs.iter().map(|run| run.ages.last().copied().unwrap_or_default())),
            changes: mean(runs.iter().map(|run| run.changes as f64)),
        }
    }

    fn cells(&self) -> String {
        format!("{:.1} | {:.0} | {:.0} | {:.1}", self.hours, self.age, self.oldest, self.changes)
    }
}

fn setups(scenario: &Scenario) -> impl Iterator<Item = Setup> {
    SEEDS.map(|seed| Setup { seed, ..scenario.setup.clone() })
}

/// What is farther from the law's own simulation than chance and rounding bring it.
fn fault(scenario: &Scenario, outcome: &Outcome) -> Option<String> {
    let (hours, age, changes) = scenario.known?;
    let far = (outcome.hours / hours - 1.0).abs() > 0.1
        || outcome.age > 1.1 * age + 10.0
        || outcome.changes > 1.25 * changes + 3.0;
    far.then(|| format!("{}: {}", scenario.name, outcome.cells()))
}

#[test]
fn the_simulated_table_is_as_known_and_as_the_document_tells_it() {
    let mut table = String::from(
        "| Load | worker-hours | p99 age s | max age s | changes | KEDA: worker-hours | p99 age s | max age s | changes |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    let (mut faults, mut sums) = (Vec::new(), (0.0, 0.0));
    for scenario in scenarios::all() {
        let runs: Vec<Run> = setups(&scenario).map(|setup| run(&setup)).collect();
        let law = Outcome::of_law(&runs);
        let keda: Vec<Driven> = setups(&scenario)
            .map(|setup| {
                let mut keda = Keda::default();
                drive(&setup, |line| keda.decide(&line, &setup.spec))
            })
            .collect();
        let keda = Outcome::of_keda(&keda);
        let _ = writeln!(table, "| {} | {} | {} |", scenario.name, law.cells(), keda.cells());
        sums = (sums.0 + law.hours, sums.1 + keda.hours);
        faults.extend(fault(&scenario, &law));
        if scenario.can_be_kept && law.oldest > 120.0 {
            faults.push(format!("{}: an event got {:.0} s old", scenario.name, law.oldest));
        }
        if scenario.name.contains("into a sink") {
            let met = |run: &Run| run.steps.iter().any(|s| s.decision.reason == Reason::SinkCeiling);
            assert!(runs.iter().all(met));
        }
    }
    let _ = writeln!(table, "| all | {:.1} | | | | {:.1} | | | |", sums.0, sums.1);
    assert!(faults.is_empty(), "not as known:\n{}\n{table}", faults.join("\n"));
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    assert!(document.contains(&table), "docs/autoscaling.md has another table; this is the one:\n{table}");
}
