//! What a worker says of itself, for the autoscaler: processed events, events in hand, busy time, sink errors.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use crate::partition::Partition;

/// Twice within the autoscaler's poll of 5 s.
const PERIOD: Duration = Duration::from_secs(2);
/// A worker that says nothing for this long is not there.
const ALIVE_SECONDS: u64 = 15;

/// Publishes until the end.
pub async fn run(partition: Arc<Partition>, end: CancellationToken) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => (),
            () = end.cancelled() => return,
        }
        if let Err(error) = publish(&partition).await {
            tracing::debug!(%error, "publishing failed");
        }
    }
}

async fn publish(partition: &Partition) -> redis::RedisResult<()> {
    let mut redis = partition.redis.clone();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let busy = u64::try_from(partition.inserter.busy.total().as_millis()).unwrap_or(u64::MAX);
    let (hash, names) = (partition.keys.worker(&partition.name), partition.keys.workers());
    redis::pipe()
        .atomic()
        .hset(&hash, "processed", partition.done.load(Ordering::Relaxed))
        .hset(&hash, "pendingEvents", partition.in_hand.events())
        .hset(&hash, "busyMillis", busy)
        .hset(&hash, "sinkErrors", partition.metrics.sink_errors.get())
        .cmd("EXPIRE")
        .arg(&hash)
        .arg(ALIVE_SECONDS)
        .zadd(&names, &partition.name, now)
        .zrembyscore(&names, 0, now.saturating_sub(3600))
        .cmd("EXPIRE")
        .arg(&names)
        .arg(3600)
        .query_async::<()>(&mut redis)
        .await
}
