//! A decision as a person would tell it to a colleague: what was seen, what that asks for, what limited it.

use std::fmt::Write as _;

use crd::{ScalingStatus, ScalingTerms};

use super::decision::ClampBy;
use super::reason::Reason;
use super::sentence::number;
use super::spec::Spec;

/// Several lines of text. `spec` is what the decision was made with.
pub fn explain(status: &ScalingStatus, spec: &Spec) -> String {
    let mut text = format!("{}\n", status.message);
    if let Some(reason) = Reason::of(&status.reason) {
        let _ = writeln!(text, "{}: {}", status.reason, reason.meaning());
    }
    section(&mut text, "What was seen", &seen(status));
    match &status.terms {
        Some(terms) => section(&mut text, "What that asks for", &asked(status, terms, spec)),
        None => section(
            &mut text,
            "What that asks for",
            &[row("nothing was reckoned", "the reason above says why")],
        ),
    }
    let limits: Vec<(String, String)> = status.clamps.iter().map(|clamp| limit(clamp, spec)).collect();
    if !limits.is_empty() {
        section(&mut text, "What limited it", &limits);
    }
    text
}

fn section(text: &mut String, title: &str, rows: &[(String, String)]) {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let _ = writeln!(text, "\n{title}");
    for (name, value) in rows {
        let _ = writeln!(text, "  {name:<width$}  {value}");
    }
}

fn row(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

#[allow(clippy::cast_precision_loss, reason = "counts for people")]
fn whole(count: i64) -> String {
    number(count as f64)
}

fn seen(status: &ScalingStatus) -> Vec<(String, String)> {
    let certainty = status.certainty.as_deref().unwrap_or("Unknown");
    let waiting = match status.lag_events {
        None => "how many events wait is unknown".to_owned(),
        Some(lag) => {
            let age = status.oldest_seconds.filter(|age| *age > 0);
            let age = age.map(|age| format!(", the oldest for {age} s")).unwrap_or_default();
            format!("{} events ({certainty}){age}", whole(lag))
        }
    };
    let per_second = |rate: Option<i64>, none: &str| {
        rate.map_or_else(|| none.to_owned(), |rate| format!("{} events/s", whole(rate)))
    };
    let starts = status.startup_seconds.map(|s| format!("; it starts in {s} s")).unwrap_or_default();
    let sink = match status.sink_ceiling_per_second {
        Some(ceiling) => {
            format!("takes {} events/s at most, as two sizes of the fleet showed", whole(ceiling))
        }
        None => "no limit was met".to_owned(),
    };
    vec![
        row("workers", status.current.to_string()),
        row("waiting", waiting),
        row("arriving", per_second(status.arrivals_per_second, "unknown")),
        row("one worker does", per_second(status.worker_events_per_second, "not measured yet") + &starts),
        row("MongoDB", sink),
    ]
}

fn asked(status: &ScalingStatus, terms: &ScalingTerms, spec: &Spec) -> Vec<(String, String)> {
    let workers = |milli: i64| format!("{}.{:02} workers", milli / 1000, milli % 1000 / 10);
    let rate = |rate: Option<i64>| rate.map_or_else(|| "?".to_owned(), whole);
    let (arrive, mu) = (rate(status.arrivals_per_second), rate(status.worker_events_per_second));
    let percent = spec.target_utilization_percent;
    let greatest = terms.steady_milli.max(terms.deadline_milli).max(terms.drain_milli);
    vec![
        row("arrivals", format!("{}  ({arrive}/s ÷ ({mu}/s × {percent} %))", workers(terms.steady_milli))),
        row(
            "deadline",
            format!(
                "{}  (nothing that waits gets older than {} s)",
                workers(terms.deadline_milli),
                number(spec.target_age())
            ),
        ),
        row(
            "backlog",
            format!(
                "{}  (what has stood for 30 s is worked off within {} s)",
                workers(terms.drain_milli),
                spec.drain_target_seconds
            ),
        ),
        row("the greatest", workers(greatest)),
    ]
}

fn limit(clamp: &crd::Clamp, spec: &Spec) -> (String, String) {
    let meaning = ClampBy::of(&clamp.by).map(|by| match by {
        ClampBy::QueuedEvents => "never more workers than events".to_owned(),
        ClampBy::SinkCeiling => "more workers would store no more".to_owned(),
        ClampBy::MaxReplicas => format!("`maxReplicas` is {}", spec.max_replicas),
        ClampBy::MinReplicas => format!("`minReplicas` is {}", spec.min_replicas),
        ClampBy::MaxAge => {
            format!("events are older than `maxAgeSeconds`, {} s, and workers are slow", spec.max_age_seconds)
        }
        ClampBy::ScaleUpStabilization => {
            format!("a raise must be wanted for {} s", spec.scale_up.stabilization_seconds)
        }
        ClampBy::ScaleUpStep => format!(
            "one step goes to {} % or {} workers more",
            spec.scale_up.max_factor_percent, spec.scale_up.min_step
        ),
        ClampBy::ScaleDownStabilization => {
            format!("the load of the last {} s stays paid for", spec.scale_down.stabilization_seconds)
        }
        ClampBy::ScaleDownPercent => format!(
            "at most {} % leave within {} s",
            spec.scale_down.max_percent, spec.scale_down.period_seconds
        ),
    });
    let meaning = meaning.map(|meaning| format!("  ({meaning})")).unwrap_or_default();
    row(&clamp.by, format!("{} → {}{meaning}", clamp.from, clamp.to))
}
