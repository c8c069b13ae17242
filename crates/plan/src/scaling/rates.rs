//! The arrival rate: a burst is backlog and not rate, unless it comes every minute; a real step is believed at the
//! second line.

use std::collections::VecDeque;

use super::number::{RATE_MAX, rate};

/// The rate window, and the one before it: twelve polls, so that the noise of a Poisson stream is below 2 % at 50/s.
const WINDOW_SECONDS: f64 = 60.0;
/// Lines of both windows at a poll of a second, twice over; beyond, the two oldest are added up.
const ENTRIES_MAX: usize = 256;
/// Nothing within a line counts above this many times the median of the window.
const CLIP: f64 = 3.0;
/// Standard deviations of a Poisson stream above which a higher rate is a step.
const SIGMAS: f64 = 3.0;
/// Times are sums of decimal seconds; a line on the edge of the window belongs to it.
const EDGE_SECONDS: f64 = 1e-6;

/// What arrived between two lines.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    at: f64,
    events: f64,
    seconds: f64,
}

/// Arrivals of the last two windows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Arrivals {
    lines: VecDeque<Line>,
}

/// Rates in events per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ArrivalRates {
    /// Of the last minute, bursts left out.
    pub base: f64,
    /// Median of the last three lines.
    pub fast: f64,
    /// The one to plan with.
    pub lambda: f64,
}

impl Arrivals {
    /// Takes what arrived in the `seconds` before `at`.
    pub fn push(&mut self, at: f64, events: f64, seconds: f64) {
        self.lines.push_back(Line { at, events, seconds });
        if self.lines.len() > ENTRIES_MAX
            && let Some(first) = self.lines.pop_front()
            && let Some(second) = self.lines.front_mut()
        {
            second.events += first.events;
            second.seconds += first.seconds;
        }
    }

    /// The rates at `at`; none before the first line.
    pub fn rates(&mut self, at: f64) -> Option<ArrivalRates> {
        // The newest line stays, however old: with nothing newer it is what is known.
        while self.lines.len() > 1
            && self.lines.front().is_some_and(|line| line.at <= at - 2.0 * WINDOW_SECONDS - EDGE_SECONDS)
        {
            self.lines.pop_front();
        }
        let last = *self.lines.back()?;
        let begun = |line: &&Line| line.at - line.seconds;
        let mut now: Vec<Line> = self
            .lines
            .iter()
            .filter(|line| begun(line) >= at - WINDOW_SECONDS - EDGE_SECONDS)
            .copied()
            .collect();
        let before: Vec<Line> = self
            .lines
            .iter()
            .filter(|line| {
                line.at <= at - WINDOW_SECONDS + EDGE_SECONDS
                    && begun(line) >= at - 2.0 * WINDOW_SECONDS - EDGE_SECONDS
            })
            .copied()
            .collect();
        if now.is_empty() {
            now.push(last);
        }
        let clip = CLIP * median(&now);
        let seconds: f64 = now.iter().map(|line| line.seconds).sum();
        let clipped: f64 = now.iter().map(|line| line.events.min(clip * line.seconds)).sum();
        let base = rate(clipped, seconds).max(mean(&now).min(mean(&before)));
        let newest: Vec<Line> = self.lines.iter().rev().take(3).copied().collect();
        let fast = median(&newest);
        let step = fast > base + SIGMAS * (base / last.seconds).sqrt();
        Some(ArrivalRates { base, fast, lambda: if step { fast } else { base } })
    }

    /// Brings times that lie ahead back to `at`.
    pub fn no_later_than(&mut self, at: f64) {
        self.lines.iter_mut().for_each(|line| line.at = line.at.min(at));
    }
}

/// Events over time of several lines; 0 of none.
fn mean(lines: &[Line]) -> f64 {
    rate(lines.iter().map(|line| line.events).sum(), lines.iter().map(|line| line.seconds).sum())
}

/// The middle rate of several lines, of an even number the upper of the two.
fn median(lines: &[Line]) -> f64 {
    let mut rates: Vec<f64> = lines.iter().map(|line| rate(line.events, line.seconds)).collect();
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(0.0).min(RATE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lines: &[f64]) -> ArrivalRates {
        let mut arrivals = Arrivals::default();
        let mut rates = None;
        for (i, rate) in lines.iter().enumerate() {
            let at = 5.0 * f64::from(u32::try_from(i).unwrap() + 1);
            arrivals.push(at, rate * 5.0, 5.0);
            rates = arrivals.rates(at);
        }
        rates.unwrap()
    }

    #[test]
    fn a_burst_in_one_line_is_backlog_and_not_rate() {
        let mut lines = vec![100.0; 12];
        lines.push(12_000.0);
        let rates = after(&lines);
        assert!(rates.base < 120.0, "{rates:?}");
        assert!((rates.lambda - rates.base).abs() < 1e-9, "one odd line is never a step: {rates:?}");
    }

    #[test]
    fn a_burst_in_every_minute_is_rate() {
        let lines: Vec<f64> = (0..36).map(|i| if i % 12 == 0 { 12_000.0 } else { 100.0 }).collect();
        let mean = (12_000.0 + 11.0 * 100.0) / 12.0;
        assert!((after(&lines).base - mean).abs() < 1e-6);
    }

    #[test]
    fn a_step_is_believed_at_its_second_line() {
        let mut lines = vec![100.0; 12];
        lines.push(1000.0);
        assert!(after(&lines).lambda < 130.0);
        lines.push(1000.0);
        assert!((after(&lines).lambda - 1000.0).abs() < 1e-9);
    }

    #[test]
    fn with_no_line_within_the_minute_the_last_one_counts() {
        let mut arrivals = Arrivals::default();
        assert_eq!(arrivals.rates(0.0), None);
        arrivals.push(300.0, 3000.0, 300.0);
        assert!((arrivals.rates(300.0).unwrap().base - 10.0).abs() < 1e-9);
        assert!((arrivals.rates(9000.0).unwrap().base - 10.0).abs() < 1e-9);
    }
}
