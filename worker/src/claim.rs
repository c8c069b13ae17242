//! Keeps one's own frames by heartbeat, takes over those of workers that gave no sign, and tidies up behind them.

use std::sync::Arc;
use std::time::Duration;

use event::keys::GROUP;
use redis::aio::ConnectionManager;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::in_hand::Delivery;
use crate::partition::Partition;
use crate::reader::{Entries, Fields, deliver};

/// Frames of one claim: as many as one read.
const CLAIM_FRAMES: usize = 16;
/// A consumer that owns nothing is deleted after this long: pods come and go, and names would pile up.
const CONSUMER_IDLE_MAX: Duration = Duration::from_hours(1);
/// How often what acknowledging left behind is trimmed.
const SWEEP_PERIOD: Duration = Duration::from_secs(5);

/// Heartbeats and claims, three times within the time after which a frame counts as abandoned.
///
/// The heartbeat goes on while MongoDB is away; claiming does not, since it would only raise delivery counts.
pub async fn run(partition: Arc<Partition>, out: mpsc::Sender<Delivery>, stop: CancellationToken) {
    let mut redis = partition.redis.clone();
    let mut ticks = tokio::time::interval(partition.work.claim_idle / 3);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut cursor = "0-0".to_owned();
    loop {
        tokio::select! {
            _ = ticks.tick() => (),
            () = stop.cancelled() => return,
        }
        if let Err(error) = beat(&partition, &mut redis).await {
            tracing::debug!(%error, "heartbeat failed");
            continue;
        }
        if partition.breaker.is_open() {
            continue;
        }
        match claim(&partition, &mut redis, &mut cursor).await {
            Ok(frames) => {
                if !deliver(&partition, &out, frames).await {
                    return;
                }
            }
            Err(error) => tracing::debug!(%error, "claiming failed"),
        }
    }
}

/// One heartbeat for everything in hand. What is no longer ours was claimed by another; both store it, one counts.
pub async fn beat(partition: &Partition, redis: &mut ConnectionManager) -> redis::RedisResult<()> {
    let entries = partition.in_hand.entries();
    let own = stream::heartbeat(redis, &partition.keys, &partition.name, &entries).await?;
    if own.len() < entries.len() {
        tracing::debug!(in_hand = entries.len(), own = own.len(), "another worker has taken frames over");
    }
    Ok(())
}

type Claimed = Vec<(String, Fields, u64)>;

async fn claim(
    partition: &Partition,
    redis: &mut ConnectionManager,
    cursor: &mut String,
) -> redis::RedisResult<Claimed> {
    let idle = u64::try_from(partition.work.claim_idle.as_millis()).unwrap_or(u64::MAX);
    let (next, entries, gone): (String, Entries, Vec<String>) = redis::cmd("XAUTOCLAIM")
        .arg(&partition.keys.frames)
        .arg(GROUP)
        .arg(&partition.name)
        .arg(idle)
        .arg(&*cursor)
        .arg("COUNT")
        .arg(CLAIM_FRAMES)
        .query_async(redis)
        .await?;
    *cursor = next;
    if !gone.is_empty() {
        partition.metrics.lost.inc_by(gone.len() as u64);
        tracing::error!(entries = ?gone, "pending frames are gone from the stream: somebody deleted them");
    }
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    partition.metrics.claimed.inc_by(entries.len() as u64);
    tracing::info!(frames = entries.len(), "took over frames of a worker that gave no sign");
    let mut pipe = redis::pipe();
    for (entry, _) in &entries {
        pipe.cmd("XPENDING").arg(&partition.keys.frames).arg(GROUP).arg(entry).arg(entry).arg(1);
    }
    let pending: Vec<Vec<(String, String, u64, u64)>> = pipe.query_async(redis).await?;
    let deliveries =
        pending.into_iter().map(|found| found.first().map_or(1, |(_, _, _, deliveries)| *deliveries));
    Ok(entries.into_iter().zip(deliveries).map(|((entry, fields), n)| (entry, fields, n)).collect())
}

/// Trims the stream, sets drifted counters right, and deletes consumers that are long gone.
pub async fn sweep(partition: Arc<Partition>, stop: CancellationToken) {
    let mut redis = partition.redis.clone();
    let mut ticks = tokio::time::interval(SWEEP_PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => (),
            () = stop.cancelled() => return,
        }
        match stream::sweep(&mut redis, &partition.keys).await {
            Ok(swept) if swept.counters_set => {
                tracing::info!("nothing waits: the counters had drifted and were set equal");
            }
            Ok(_) => (),
            Err(error) => tracing::debug!(%error, "sweep failed"),
        }
        if let Err(error) = stream::release(&mut redis, &partition.keys, None, CONSUMER_IDLE_MAX).await {
            tracing::debug!(%error, "deleting idle consumers failed");
        }
    }
}
