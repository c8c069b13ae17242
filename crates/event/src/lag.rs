//! How much is waiting, and how sure that is. An unknown lag is `Unknown`: nothing here turns it into a number.

/// How a lag was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// The counters say so and the consumer group agrees.
    Known,
    /// The counters say so; the group could not confirm it.
    Estimated,
    /// Nothing trustworthy was read.
    Unknown,
}

impl Certainty {
    /// The word that users read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Known => "Known",
            Self::Estimated => "Estimated",
            Self::Unknown => "Unknown",
        }
    }
}

/// Events that were accepted and not yet acknowledged by a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// Events; `None` exactly when `certainty` is `Unknown`.
    pub events: Option<u64>,
    /// How it was known.
    pub certainty: Certainty,
}

impl Lag {
    /// The lag of which nothing is known.
    pub const UNKNOWN: Self = Self { events: None, certainty: Certainty::Unknown };

    /// The lag of several partitions together: as sure as the least sure of them.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        match (self.events, other.events) {
            (Some(a), Some(b)) => {
                let both_known = self.certainty == Certainty::Known && other.certainty == Certainty::Known;
                let certainty = if both_known { Certainty::Known } else { Certainty::Estimated };
                Self { events: Some(a.saturating_add(b)), certainty }
            }
            _ => Self::UNKNOWN,
        }
    }
}

/// What one read of one partition found. All from one transaction, or the numbers would not belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionFacts {
    /// Counter `events_in`; `None` when the hash was not there.
    pub events_in: Option<u64>,
    /// Counter `events_out`.
    pub events_out: Option<u64>,
    /// Counter `frames_in`.
    pub frames_in: Option<u64>,
    /// Entries that the group has not delivered; `None` when Redis answers null.
    pub group_lag_frames: Option<u64>,
    /// Entries delivered and not acknowledged; `None` when there is no group.
    pub pending_frames: Option<u64>,
}

/// Events waiting = in − out, cross-checked with the group's own lag.
///
/// A stream that nobody has written to yet (a group, no counters, nothing in it) is a known zero.
pub fn lag(facts: &PartitionFacts) -> Lag {
    let frames = match (facts.group_lag_frames, facts.pending_frames) {
        (Some(undelivered), Some(pending)) => Some(undelivered.saturating_add(pending)),
        _ => None,
    };
    let counted = match (facts.events_in, facts.events_out) {
        (Some(events_in), out) => events_in.checked_sub(out.unwrap_or(0)),
        (None, _) => None,
    };
    match (counted, frames) {
        (_, Some(0)) => Lag { events: Some(0), certainty: Certainty::Known },
        (Some(events), Some(frames)) if events >= frames => {
            Lag { events: Some(events), certainty: Certainty::Known }
        }
        // Frames hold at least one event each, so the counters are behind: a floor, not a count.
        (Some(_), Some(frames)) => Lag { events: Some(frames), certainty: Certainty::Estimated },
        (Some(events), None) => Lag { events: Some(events), certainty: Certainty::Estimated },
        (None, _) => Lag::UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(
        events_in: Option<u64>,
        out: Option<u64>,
        undelivered: Option<u64>,
        pending: Option<u64>,
    ) -> PartitionFacts {
        PartitionFacts {
            events_in,
            events_out: out,
            frames_in: None,
            group_lag_frames: undelivered,
            pending_frames: pending,
        }
    }

    #[test]
    fn counters_confirmed_by_the_group_are_known() {
        let lag = lag(&facts(Some(1000), Some(400), Some(2), Some(1)));
        assert_eq!(lag, Lag { events: Some(600), certainty: Certainty::Known });
    }

    #[test]
    fn a_null_group_lag_never_reads_as_known() {
        let lag = lag(&facts(Some(1000), Some(400), None, Some(1)));
        assert_eq!(lag, Lag { events: Some(600), certainty: Certainty::Estimated });
    }

    #[test]
    fn nothing_undelivered_and_nothing_pending_is_zero_whatever_the_counters_say() {
        assert_eq!(lag(&facts(Some(1000), Some(400), Some(0), Some(0))).events, Some(0));
        assert_eq!(lag(&facts(None, None, Some(0), Some(0))).events, Some(0));
    }

    #[test]
    fn without_counters_a_backlog_is_unknown_and_has_no_number() {
        assert_eq!(lag(&facts(None, None, Some(3), Some(0))), Lag::UNKNOWN);
        assert_eq!(lag(&facts(None, None, None, None)), Lag::UNKNOWN);
    }

    #[test]
    fn more_out_than_in_is_unknown_not_a_large_number() {
        assert_eq!(lag(&facts(Some(10), Some(20), None, Some(1))), Lag::UNKNOWN);
    }

    #[test]
    fn one_unknown_partition_makes_the_sum_unknown() {
        let known = Lag { events: Some(5), certainty: Certainty::Known };
        assert_eq!(known.plus(Lag::UNKNOWN), Lag::UNKNOWN);
        assert_eq!(known.plus(known), Lag { events: Some(10), certainty: Certainty::Known });
    }
}
