//! The end of a worker: what it could not finish is free for others at once, and its name goes only when it owns nothing.

use std::sync::Arc;
use std::time::Duration;

use event::keys::GROUP;
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
    let frames = &partition.keys.frames;
    let own: Vec<(String, String, u64, u64)> = redis::cmd("XPENDING")
        .arg(frames)
        .arg(GROUP)
        .arg("-")
        .arg("+")
        .arg(HANDED_BACK_MAX)
        .arg(&partition.name)
        .query_async(&mut redis)
        .await?;
    if !own.is_empty() {
        // Claimed by itself, but as if idle for an hour: the next XAUTOCLAIM of anybody takes them. JUSTID: a
        // roll-out does not count as a delivery.
        let mut claim = redis::cmd("XCLAIM");
        claim.arg(frames).arg(GROUP).arg(&partition.name).arg(0);
        own.iter().for_each(|(entry, ..)| {
            claim.arg(entry);
        });
        claim.arg("IDLE").arg(3_600_000).arg("JUSTID");
        let _: redis::Value = claim.query_async(&mut redis).await?;
    }
    stream::release(&mut redis, &partition.keys, Some(&partition.name), Duration::ZERO).await?;
    redis::pipe()
        .del(partition.keys.worker(&partition.name))
        .zrem(partition.keys.workers(), &partition.name)
        .query_async::<()>(&mut redis)
        .await?;
    Ok(own.len())
}
