//! What of the memory is kept over a restart, as it is written: small, rounded so that it reads back to the same
//! bytes, and checked when read, since a file or a status may hold anything.

use serde::{Deserialize, Serialize};

use super::number::{RATE_MAX, RATE_MIN, TIME_MAX, micro, milli};
use super::state::{DESIRES_MAX, STARTUP_SECONDS, STARTUP_SECONDS_MAX, State};
use super::window::{End, Window};

/// Unknown fields are ignored and missing ones take their start value, so that releases can read each other's.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Saved {
    base: Option<f64>,
    mu: Option<f64>,
    startup: Option<f64>,
    /// The greatest, with its time.
    peak: Option<(f64, f64)>,
    desires: Vec<(f64, u32)>,
    t0: Option<f64>,
    last_arrival: Option<f64>,
    last_up: Option<f64>,
    last_change: Option<f64>,
    ceiling: Option<f64>,
    retry_at: Option<f64>,
}

impl From<State> for Saved {
    fn from(state: State) -> Self {
        Self {
            base: state.base.map(micro),
            mu: state.mu.map(|mu| micro(mu).max(RATE_MIN)),
            startup: Some(milli(state.startup)),
            peak: state.peak.extreme().map(|(at, lambda)| (milli(at), micro(lambda))),
            desires: state.desires.iter().map(|(at, desired)| (milli(*at), *desired)).collect(),
            t0: state.t0.map(milli),
            last_arrival: state.last_arrival.map(milli),
            last_up: state.last_up.map(milli),
            last_change: state.last_change.map(milli),
            ceiling: state.ceiling.map(|ceiling| micro(ceiling).max(RATE_MIN)),
            retry_at: state.retry_at.map(milli),
        }
    }
}

impl From<Saved> for State {
    fn from(saved: Saved) -> Self {
        let time = |time: Option<f64>| time.filter(|time| time.abs() <= TIME_MAX);
        let rate = |rate: Option<f64>| rate.filter(|rate| (RATE_MIN..=RATE_MAX).contains(rate));
        let mut state = Self {
            base: saved.base.filter(|base| (0.0..=RATE_MAX).contains(base)),
            mu: rate(saved.mu),
            startup: saved
                .startup
                .filter(|s| (0.0..=STARTUP_SECONDS_MAX).contains(s))
                .unwrap_or(STARTUP_SECONDS),
            peak: Window::of(
                End::Greatest,
                saved.peak.filter(|(at, peak)| at.abs() <= TIME_MAX && (0.0..=RATE_MAX).contains(peak)),
            ),
            t0: time(saved.t0),
            last_arrival: time(saved.last_arrival),
            last_up: time(saved.last_up),
            last_change: time(saved.last_change),
            ceiling: rate(saved.ceiling),
            retry_at: time(saved.retry_at),
            ..Self::default()
        };
        let mut desires: Vec<_> = saved.desires.into_iter().filter(|(at, _)| at.abs() <= TIME_MAX).collect();
        desires.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (at, desired) in desires.into_iter().rev().take(DESIRES_MAX).rev() {
            state.desire(at, desired);
        }
        state
    }
}
