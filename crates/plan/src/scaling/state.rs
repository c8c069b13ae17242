//! What is remembered between two lines. Every buffer is bounded. Times are those of the observations.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::number::TIME_MAX;
use super::rates::Arrivals;
use super::saved::Saved;
use super::window::{End, Window};

/// A guess between a warm and a cold node; two raises correct it.
pub(super) const STARTUP_SECONDS: f64 = 30.0;
/// A pod that takes longer is stuck, not starting, as one without a place or without a sink is: learned from, it would
/// keep every later decision waiting.
pub(super) const STARTUP_SECONDS_MAX: f64 = 300.0;
/// Changes of `desired` remembered: under the law a period holds two; a person with `kubectl scale` may do more.
/// It also bounds what is saved.
pub(super) const DESIRES_MAX: usize = 64;
/// Raises whose workers are not ready yet. Every raise is by one at least, and only the newest still say how long a
/// start takes.
pub(super) const UPS_MAX: usize = 64;
/// Throughputs of the last 300 s at different fleet sizes: a line each at the default poll, twice over.
pub(super) const POINTS_MAX: usize = 128;
/// Ready counts over 10 s; a poll is a second at least.
pub(super) const READIES_MAX: usize = 16;

/// Memory of one pipeline. Serialises to what is kept over a restart; the rest begins anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub struct State {
    /// (at, value) of arrived, processed, busy seconds and sink errors.
    pub(super) last: [Option<(f64, f64)>; 4],
    /// The time of the last line.
    pub(super) last_at: Option<f64>,
    /// Arrivals of the last 120 s: the law's `box`.
    pub(super) arrivals: Arrivals,
    /// Arrival rate, bursts left out; kept.
    pub(super) base: Option<f64>,
    /// Events per second of one busy worker; kept.
    pub(super) mu: Option<f64>,
    /// Seconds from a decision to ready workers; kept.
    pub(super) startup: f64,
    /// (at, ready count to reach) of raises not yet ready.
    pub(super) ups: VecDeque<(f64, u32)>,
    /// Workers that were ready no longer are, or were not when this memory began: until all are, no raise is measured.
    pub(super) unready: bool,
    /// lag − (arrived − processed − pending), of the last line that knew both.
    pub(super) offset: Option<f64>,
    /// A counter went back since `offset` was taken, so it belongs to other counters.
    pub(super) offset_stale: bool,
    /// The last lag there was, known or estimated.
    pub(super) last_lag: Option<f64>,
    /// Least backlog of 30 s: what stands.
    pub(super) backs: Window,
    /// Least want of `scaleUp.stabilizationSeconds`.
    pub(super) wants: Window,
    /// Greatest arrival rate of `scaleDown.stabilizationSeconds`; its greatest is kept.
    pub(super) peak: Window,
    /// (at, desired) whenever it changed, over `scaleDown.periodSeconds`; kept.
    pub(super) desires: VecDeque<(f64, u32)>,
    /// When this memory began; kept.
    pub(super) t0: Option<f64>,
    /// When an event last arrived; kept.
    pub(super) last_arrival: Option<f64>,
    /// When the lag was last unknown.
    pub(super) last_unknown: Option<f64>,
    /// When workers were last added; kept.
    pub(super) last_up: Option<f64>,
    /// When their number last changed; kept.
    pub(super) last_change: Option<f64>,
    /// Last time when a worker became ready or none was starting.
    pub(super) progress: Option<f64>,
    /// (at, ready) of the last 10 s, and the one in force before.
    pub(super) readies: VecDeque<(f64, u32)>,
    /// The last three throughputs of a saturated, settled fleet.
    pub(super) recent: VecDeque<f64>,
    /// (at, ready, throughput) of the last 300 s.
    pub(super) points: VecDeque<(f64, u32, f64)>,
    /// Since when saturated workers look slow, unexplained.
    pub(super) slow_since: Option<f64>,
    /// Events per second that the sink takes at most; kept.
    pub(super) ceiling: Option<f64>,
    /// When to look above the ceiling again; kept.
    pub(super) retry_at: Option<f64>,
    /// Until when such a look lasts.
    pub(super) retry_until: Option<f64>,
    /// Last saturated line.
    pub(super) sat_at: Option<f64>,
    /// Since when nothing is processed.
    pub(super) stall_since: Option<f64>,
    /// Lines running that look like a phantom lag.
    pub(super) phantom: u32,
}

