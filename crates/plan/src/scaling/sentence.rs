//! A decision as a person would say it, with its numbers.

use crd::Certainty;

use super::decision::{Clamp, ClampBy, Decision, Note};
use super::reason::Reason;

impl Decision {
    /// One line of text: what happens to the fleet, why, and what that was reckoned from.
    pub fn sentence(&self) -> String {
        let mut parts = vec![self.why()];
        parts.extend(self.figures());
        // A limit that was met twice is told once, as it came out last.
        let last =
            |(i, clamp): &(usize, &Clamp)| !self.clamps[i + 1..].iter().any(|later| later.by == clamp.by);
        parts.extend(self.clamps.iter().enumerate().filter(last).map(|(_, clamp)| limited(*clamp)));
        parts.extend(self.notes.iter().filter_map(|note| aside(*note)).map(str::to_owned));
        format!("{}: {}", self.what(), parts.join("; "))
    }

    fn what(&self) -> String {
        if self.is_change() {
            return format!("{} → {}", self.current, workers(self.desired));
        }
        match self.current {
            0 => "stays at zero".to_owned(),
            n => format!("stays at {}", workers(n)),
        }
    }

    fn why(&self) -> String {
        match self.reason {
            Reason::Bounds => "outside minReplicas and maxReplicas".to_owned(),
            Reason::HeldUnknownLag => format!("{}, and that never lowers", self.waiting()),
            Reason::Idle => "nothing to do".to_owned(),
            Reason::WentIdle => {
                "no event for idleAfterSeconds, nothing waits and nothing is pending".to_owned()
            }
            Reason::LearningCapacity => {
                format!("{}; what a worker does was not known", self.waiting())
            }
            Reason::WokeUp => format!("woken, {}", self.waiting()),
            Reason::HeldStalled => {
                format!("{}, but nothing is processed (is the sink there?)", self.waiting())
            }
            Reason::HeldPodsNotStarting => {
                format!("{}, but {} do not become ready", self.waiting(), workers(self.starting))
            }
            Reason::HeldStabilizing => match self.want {
                Some(want) if want > self.current => format!("{} wanted, held for now", workers(want)),
                Some(want) if want < self.current => format!("{} would do, held for now", workers(want)),
                _ => "held for now".to_owned(),
            },
            Reason::ArrivalRate => format!("{}/s arrive", events(self.rates.arrival)),
            Reason::BacklogAboveTarget | Reason::Steady => self.waiting(),
            Reason::SinkCeiling => format!(
                "the sink takes {}/s at most, more workers would store no more",
                number(self.ceiling.unwrap_or_default())
            ),
            Reason::AtMaxReplicas => format!("maxReplicas reached, {}", self.waiting()),
            Reason::LoadFell => format!("the load fell to {}/s", events(self.rates.arrival)),
        }
    }

    fn waiting(&self) -> String {
        let age = match self.oldest_seconds {
            Some(age) if age > 0.0 => format!(", the oldest for {} s", number(age)),
            _ => String::new(),
        };
        match (self.certainty, self.backlog_events) {
            (Certainty::Unknown, _) | (_, None) => format!("how many events wait is unknown{age}"),
            (_, Some(backlog)) if backlog <= 0.0 => "no event waits".to_owned(),
            (Certainty::Estimated, Some(backlog)) => format!("about {}{age}", wait(backlog)),
            (Certainty::Known, Some(backlog)) => format!("{}{age}", wait(backlog)),
        }
    }

    fn figures(&self) -> Option<String> {
        let (need, mu) = (self.need?, self.mu?);
        let arrive = match self.reason {
            Reason::ArrivalRate | Reason::LoadFell => String::new(),
            _ => format!("{}/s arrive, ", number(self.rates.arrival)),
        };
        Some(format!("{arrive}a worker does {}/s, {need:.1} needed", number(mu)))
    }
}

fn limited(clamp: Clamp) -> String {
    let by = match clamp.by {
        ClampBy::QueuedEvents => "never more workers than events",
        ClampBy::SinkCeiling => "what the sink takes",
        ClampBy::MaxReplicas => "maxReplicas",
        ClampBy::MinReplicas => "minReplicas",
        ClampBy::MaxAge => "maxAgeSeconds is exceeded by slow workers",
        ClampBy::ScaleUpStabilization => "scaleUp.stabilizationSeconds",
        ClampBy::ScaleUpStep => "scaleUp's step",
        ClampBy::ScaleDownStabilization => "recent load stays paid for",
        ClampBy::ScaleDownPercent => "scaleDown.maxPercent",
    };
    format!("{} instead of {} ({by})", clamp.to, clamp.from)
}

fn aside(note: Note) -> Option<&'static str> {
    match note {
        Note::Phantom => Some("Redis reports a lag that is not there"),
        Note::CountersReset => Some("a counter went back"),
        Note::SLOAtRisk => Some("older than maxAgeSeconds"),
        Note::SinkErrors => Some("the sink reports errors"),
        Note::CapacityMeasured => Some("a worker's capacity is measured now"),
        Note::CapacityLowered => Some("events got heavier"),
        Note::CeilingFound => Some("more workers gave no more events: the sink is at its limit"),
        Note::CeilingEnded => Some("the sink's limit holds no longer"),
        // Said by "about".
        Note::LagConserved | Note::LagFromAge => None,
    }
}

fn workers(n: u32) -> String {
    format!("{n} worker{}", if n == 1 { "" } else { "s" })
}

fn events(n: f64) -> String {
    format!("{} event{}", number(n), if (n - 1.0).abs() < f64::EPSILON { "" } else { "s" })
}

fn wait(n: f64) -> String {
    format!("{} wait{}", events(n), if (n - 1.0).abs() < f64::EPSILON { "s" } else { "" })
}

/// Whole with thousands apart; small ones with a digit.
pub(super) fn number(value: f64) -> String {
    if value < 10.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
