//! One cumulative number from many workers that come and go. Each counts from its own start; their sum would go back
//! when one leaves.

use std::collections::HashMap;

/// A name that disappears is remembered for so long: a full Redis drops what workers say of themselves and takes
/// nothing new, and when they are heard of again only what they did since counts. Longer than it takes to drain one.
const REMEMBERED_SECONDS: u64 = 15 * 60;

/// Sums what counters have grown by.
#[derive(Default)]
pub(crate) struct Growing {
    total: u64,
    /// The last value of each name, and when it was heard.
    before: HashMap<String, (u64, u64)>,
}

impl Growing {
    /// Takes the counters of the living; a name that was not there lately counts from zero, a counter that went back
    /// too.
    pub fn add(&mut self, counters: impl IntoIterator<Item = (String, u64)>, now_seconds: u64) -> u64 {
        for (name, value) in counters {
            let before = self.before.insert(name, (value, now_seconds)).map(|(before, _)| before);
            let before = before.filter(|before| *before <= value).unwrap_or(0);
            self.total = self.total.saturating_add(value - before);
        }
        self.before.retain(|_, (_, heard)| now_seconds.saturating_sub(*heard) < REMEMBERED_SECONDS);
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn the_sum_never_goes_back_whoever_leaves_or_starts_again() {
        let mut growing = Growing::default();
        assert_eq!(growing.add(of(&[("a", 10), ("b", 5)]), 0), 15);
        assert_eq!(growing.add(of(&[("a", 12)]), 5), 17, "b left");
        assert_eq!(growing.add(of(&[("a", 3), ("c", 1)]), 10), 21, "a began again");
        assert_eq!(growing.add(of(&[]), 15), 21);
    }

    #[test]
    fn who_comes_back_within_minutes_counts_from_where_it_was_and_nobody_is_remembered_for_ever() {
        let mut growing = Growing::default();
        growing.add(of(&[("a", 1_000_000)]), 0);
        assert_eq!(growing.add(of(&[]), 60), 1_000_000);
        assert_eq!(
            growing.add(of(&[("a", 1_000_100)]), 120),
            1_000_100,
            "a was not heard of for two minutes"
        );
        growing.add(of(&[]), 120 + REMEMBERED_SECONDS);
        assert!(growing.before.is_empty());
    }
}
