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

    /// Whether a wanted change was held back; such an answer is always the current number.
    pub fn is_hold(self) -> bool {
        matches!(
            self,
            Self::HeldUnknownLag | Self::HeldStalled | Self::HeldPodsNotStarting | Self::HeldStabilizing
        )
    }
}
