//! A rate limit in events per second, lock-free: one word holds the time at which the bucket would be full again
//! (the generic cell rate algorithm). Time comes in as an argument.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SECOND: u64 = 1_000_000_000;

/// Nothing was taken; the same request fits after this long, if nobody else takes meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);

/// A token bucket of one key, shared by all holders of its facts. It counts in this process only: with N API
/// replicas behind one address a key gets up to N times its rate.
#[derive(Debug)]
pub struct Limiter {
    start: Instant,
    rate: u64,
    burst: Duration,
    /// Nanoseconds since `start` at which the bucket is full; in the past: it is full now.
    full_at: AtomicU64,
}

impl Limiter {
    /// `rate` in events a second (0 counts as 1). The bucket holds one second's worth, but at least `batch_max`
    /// events, so that the largest batch the API takes can ever pass.
    pub fn new(rate: u32, batch_max: u32, now: Instant) -> Self {
        let rate = u64::from(rate.max(1));
        let burst = Duration::from_nanos(rate.max(u64::from(batch_max)) * SECOND / rate);
        Self { start: now, rate, burst, full_at: AtomicU64::new(0) }
    }

    /// Takes `events` out of the bucket, all or nothing. A request larger than the whole bucket passes a full one
    /// and leaves it in debt; otherwise it could never pass.
    pub fn take(&self, events: u32, now: Instant) -> Result<(), RetryAfter> {
        let now = nanoseconds(now.saturating_duration_since(self.start));
        let burst = nanoseconds(self.burst);
        let cost = u64::from(events) * SECOND / self.rate;
        let mut full_at = self.full_at.load(Ordering::Relaxed);
        loop {
            let after = full_at.max(now).saturating_add(cost);
            let allowed = now.saturating_add(burst);
            if after > allowed && full_at > now {
                // A full bucket always passes, so never ask for a longer wait than until it is full.
                return Err(RetryAfter(Duration::from_nanos((after - allowed).min(full_at - now))));
            }
            match self.full_at.compare_exchange_weak(full_at, after, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(seen) => full_at = seen,
            }
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_second_worth_passes_at_once_and_then_the_rate_holds() {
        let start = Instant::now();
        let limiter = Limiter::new(100, 10, start);
        assert_eq!(limiter.take(100, start), Ok(()));
        assert_eq!(limiter.take(10, start), Err(RetryAfter(Duration::from_millis(100))));
        assert_eq!(limiter.take(10, at(start, 99)), Err(RetryAfter(Duration::from_millis(1))));
        assert_eq!(limiter.take(10, at(start, 100)), Ok(()));
    }

    #[test]
    fn the_largest_batch_passes_even_at_one_event_a_second() {
        let start = Instant::now();
        let limiter = Limiter::new(1, 1_000, start);
        assert_eq!(limiter.take(1_000, start), Ok(()));
        assert!(limiter.take(1, start).is_err());
        assert_eq!(limiter.take(1, at(start, 1_000)), Ok(()));
    }

    #[test]
    fn more_than_the_bucket_holds_waits_for_a_full_bucket_and_leaves_a_debt() {
        let start = Instant::now();
        let limiter = Limiter::new(10, 1, start);
        assert_eq!(limiter.take(1, start), Ok(()));
        assert_eq!(limiter.take(30, start), Err(RetryAfter(Duration::from_millis(100))));
        assert_eq!(limiter.take(30, at(start, 100)), Ok(()));
        assert_eq!(limiter.take(1, at(start, 100)), Err(RetryAfter(Duration::from_millis(2_100))));
    }

    #[test]
    fn idle_time_does_not_save_up_beyond_the_burst() {
        let start = Instant::now();
        let limiter = Limiter::new(10, 1, start);
        let later = at(start, 3_600_000);
        assert_eq!(limiter.take(10, later), Ok(()));
        assert!(limiter.take(1, later).is_err());
    }

    #[test]
    fn many_threads_together_get_the_burst_and_not_one_event_more() {
        let start = Instant::now();
        let limiter = Limiter::new(1_000, 1, start);
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..1_000).filter(|_| limiter.take(1, start).is_ok()).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 1_000);
    }
}
