//! Why a decision came out as it did. Each is a state that a user can read, with what it means.

use serde::{Deserialize, Serialize};

/// The one line of the law that answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    /// The fleet was outside minReplicas..maxReplicas and is brought inside at once.
    Bounds,
    /// The lag is unknown, and unknown never lowers.
    HeldUnknownLag,
    /// At zero, and nothing to do.
    Idle,
    /// The last worker leaves: nothing came for idleAfterSeconds, and nothing is pending.
    WentIdle,
    /// No worker has been busy yet, so its capacity is not known: one worker, then doubling.
    LearningCapacity,
    /// From zero straight to what is needed.
    WokeUp,
    /// More would be wanted, but for a minute nothing has been processed: more workers would only wait.
    HeldStalled,
    /// More would be wanted, but those asked for do not become ready (quota, image, no node).
    HeldPodsNotStarting,
    /// A change is wanted and must wait for a window of `scaleUp` or `scaleDown`.
    HeldStabilizing,
    /// More workers for the arrivals.
    ArrivalRate,
    /// More workers for the queue: its deadline, or because it stands.
    BacklogAboveTarget,
    /// What the sink takes bounds the fleet: more workers store no more events.
    SinkCeiling,
    /// maxReplicas bounds the fleet.
    AtMaxReplicas,
    /// The fleet is right.
    Steady,
    /// Fewer workers are enough.
    LoadFell,
}

impl Reason {
    /// All of them, in the order of the law.
    pub const ALL: [Self; 15] = [
        Self::Bounds,
        Self::HeldUnknownLag,
        Self::Idle,
        Self::WentIdle,
        Self::LearningCapacity,
        Self::WokeUp,
        Self::HeldStalled,
        Self::HeldPodsNotStarting,
        Self::HeldStabilizing,
        Self::ArrivalRate,
        Self::BacklogAboveTarget,
        Self::SinkCeiling,
        Self::AtMaxReplicas,
        Self::Steady,
        Self::LoadFell,
    ];

    /// The word for metrics, events and conditions.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bounds => "Bounds",
            Self::HeldUnknownLag => "HeldUnknownLag",
            Self::Idle => "Idle",
            Self::WentIdle => "WentIdle",
            Self::LearningCapacity => "LearningCapacity",
            Self::WokeUp => "WokeUp",
            Self::HeldStalled => "HeldStalled",
            Self::HeldPodsNotStarting => "HeldPodsNotStarting",
            Self::HeldStabilizing => "HeldStabilizing",
            Self::ArrivalRate => "ArrivalRate",
            Self::BacklogAboveTarget => "BacklogAboveTarget",
            Self::SinkCeiling => "SinkCeiling",
            Self::AtMaxReplicas => "AtMaxReplicas",
            Self::Steady => "Steady",
            Self::LoadFell => "LoadFell",
        }
    }

    /// The one with this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.word() == word)
    }

    /// What it means, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Bounds => {
                "the fleet was outside `minReplicas` and `maxReplicas`, and is brought inside at once"
            }
            Self::HeldUnknownLag => "the lag is not known for sure, and that never takes workers away",
            Self::Idle => "there is nothing to do, and so no worker",
            Self::WentIdle => {
                "nothing came for `idleAfterSeconds`, nothing waits, nobody holds anything: the last worker leaves"
            }
            Self::LearningCapacity => "no worker has been busy yet: one, then twice as many, until one was",
            Self::WokeUp => "events came while there was no worker: straight to what they need",
            Self::HeldStalled => {
                "more would be wanted, but nothing was stored for a minute: more workers would only wait for MongoDB"
            }
            Self::HeldPodsNotStarting => {
                "more would be wanted, but the last ones do not become ready: look at their pods"
            }
            Self::HeldStabilizing => "another number is wanted, and has to be wanted for a while first",
            Self::ArrivalRate => "more workers for what arrives",
            Self::BacklogAboveTarget => {
                "more workers for what waits: it would get too old, or it does not go away"
            }
            Self::SinkCeiling => "MongoDB takes no more, however many workers there are",
            Self::AtMaxReplicas => "more would be wanted than `maxReplicas` allows",
            Self::Steady => "the number is right",
            Self::LoadFell => "fewer are enough",
        }
    }

    /// Whether a wanted change was held back; such an answer is always the current number.
    pub fn is_hold(self) -> bool {
        matches!(
            self,
            Self::HeldUnknownLag | Self::HeldStalled | Self::HeldPodsNotStarting | Self::HeldStabilizing
        )
    }
}
