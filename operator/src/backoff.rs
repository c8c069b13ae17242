//! How long to wait after failures in a row, per pipeline: kube gives none that grows.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use crate::context::lock;

/// The first pause.
const FIRST: Duration = Duration::from_secs(1);
/// A pipeline whose trouble was mended should not be left alone for longer.
const LONGEST: Duration = Duration::from_mins(5);

/// Failures in a row.
#[derive(Default)]
pub struct Backoff(Mutex<HashMap<String, u32>>);

impl Backoff {
    /// Counts a failure and says how long to wait: doubling, with up to a quarter of jitter, so that pipelines that
    /// failed together do not come back together.
    pub fn failed(&self, key: &str) -> Duration {
        let mut counts = lock(&self.0);
        let count = counts.entry(key.to_owned()).or_insert(0);
        *count = count.saturating_add(1);
        let pause = FIRST.saturating_mul(1 << (*count - 1).min(16)).min(LONGEST);
        pause + pause.mul_f64(f64::from(getrandom::u32().unwrap_or(0) % 1000) / 4000.0)
    }

    /// A pass went well, or the pipeline is gone.
    pub fn forget(&self, key: &str) {
        lock(&self.0).remove(key);
    }

    /// Forgets all but these.
    pub fn retain(&self, present: &HashSet<String>) {
        lock(&self.0).retain(|key, _| present.contains(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_begin_anew_after_a_success() {
        let backoff = Backoff::default();
        for least in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            let pause = backoff.failed("a");
            let least = Duration::from_secs(least);
            assert!(pause >= least && pause <= least.mul_f64(1.25), "{pause:?} for {least:?}");
        }
        assert!(backoff.failed("b") < Duration::from_secs(2));
        backoff.forget("a");
        assert!(backoff.failed("a") < Duration::from_secs(2));
        backoff.failed("a");
        backoff.retain(&HashSet::from(["b".to_owned()]));
        assert!(backoff.failed("a") < Duration::from_secs(2), "a pipeline that is gone leaves nothing");
    }
}
