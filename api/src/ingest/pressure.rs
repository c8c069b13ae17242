//! How full Redis is, by the counters of queued bytes; and how long a refused sender should wait, by the rate at
//! which workers really drain it. Used memory would not do: it holds the marks, which give way by themselves.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event::keys::{BYTES_IN, BYTES_OUT, Keys};
use redis::Value;
use redis::aio::ConnectionManager;
use stream::FULL_PERCENT;
use tokio::time::Instant;

/// Often enough that at 250 MB/s no more than 5 % of a 1 GiB Redis comes in between two looks.
const POLL: Duration = Duration::from_millis(200);
/// Take again below this share, so that the answer does not flap.
const EASED_PERCENT: u64 = 85;
/// What Redis held when it said itself that it is full is believed to be all it can hold for so long; then it is tried
/// again, since memory may have been added.
const LEARNED_FOR: Duration = Duration::from_secs(30);
/// A sender is never told to stay away longer: a guess about the future is not worth more than a minute.
const RETRY_AFTER_SECONDS_MAX: u64 = 60;

/// Shared with the request handlers. Cheap to read.
#[derive(Clone, Default)]
pub struct Pressure(Arc<State>);

#[derive(Default)]
struct State {
    full: AtomicBool,
    unwritable: AtomicBool,
    queued_bytes: AtomicU64,
    retry_after_seconds: AtomicU64,
    answered: Mutex<Option<(Instant, Duration)>>,
    learned: Mutex<Option<Learned>>,
}

/// That Redis had no room for more although the counters said so.
#[derive(Clone, Copy)]
struct Learned {
    queued_bytes: u64,
    at: Instant,
}

impl Pressure {
    /// Polls until the process ends. `memory_bytes` 0 means that Redis has no limit, so only Redis itself says full.
    pub fn watch(&self, keys: Vec<Keys>, redis: ConnectionManager, memory_bytes: u64) {
        tokio::spawn(self.clone().poll(keys, redis, memory_bytes));
    }

    /// Redis refused a frame for want of memory: what is queued now is as much as it holds.
    pub fn found_full(&self) {
        let learned = Learned { queued_bytes: self.queued_bytes(), at: Instant::now() };
        *self.0.learned.lock().unwrap_or_else(PoisonError::into_inner) = Some(learned);
        if !self.0.full.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                queued_bytes = learned.queued_bytes,
                "Redis says that it is full: refusing events"
            );
        }
    }

    /// Bytes of frames that Redis can hold; 0: no limit.
    fn capacity(&self, memory_bytes: u64, now: Instant) -> u64 {
        let learned = *self.0.learned.lock().unwrap_or_else(PoisonError::into_inner);
        match learned.filter(|learned| now.saturating_duration_since(learned.at) < LEARNED_FOR) {
            Some(learned) if memory_bytes == 0 => learned.queued_bytes,
            Some(learned) => learned.queued_bytes.min(memory_bytes),
            None => memory_bytes,
        }
    }

    /// Whether to refuse now.
    pub fn is_full(&self) -> bool {
        self.0.full.load(Ordering::Relaxed)
    }

    /// Whether Redis said at the last look that it cannot write to its disk; it takes no writes while it cannot, and
    /// tries again every second.
    pub fn is_unwritable(&self) -> bool {
        self.0.unwritable.load(Ordering::Relaxed)
    }

    /// Bytes of frames not yet acknowledged by workers.
    pub fn queued_bytes(&self) -> u64 {
        self.0.queued_bytes.load(Ordering::Relaxed)
    }

    /// What `Retry-After` to give, in seconds.
    pub fn retry_after_seconds(&self) -> u64 {
        self.0.retry_after_seconds.load(Ordering::Relaxed).max(1)
    }

    /// How long ago Redis answered a look, and how long it took.
    pub fn answered(&self) -> Option<(Duration, Duration)> {
        let answered = self.0.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.map(|(at, took)| (at.elapsed(), took))
    }

    async fn poll(self, keys: Vec<Keys>, mut redis: ConnectionManager, memory_bytes: u64) {
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut drain = DrainRate::default();
        loop {
            ticks.tick().await;
            let began = Instant::now();
            let Ok(Look { bytes_in, bytes_out, unwritable }) = read(&keys, &mut redis).await else {
                continue;
            };
            *self.0.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some((began, began.elapsed()));
            let queued = bytes_in.saturating_sub(bytes_out);
            let rate = drain.sample(bytes_out, began);
            self.0.queued_bytes.store(queued, Ordering::Relaxed);
            let capacity = self.capacity(memory_bytes, began);
            let full = is_full(self.is_full(), queued, capacity);
            if full != self.is_full() {
                tracing::warn!(
                    full,
                    queued_bytes = queued,
                    capacity,
                    "Redis is {}",
                    if full { "full: refusing events" } else { "taking events again" }
                );
            }
            self.0.full.store(full, Ordering::Relaxed);
            if unwritable != self.0.unwritable.swap(unwritable, Ordering::Relaxed) {
                let what = if unwritable {
                    "cannot write to its disk: free some space there"
                } else {
                    "writes to its disk again"
                };
                tracing::warn!(unwritable, "Redis {what}");
            }
            let excess = queued.saturating_sub(capacity / 100 * EASED_PERCENT);
            self.0.retry_after_seconds.store(retry_after(excess, rate), Ordering::Relaxed);
        }
    }
}

