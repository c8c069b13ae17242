//! The greatest or least value of the last seconds, as a monotone queue: a value that a later one makes irrelevant is
//! dropped, so taking and reading cost O(1) amortized.

use std::collections::VecDeque;

/// Entries of one window. The longest, an hour, polled every 5 s has 720 lines.
pub(super) const ENTRIES_MAX: usize = 1024;

/// Which end of the values is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Greatest,
    Least,
}

/// A window over (time, value).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Window {
    end: End,
    entries: VecDeque<(f64, f64)>,
}

impl Window {
    pub fn new(end: End) -> Self {
        Self { end, entries: VecDeque::new() }
    }

    /// Takes this line's value, forgets what is older than `seconds`, and answers with the window's extreme.
    pub fn take(&mut self, at: f64, value: f64, seconds: f64) -> f64 {
        while self.entries.front().is_some_and(|(time, _)| *time < at - seconds) {
            self.entries.pop_front();
        }
        let dominated = |old: f64| match self.end {
            End::Greatest => old <= value,
            End::Least => old >= value,
        };
        while self.entries.back().is_some_and(|(_, old)| dominated(*old)) {
            self.entries.pop_back();
        }
        self.entries.push_back((at, value));
        if self.entries.len() > ENTRIES_MAX {
            // The two oldest become one: the more extreme value (the first) for as long as the later would have counted.
            if let Some((_, extreme)) = self.entries.pop_front()
                && let Some(oldest) = self.entries.front_mut()
            {
                oldest.1 = extreme;
            }
        }
        self.extreme().map_or(value, |(_, extreme)| extreme)
    }

    /// The extreme with its time.
    pub fn extreme(&self) -> Option<(f64, f64)> {
        self.entries.front().copied()
    }

    /// A window that remembers one value.
    pub fn of(end: End, entry: Option<(f64, f64)>) -> Self {
        Self { end, entries: entry.into_iter().collect() }
    }

    /// Brings times that lie ahead back to `at`.
    pub fn no_later_than(&mut self, at: f64) {
        self.entries.iter_mut().for_each(|entry| entry.0 = entry.0.min(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extreme_is_that_of_the_values_within_the_window() {
        let mut greatest = Window::new(End::Greatest);
        let mut least = Window::new(End::Least);
        let values = [5.0, 1.0, 4.0, 4.0, 2.0, 9.0, 3.0, 0.0, 7.0, 7.0, 6.0, 1.0, 2.0, 3.0];
        for (i, value) in values.iter().enumerate() {
            let at = f64::from(u32::try_from(i).unwrap());
            let window = &values[i.saturating_sub(3)..=i];
            let expected = window.iter().copied().fold(f64::MIN, f64::max);
            assert!((greatest.take(at, *value, 3.0) - expected).abs() < 1e-12);
            let expected = window.iter().copied().fold(f64::MAX, f64::min);
            assert!((least.take(at, *value, 3.0) - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn a_full_window_forgets_no_extreme_and_stays_bounded() {
        let mut window = Window::new(End::Greatest);
        for i in 0..3000 {
            assert!((window.take(f64::from(i), f64::from(9000 - i), 3600.0) - 9000.0).abs() < 1e-12);
        }
        assert_eq!(window.entries.len(), ENTRIES_MAX);
    }
}