impl Default for State {
    fn default() -> Self {
        Self {
            last: [None; 4],
            last_at: None,
            arrivals: Arrivals::default(),
            base: None,
            mu: None,
            startup: STARTUP_SECONDS,
            ups: VecDeque::new(),
            unready: true,
            offset: None,
            offset_stale: false,
            last_lag: None,
            backs: Window::new(End::Least),
            wants: Window::new(End::Least),
            peak: Window::new(End::Greatest),
            desires: VecDeque::new(),
            t0: None,
            last_arrival: None,
            last_unknown: None,
            last_up: None,
            last_change: None,
            progress: None,
            readies: VecDeque::new(),
            recent: VecDeque::new(),
            points: VecDeque::new(),
            slow_since: None,
            ceiling: None,
            retry_at: None,
            retry_until: None,
            sat_at: None,
            stall_since: None,
            phantom: 0,
        }
    }
}

/// How far ahead a look above the ceiling may lie; farther is a clock that went back.
pub(super) const RETRY_SECONDS: f64 = 600.0;

impl State {
    /// Events per second of one busy worker, once one was seen.
    pub fn worker_rate(&self) -> Option<f64> {
        self.mu
    }

    /// Events per second that the sink takes at most, while that is what bounds the pipeline.
    pub fn sink_ceiling(&self) -> Option<f64> {
        self.ceiling
    }

    /// Seconds from a decision to ready workers, as measured.
    pub fn startup_seconds(&self) -> f64 {
        self.startup
    }

    /// A clock that went back, or a memory from another one: what lies ahead is now, and deltas begin anew. Otherwise
    /// a step of an hour would hold every lowering for an hour.
    pub(super) fn no_later_than(&mut self, at: f64) {
        if self.last_at.is_some_and(|last| last > at) {
            self.last = [None; 4];
        }
        for time in [
            &mut self.t0,
            &mut self.last_arrival,
            &mut self.last_unknown,
            &mut self.last_up,
            &mut self.last_change,
            &mut self.progress,
            &mut self.slow_since,
            &mut self.sat_at,
            &mut self.stall_since,
        ] {
            *time = time.map(|time| time.min(at));
        }
        self.retry_at = self.retry_at.map(|time| time.min(at + RETRY_SECONDS));
        self.retry_until = self.retry_until.map(|time| time.min(at + RETRY_SECONDS));
        self.ups.iter_mut().for_each(|up| up.0 = up.0.min(at));
        self.desires.iter_mut().for_each(|desire| desire.0 = desire.0.min(at));
        self.readies.iter_mut().for_each(|ready| ready.0 = ready.0.min(at));
        self.points.iter_mut().for_each(|point| point.0 = point.0.min(at));
        self.arrivals.no_later_than(at);
        for window in [&mut self.backs, &mut self.wants, &mut self.peak] {
            window.no_later_than(at);
        }
    }

    /// Whether some kept time lies ahead of `at`.
    pub(super) fn is_ahead_of(&self, at: f64) -> bool {
        let times = [self.last_at, self.t0, self.last_arrival, self.last_up, self.last_change];
        let retry = self.retry_at.map(|time| time - RETRY_SECONDS);
        let desires = self.desires.back().map(|(time, _)| *time);
        let peak = self.peak.extreme().map(|(time, _)| time);
        times.into_iter().chain([retry, desires, peak]).flatten().any(|time| time > at)
    }

    /// `desires` takes a number that was in force, or asked for, from `at` on.
    pub(super) fn desire(&mut self, at: f64, desired: u32) {
        if self.desires.back().is_none_or(|(_, last)| *last != desired) {
            self.desires.push_back((at, desired));
        }
        if self.desires.len() > DESIRES_MAX {
            // The two oldest become one, by the greater: a lowering is measured from the greatest of the period.
            if let Some((time, desired)) = self.desires.pop_front()
                && let Some(oldest) = self.desires.front_mut()
            {
                *oldest = (time, oldest.1.max(desired));
                let greatest = oldest.1;
                if self.desires.get(1).is_some_and(|(_, next)| *next == greatest) {
                    self.desires.remove(1);
                }
            }
        }
    }

    /// Forgets numbers that ended before `from`.
    pub(super) fn forget_desires(&mut self, from: f64) {
        while self.desires.get(1).is_some_and(|(ended, _)| *ended < from) {
            self.desires.pop_front();
        }
    }

    /// Keeps the answer to a line.
    pub(super) fn remember(&mut self, at: f64, current: u32, desired: u32) {
        self.last_at = Some(at.clamp(-TIME_MAX, TIME_MAX));
        self.desire(at, desired);
        if desired == current {
            return;
        }
        self.last_change = Some(at);
        if desired > current {
            self.last_up = Some(at);
            if !self.unready {
                self.ups.push_back((at, desired));
            }
            if self.ups.len() > UPS_MAX {
                self.ups.pop_front();
            }
        } else {
            self.ups.clear();
        }
    }
}
