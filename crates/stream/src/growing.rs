//! One cumulative number from many workers that come and go. Each counts from its own start; their sum would go back
//! when one leaves.

use std::collections::HashMap;

/// Sums what counters have grown by.
#[derive(Default)]
pub(crate) struct Growing {
    total: u64,
    before: HashMap<String, u64>,
}

impl Growing {
    /// Takes the counters of the living; a name that was not there counts from zero, a counter that went back too.
    pub fn add(&mut self, counters: impl IntoIterator<Item = (String, u64)>) -> u64 {
        let now: HashMap<String, u64> = counters.into_iter().collect();
        for (name, value) in &now {
            let before = self.before.get(name).copied().filter(|before| before <= value).unwrap_or(0);
            self.total = self.total.saturating_add(value - before);
        }
        self.before = now;
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_never_goes_back_whoever_leaves_or_starts_again() {
        let mut growing = Growing::default();
        let of = |pairs: &[(&str, u64)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect::<Vec<_>>()
        };
        assert_eq!(growing.add(of(&[("a", 10), ("b", 5)])), 15);
        assert_eq!(growing.add(of(&[("a", 12)])), 17, "b left");
        assert_eq!(growing.add(of(&[("a", 3), ("c", 1)])), 21, "a began again");
        assert_eq!(growing.add(of(&[])), 21);
    }
}
