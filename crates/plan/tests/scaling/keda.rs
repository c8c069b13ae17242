//! A model of KEDA's `redis-streams` scaler with `lagCount` and the HPA behind it, to hold the law against: our model of
//! what their documents say, not their code. KEDA looks every 30 s while nothing runs, the HPA every 15 s; a null lag
//! reads as -1 (go-redis since 9.9.0), which is "not active".

use std::collections::VecDeque;

use plan::scaling::{Observation, Spec};

/// Events that each worker should have waiting: half a minute of work of the plant's worker.
const LAG_COUNT: f64 = 1500.0;
/// `--horizontal-pod-autoscaler-sync-period`.
const SYNC_SECONDS: u32 = 15;
/// `pollingInterval`.
const POLLING_SECONDS: u32 = 30;
/// `cooldownPeriod`.
const COOLDOWN_SECONDS: f64 = 300.0;
/// `--horizontal-pod-autoscaler-tolerance`.
const TOLERANCE: f64 = 0.1;
/// `behavior.scaleDown.stabilizationWindowSeconds`.
const DOWN_WINDOW_SECONDS: f64 = 300.0;

/// What it remembers.
#[derive(Default)]
pub struct Keda {
    recommended: VecDeque<(f64, u32)>,
    active_at: f64,
}

impl Keda {
    /// Workers it asks for.
    pub fn decide(&mut self, line: &Observation, spec: &Spec) -> u32 {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole seconds of the plant"
        )]
        let now = line.at as u32;
        let current = line.workers.desired;
        let lag = line.lag_events.unwrap_or(-1.0);
        if lag > 0.0 {
            self.active_at = line.at;
        }
        if current == 0 {
            let looks = now.is_multiple_of(POLLING_SECONDS);
            return if looks && lag > 0.0 { spec.min_replicas.max(1) } else { 0 };
        }
        if spec.min_replicas == 0 && line.at - self.active_at >= COOLDOWN_SECONDS {
            return 0;
        }
        if !now.is_multiple_of(SYNC_SECONDS) {
            return current;
        }
        self.sync(line.at, lag.max(0.0), current, spec)
    }

    /// The HPA with an external metric of type `AverageValue` and its default behavior.
    fn sync(&mut self, at: f64, lag: f64, current: u32, spec: &Spec) -> u32 {
        let ratio = lag / (LAG_COUNT * f64::from(current));
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count; a cast of a float saturates"
        )]
        let wanted = if (ratio - 1.0).abs() <= TOLERANCE { current } else { (lag / LAG_COUNT).ceil() as u32 };
        self.recommended.push_back((at, wanted));
        while self.recommended.front().is_some_and(|(then, _)| at - then > DOWN_WINDOW_SECONDS) {
            self.recommended.pop_front();
        }
        let greatest = self.recommended.iter().map(|(_, wanted)| *wanted).max().unwrap_or(wanted);
        // Up: twice as many or four more in each period. Down: not below what was wanted within the window.
        let step = current.saturating_mul(2).max(current + 4);
        let answer = if wanted > current { wanted.min(step) } else { greatest.min(current) };
        answer.clamp(spec.min_replicas.max(1), spec.max_replicas)
    }
}
