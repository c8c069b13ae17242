//! From a verdict to a condition: its time moves only when its status does, and its message has a bound.

use crd::conditions::types;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// A message is read in a terminal; a longer one is cut.
const MESSAGE_CHARS_MAX: usize = 1024;

/// Whether it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody knows.
    Unknown,
}

/// What a condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it holds.
    pub state: State,
    /// One of [`crd::conditions::reasons`].
    pub reason: &'static str,
    /// The numbers, and what to do next.
    pub message: String,
}

impl Verdict {
    /// It holds.
    pub fn yes(reason: &'static str, message: impl Into<String>) -> Self {
        Self { state: State::True, reason, message: message.into() }
    }

    /// It does not hold.
    pub fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self { state: State::False, reason, message: message.into() }
    }

    /// Nobody knows.
    pub fn unknown(reason: &'static str, message: impl Into<String>) -> Self {
        Self { state: State::Unknown, reason, message: message.into() }
    }

    fn word(&self) -> &'static str {
        match self.state {
            State::True => "True",
            State::False => "False",
            State::Unknown => "Unknown",
        }
    }

    /// The condition.
    pub fn condition(&self, kind: &str, generation: i64, previous: &[Condition], now: &Time) -> Condition {
        let since = previous.iter().find(|old| old.type_ == kind && old.status == self.word());
        Condition {
            type_: kind.to_owned(),
            status: self.word().to_owned(),
            reason: self.reason.to_owned(),
            message: self.message.chars().take(MESSAGE_CHARS_MAX).collect(),
            observed_generation: Some(generation),
            last_transition_time: since.map_or_else(|| now.clone(), |old| old.last_transition_time.clone()),
        }
    }
}

/// The conditions, in the order in which they are shown.
pub fn merged(
    verdicts: &[(&'static str, Verdict)],
    generation: i64,
    previous: &[Condition],
    now: &Time,
) -> Vec<Condition> {
    let mut list: Vec<Condition> =
        verdicts.iter().map(|(kind, verdict)| verdict.condition(kind, generation, previous, now)).collect();
    sort(&mut list);
    list
}

pub(super) fn sort(list: &mut [Condition]) {
    list.sort_by_key(|condition| types::ALL.iter().position(|kind| *kind == condition.type_));
}
