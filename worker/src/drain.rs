//! The end of a worker: what it could not finish is free for others at once, and its name goes only when it owns nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::claim::beat;
use crate::partition::Partition;

/// Frames handed back at once; the rest is free after the claim time anyway.
const HANDED_BACK_MAX: usize = 1000;
/// Redis may be away at the end too; nobody waits longer for tidiness.
const HAND_BACK_TIMEOUT: Duration = Duration::from_secs(3);

/// The heartbeat of the drain: claiming has stopped, and frames in hand must still not be taken over.
pub async fn beat_until(partition: Arc<Partition>, end: CancellationToken) {
    let mut redis = partition.redis.clone();
    let period = partition.work.claim_idle / 3;
    loop {
        tokio::select! {
            () = tokio::time::sleep(period) => { let _ = beat(&partition, &mut redis).await; }
            () = end.cancelled() => return,
        }
    }
}

/// Frees everything still pending under this name, and deletes the name if nothing is.
pub async fn hand_back(partition: &Partition) {
    match tokio::time::timeout(HAND_BACK_TIMEOUT, free(partition)).await {
        Ok(Ok(0)) => tracing::info!("drained: nothing is left in hand"),
        Ok(Ok(frames)) => tracing::info!(frames, "handed back: other workers take them at once"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "frames in hand are free for others after CLAIM_IDLE_SECONDS");
        }
        Err(_) => {
            tracing::warn!("Redis is away: frames in hand are free for others after CLAIM_IDLE_SECONDS");
        }
    }
}

async fn free(partition: &Partition) -> redis::RedisResult<usize> {
    let mut redis = partition.redis.clone();
    let handed_back =
        stream::hand_back(&mut redis, &partition.keys, &partition.name, HANDED_BACK_MAX).await?;
    stream::release(&mut redis, &partition.keys, Some(&partition.name), Duration::ZERO).await?;
    redis::pipe()
        .del(partition.keys.worker(&partition.name))
        .zrem(partition.keys.workers(), &partition.name)
        .query_async::<()>(&mut redis)
        .await?;
    Ok(handed_back)
}
