//! Waiting between tries, and the breaker: after a few failures in a row reading stops, so that frames stay where
//! others can see them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// The first pause; doubled at each try.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest pause: a store that is back is used again within this time.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// So many failures in a row open the breaker.
const FAILURES_TO_OPEN: u32 = 3;

/// The pause before try number `attempt` (from 0), anywhere between zero and its bound: full jitter, so that workers
/// do not come back all at once. `chance` is any random number.
pub fn pause(attempt: u32, chance: u32) -> Duration {
    let bound = PAUSE_MIN.saturating_mul(1 << attempt.min(10)).min(PAUSE_MAX);
    bound.mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

/// Waits before the next try.
pub async fn wait(attempt: u32) {
    tokio::time::sleep(pause(attempt, getrandom::u32().unwrap_or(u32::MAX / 2))).await;
}

/// Open while MongoDB does not answer.
#[derive(Debug)]
pub struct Breaker {
    failures: AtomicU32,
    open: watch::Sender<bool>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: AtomicU32::new(0), open: watch::Sender::new(false) }
    }
}

impl Breaker {
    /// MongoDB answered.
    pub fn answered(&self) {
        self.failures.store(0, Ordering::Relaxed);
        if self.open.send_replace(false) {
            tracing::info!("MongoDB answers again: reading goes on");
        }
    }

    /// MongoDB did not answer, or not now.
    pub fn failed(&self, why: &str) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if failures >= FAILURES_TO_OPEN && !self.open.send_replace(true) {
            tracing::warn!(
                why,
                "MongoDB does not answer: reading stops until it does; frames in hand are kept and tried again"
            );
        }
    }

    /// Whether reading is stopped.
    pub fn is_open(&self) -> bool {
        *self.open.borrow()
    }

    /// Waits until reading may go on.
    pub async fn closed(&self) {
        let mut open = self.open.subscribe();
        let _ = open.wait_for(|open| !*open).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_never_beyond() {
        assert_eq!(pause(0, u32::MAX), PAUSE_MIN);
        assert_eq!(pause(3, u32::MAX), PAUSE_MIN * 8);
        assert_eq!(pause(1000, u32::MAX), PAUSE_MAX);
        assert_eq!(pause(1000, 0), Duration::ZERO);
    }

    #[tokio::test]
    async fn the_breaker_opens_at_the_third_failure_and_closes_at_the_first_answer() {
        let breaker = Breaker::default();
        breaker.failed("a");
        breaker.failed("b");
        assert!(!breaker.is_open());
        breaker.failed("c");
        assert!(breaker.is_open());
        breaker.answered();
        breaker.closed().await;
        assert!(!breaker.is_open());
    }
}