/// What one look at Redis found.
struct Look {
    bytes_in: u64,
    bytes_out: u64,
    unwritable: bool,
}

async fn read(keys: &[Keys], redis: &mut ConnectionManager) -> redis::RedisResult<Look> {
    let mut pipe = redis::pipe();
    for keys in keys {
        pipe.cmd("HMGET").arg(&keys.counters).arg(BYTES_IN).arg(BYTES_OUT);
    }
    pipe.cmd("INFO").arg("persistence");
    let mut answers: Vec<Value> = pipe.query_async(redis).await?;
    let persistence: String = redis::from_redis_value(answers.pop().unwrap_or(Value::Nil))?;
    let counters: Vec<(Option<u64>, Option<u64>)> = redis::from_redis_value(Value::Array(answers))?;
    Ok(Look {
        bytes_in: counters.iter().filter_map(|c| c.0).sum(),
        bytes_out: counters.iter().filter_map(|c| c.1).sum(),
        unwritable: is_unwritable(&persistence),
    })
}

/// Of INFO. A snapshot that failed does not count: whether Redis then refuses writes is a matter of its settings.
fn is_unwritable(persistence: &str) -> bool {
    persistence.lines().any(|line| line.trim() == "aof_last_write_status:err")
}

fn is_full(was_full: bool, queued: u64, capacity: u64) -> bool {
    let percent = if was_full { EASED_PERCENT } else { FULL_PERCENT };
    capacity > 0 && queued >= capacity / 100 * percent
}

fn retry_after(excess_bytes: u64, drained_per_second: f64) -> u64 {
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded seconds"
    )]
    let seconds = (excess_bytes as f64 / drained_per_second.max(1.0)).ceil() as u64;
    seconds.clamp(1, RETRY_AFTER_SECONDS_MAX)
}

/// Bytes that workers acknowledge a second, smoothed over about two seconds.
#[derive(Default)]
struct DrainRate {
    last: Option<(u64, Instant)>,
    per_second: f64,
}

impl DrainRate {
    fn sample(&mut self, bytes_out: u64, now: Instant) -> f64 {
        if let Some((before, at)) = self.last {
            let seconds = now.duration_since(at).as_secs_f64().max(0.001);
            #[allow(clippy::cast_precision_loss, reason = "a rate")]
            let rate = bytes_out.saturating_sub(before) as f64 / seconds;
            self.per_second += (rate - self.per_second) * (seconds / 2.0).min(1.0);
        }
        self.last = Some((bytes_out, now));
        self.per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_at_90_percent_and_eased_only_below_85() {
        assert!(!is_full(false, 899, 1000));
        assert!(is_full(false, 900, 1000));
        assert!(is_full(true, 850, 1000));
        assert!(!is_full(true, 849, 1000));
        assert!(!is_full(false, u64::MAX, 0), "no limit, never full by the counters");
    }

    #[tokio::test]
    async fn what_is_queued_when_redis_says_full_is_its_capacity_for_half_a_minute() {
        let (pressure, now) = (Pressure::default(), Instant::now());
        assert_eq!(pressure.capacity(1000, now), 1000);
        pressure.0.queued_bytes.store(700, Ordering::Relaxed);
        pressure.found_full();
        assert!(pressure.is_full());
        let capacity = pressure.capacity(1000, now);
        assert_eq!((capacity, pressure.capacity(0, now)), (700, 700));
        assert!(is_full(true, 700, capacity), "it stays full although 700 of 1,000 are below 90 %");
        assert!(!is_full(true, 500, capacity), "eased at 85 % of what it held");
        assert_eq!(pressure.capacity(1000, now + LEARNED_FOR + Duration::from_secs(1)), 1000);
    }

    #[test]
    fn only_an_append_only_file_that_could_not_be_written_stops_writes() {
        let info = |aof, rdb| {
            format!("# Persistence\r\nrdb_last_bgsave_status:{rdb}\r\naof_last_write_status:{aof}\r\n")
        };
        assert!(is_unwritable(&info("err", "ok")));
        assert!(!is_unwritable(&info("ok", "err")));
        assert!(!is_unwritable(""));
    }

    #[test]
    fn retry_after_is_the_excess_over_the_drain_rate_within_a_minute() {
        assert_eq!(retry_after(0, 0.0), 1);
        assert_eq!(retry_after(1000, 100.0), 10);
        assert_eq!(retry_after(u64::MAX, 0.0), 60);
    }

    #[test]
    fn the_drain_rate_follows_the_workers() {
        let (mut rate, began) = (DrainRate::default(), Instant::now());
        for n in 0..60u32 {
            rate.sample(u64::from(n) * 200, began + Duration::from_millis(200) * n);
        }
        assert!((rate.per_second - 1000.0).abs() < 50.0, "{}", rate.per_second);
    }
}
