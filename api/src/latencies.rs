//! Times of requests, in buckets of a fixed number: adding is one atomic increment, whatever the load.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

/// Of a distribution, each at most a quarter too high.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Percentiles {
    p50: f64,
    p95: f64,
    p99: f64,
}

/// Microseconds in buckets of four to an octave, up to over a minute.
const BUCKETS: usize = 112;

/// Counts of request times since they were last taken; adding is one atomic increment.
pub struct Latencies([AtomicU64; BUCKETS]);

impl Default for Latencies {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Latencies {
    /// Counts one.
    pub fn add(&self, time: Duration) {
        let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0[bucket(microseconds)].fetch_add(1, Ordering::Relaxed);
    }

    /// What came since they were last taken; `None`: nothing did.
    pub fn take(&self) -> Option<Percentiles> {
        let counts: Vec<u64> = self.0.iter().map(|count| count.swap(0, Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let at = |percent: u64| {
            let rank = (total * percent).div_ceil(100);
            let mut seen = 0;
            let found = counts.iter().position(|count| {
                seen += count;
                seen >= rank
            });
            milliseconds(upper_bound(found.unwrap_or(BUCKETS - 1)))
        };
        (total > 0).then(|| Percentiles { p50: at(50), p95: at(95), p99: at(99) })
    }
}

fn bucket(microseconds: u64) -> usize {
    if microseconds < 4 {
        return usize::try_from(microseconds).unwrap_or(0);
    }
    let octave = microseconds.ilog2();
    let quarter = (microseconds >> (octave - 2)) & 3;
    ((octave as usize - 1) * 4 + usize::try_from(quarter).unwrap_or(0)).min(BUCKETS - 1)
}

/// The largest value of a bucket, in microseconds.
fn upper_bound(bucket: usize) -> u64 {
    if bucket < 4 {
        return bucket as u64;
    }
    let (octave, quarter) = (bucket / 4 + 1, bucket as u64 % 4);
    ((4 + quarter + 1) << (octave - 2)) - 1
}

#[expect(clippy::cast_precision_loss, reason = "below a minute")]
fn milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_falls_into_a_bucket_that_is_at_most_a_quarter_too_high() {
        for microseconds in (0..10_000).chain((10_000..60_000_000).step_by(9_973)) {
            let upper = upper_bound(bucket(microseconds));
            assert!(
                upper >= microseconds && upper <= microseconds + microseconds / 4,
                "{microseconds} → {upper}"
            );
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_of_what_came_since_the_last_look() {
        let latencies = Latencies::default();
        assert_eq!(latencies.take(), None);
        for n in 1..=100 {
            latencies.add(Duration::from_millis(n));
        }
        let taken = latencies.take().unwrap();
        for (is, exact) in [(taken.p50, 50.0), (taken.p95, 95.0), (taken.p99, 99.0)] {
            assert!(is >= exact && is <= exact * 1.25, "{taken:?}");
        }
        assert_eq!(latencies.take(), None);
    }
}
