//! A rate limit in events per second, lock-free: one word holds the time at which the bucket would be full again
//! (the generic cell rate algorithm). Time comes in as an argument.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SECOND: u64 = 1_000_000_000;
/// No bucket takes longer to fill: a sender that is told to wait longer has long given up.
const FILL_SECONDS_MAX: u32 = 60;

/// Nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AboveRate {
    /// The same request fits after this long, at most a minute, if nobody else takes meanwhile.
    Wait(Duration),
    /// It never fits: the full bucket holds this many events.
    TooMany(u32),
}

/// A token bucket of one key, shared by all holders of its facts. It counts in this process only: with N API
/// replicas behind one address a key gets up to N times its rate.
#[derive(Debug)]
pub struct Limiter {
    start: Instant,
    rate: u64,
    capacity: u32,
    /// Nanoseconds since `start` at which the bucket is full; in the past: it is full now.
    full_at: AtomicU64,
}

impl Limiter {
    /// `rate` in events a second (0 counts as 1). The bucket holds one second's worth, or the largest batch that the
    /// API takes, `batch_max`, where the rate gives that back within a minute; else what it gives in a minute.
    pub fn new(rate: u32, batch_max: u32, now: Instant) -> Self {
        let rate = rate.max(1);
        let capacity = rate.max(batch_max.min(rate.saturating_mul(FILL_SECONDS_MAX)));
        Self { start: now, rate: rate.into(), capacity, full_at: AtomicU64::new(0) }
    }

    /// Events that a full bucket holds: no request with more of them passes.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Takes `events` out of the bucket, all or nothing.
    pub fn take(&self, events: u32, now: Instant) -> Result<(), AboveRate> {
        if events > self.capacity {
            return Err(AboveRate::TooMany(self.capacity));
        }
        let now = nanoseconds(now.saturating_duration_since(self.start));
        let burst = u64::from(self.capacity) * SECOND / self.rate;
        let cost = u64::from(events) * SECOND / self.rate;
        let mut full_at = self.full_at.load(Ordering::Relaxed);
        loop {
            let after = full_at.max(now).saturating_add(cost);
            let allowed = now.saturating_add(burst);
            if after > allowed {
                return Err(AboveRate::Wait(Duration::from_nanos(after - allowed)));
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
        assert_eq!(limiter.take(10, start), Err(AboveRate::Wait(Duration::from_millis(100))));
        assert_eq!(limiter.take(10, at(start, 99)), Err(AboveRate::Wait(Duration::from_millis(1))));
        assert_eq!(limiter.take(10, at(start, 100)), Ok(()));
    }

    #[test]
    fn the_largest_batch_passes_where_the_rate_gives_it_back_within_a_minute() {
        let start = Instant::now();
        let limiter = Limiter::new(20, 1_000, start);
        assert_eq!(limiter.take(1_000, start), Ok(()));
        assert_eq!(limiter.take(1_000, start), Err(AboveRate::Wait(Duration::from_secs(50))));
        assert_eq!(limiter.take(1, at(start, 50)), Ok(()));
    }

    #[test]
    fn a_slow_key_holds_a_minutes_worth_and_never_waits_longer_for_it() {
        let start = Instant::now();
        let limiter = Limiter::new(1, 1_000, start);
        assert_eq!(limiter.take(1_000, start), Err(AboveRate::TooMany(60)), "it would wait for ever");
        assert_eq!(limiter.take(60, start), Ok(()), "what was refused took nothing");
        assert_eq!(limiter.take(60, start), Err(AboveRate::Wait(Duration::from_mins(1))));
        assert_eq!(limiter.take(1, at(start, 999)), Err(AboveRate::Wait(Duration::from_millis(1))));
        assert_eq!(limiter.take(1, at(start, 1_000)), Ok(()));
    }

    #[test]
    fn no_rate_and_no_batch_make_a_wait_of_more_than_a_minute() {
        let start = Instant::now();
        for rate in [1, 2, 16, 17, 999, 1_000, 5_000_000] {
            for batch_max in [1, 60, 1_000, 100_000] {
                let limiter = Limiter::new(rate, batch_max, start);
                assert_eq!(limiter.take(limiter.capacity(), start), Ok(()));
                let Err(AboveRate::Wait(wait)) = limiter.take(limiter.capacity(), start) else {
                    unreachable!("the bucket is empty")
                };
                assert!(wait <= Duration::from_mins(1), "{rate} {batch_max}: {wait:?}");
            }
        }
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
