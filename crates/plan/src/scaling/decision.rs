//! The record of a decision: what it was made of and what came out. Status, events, metrics, console and replay are
//! all written from this one value.

use crd::Certainty;
use serde::{Deserialize, Serialize};

use super::choose::Choice;
use super::number::micro;
use super::observe::Seen;
use super::reason::Reason;
use super::spec::Spec;

/// What limited the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClampBy {
    /// Never more workers than events.
    QueuedEvents,
    /// What the sink takes.
    SinkCeiling,
    /// `maxReplicas`.
    MaxReplicas,
    /// `minReplicas`.
    MinReplicas,
    /// `maxAgeSeconds`: it is exceeded by workers that do far less than was learned of them.
    MaxAge,
    /// `scaleUp.stabilizationSeconds`.
    ScaleUpStabilization,
    /// `scaleUp.maxFactorPercent` and `minStep`.
    ScaleUpStep,
    /// `scaleDown.stabilizationSeconds`: recent arrivals, and the tail of a backlog, stay paid for.
    ScaleDownStabilization,
    /// `scaleDown.maxPercent`.
    ScaleDownPercent,
}

impl ClampBy {
    /// Every limit.
    pub const ALL: [Self; 9] = [
        Self::QueuedEvents,
        Self::SinkCeiling,
        Self::MaxReplicas,
        Self::MinReplicas,
        Self::MaxAge,
        Self::ScaleUpStabilization,
        Self::ScaleUpStep,
        Self::ScaleDownStabilization,
        Self::ScaleDownPercent,
    ];

    /// The word for status and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::QueuedEvents => "queuedEvents",
            Self::SinkCeiling => "sinkCeiling",
            Self::MaxReplicas => "maxReplicas",
            Self::MinReplicas => "minReplicas",
            Self::MaxAge => "maxAge",
            Self::ScaleUpStabilization => "scaleUpStabilization",
            Self::ScaleUpStep => "scaleUpStep",
            Self::ScaleDownStabilization => "scaleDownStabilization",
            Self::ScaleDownPercent => "scaleDownPercent",
        }
    }

    /// The one with this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.word() == word)
    }
}

/// One limit that changed the number of workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clamp {
    /// Which.
    pub by: ClampBy,
    /// Workers before.
    pub from: u32,
    /// Workers after.
    pub to: u32,
}

/// Something worth telling that is not the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// Redis reports a lag that is not there (servers before 7.4.2, after a trim); taken as 0.
    Phantom,
    /// A counter went back; no rates this line.
    CountersReset,
    /// The lag was null and follows from what arrived and was processed.
    LagConserved,
    /// The lag was null and is guessed from the age of the oldest event and the arrival rate.
    LagFromAge,
    /// The oldest event is older than `maxAgeSeconds`.
    SLOAtRisk,
    /// The sink reported errors since the last line; not steered by.
    SinkErrors,
    /// The capacity of a worker was measured for the first time.
    CapacityMeasured,
    /// Events got heavier: the capacity of a worker was lowered.
    CapacityLowered,
    /// More workers gave no more events: the sink is at its limit.
    CeilingFound,
    /// The sink's limit holds no longer.
    CeilingEnded,
}

/// Events per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rates {
    /// `λ`: what the fleet is planned for.
    pub arrival: f64,
    /// Of the last minute, bursts left out.
    pub base: f64,
    /// Median of the last three lines.
    pub fast: f64,
    /// Processed since the last line; none when it could not be read.
    pub processed: Option<f64>,
}

/// The three terms of the need, in workers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// For the arrivals, with headroom.
    pub steady: f64,
    /// For the deadline of what is queued.
    pub dead: f64,
    /// For a backlog that stands.
    pub drain: f64,
}

impl Terms {
    /// The greatest of them.
    pub fn need(&self) -> f64 {
        self.steady.max(self.dead).max(self.drain)
    }
}

/// One decision. `need`, `want` and `terms` are null where the answer came without them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The observation's time.
    pub at: f64,
    /// Workers there are.
    pub current: u32,
    /// Workers there should be.
    pub desired: u32,
    /// Why.
    pub reason: Reason,
    /// Workers needed: the greatest of the terms.
    pub need: Option<f64>,
    /// Whole workers wanted, before the limits of a step.
    pub want: Option<u32>,
    /// How sure the lag is.
    pub certainty: Certainty,
    /// Undelivered events; none while unknown.
    pub lag_events: Option<f64>,
    /// Those, and orphaned ones: what waits for a worker.
    pub backlog_events: Option<f64>,
    /// Events in workers' hands.
    pub pending_events: Option<f64>,
    /// Of those, the ones whose worker seems dead.
    pub orphaned_events: f64,
    /// Age of the oldest queued event.
    pub oldest_seconds: Option<f64>,
    /// Workers ready.
    pub ready: u32,
    /// Workers on their way.
    pub starting: u32,
    /// Events per second.
    pub rates: Rates,
    /// What the need is the greatest of.
    pub terms: Option<Terms>,
    /// Events per second of one busy worker, as it was decided with.
    pub mu: Option<f64>,
    /// Seconds from a decision to ready workers.
    pub startup: f64,
    /// Events per second that the sink takes at most, while that bounds the pipeline.
    pub ceiling: Option<f64>,
    /// What limited the answer, in order.
    pub clamps: Vec<Clamp>,
    /// What else is worth telling.
    pub notes: Vec<Note>,
}

impl Decision {
    pub(super) fn new(seen: &Seen, choice: Choice, learned: Vec<Note>, spec: &Spec) -> Self {
        let mut notes = seen.notes.clone();
        if seen.age() > f64::from(spec.max_age_seconds) {
            notes.push(Note::SLOAtRisk);
        }
        if seen.sink_errors.is_some_and(|errors| errors.amount > 0.0) {
            notes.push(Note::SinkErrors);
        }
        notes.extend(learned);
        Self {
            at: seen.at,
            current: seen.current,
            desired: choice.desired,
            reason: choice.reason,
            need: choice.terms.map(|terms| micro(terms.need())),
            want: choice.want,
            certainty: seen.certainty,
            lag_events: seen.lag.map(micro),
            backlog_events: seen.lag.map(|_| micro(seen.backlog())),
            pending_events: seen.pending.map(micro),
            orphaned_events: micro(seen.orphaned),
            oldest_seconds: seen.oldest.map(micro),
            ready: seen.ready,
            starting: seen.starting,
            rates: Rates {
                arrival: micro(seen.rates.lambda),
                base: micro(seen.rates.base),
                fast: micro(seen.rates.fast),
                processed: seen.processed.map(|delta| micro(delta.amount / delta.seconds)),
            },
            terms: choice.terms.map(|terms| Terms {
                steady: micro(terms.steady),
                dead: micro(terms.dead),
                drain: micro(terms.drain),
            }),
            mu: choice.mu.map(micro),
            startup: micro(choice.startup),
            ceiling: choice.ceiling.map(micro),
            clamps: choice.clamps,
            notes,
        }
    }

    /// The same text for decisions that decide the same for the same reason, whatever their other numbers: a history
    /// has one row of them.
    pub fn gist(&self) -> String {
        format!("{} {} {:?} {:?}", self.current, self.desired, self.reason, self.certainty)
    }

    /// Whether the number of workers should change.
    pub fn is_change(&self) -> bool {
        self.desired != self.current
    }
}
