//! The Lua scripts as functions. What each keeps true stands at its head, in `scripts/`.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use event::keys::{GROUP, Keys};
use redis::Script;
use redis::aio::ConnectionManager;

static ACK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/ack.lua")));
static HEARTBEAT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/heartbeat.lua")));
static SWEEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/sweep.lua")));
static RELEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/release.lua")));

/// What is handed back looks idle for this long: longer than any time after which a frame counts as abandoned.
const HANDED_BACK_IDLE_MS: u64 = 3_600_000;

/// A frame in a worker's hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InHand {
    /// The stream entry's id.
    pub entry: String,
    /// Events in the frame.
    pub events: u64,
    /// Bytes of the frame.
    pub bytes: u64,
}

/// How many frames an acknowledgement counted; fewer than given when another worker was faster.
pub type Acknowledged = u64;

/// What a sweep did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swept {
    /// Entries trimmed.
    pub trimmed: u64,
    /// Whether the counters had drifted and were set equal.
    pub counters_set: bool,
}

/// Acknowledges frames whose events are all stored or in the dead letters.
pub async fn acknowledge(
    redis: &mut ConnectionManager,
    keys: &Keys,
    frames: &[InHand],
) -> redis::RedisResult<Acknowledged> {
    let mut call = ACK.key(&keys.frames);
    call.key(&keys.counters).arg(GROUP);
    for frame in frames {
        call.arg(&frame.entry).arg(frame.events).arg(frame.bytes);
    }
    call.invoke_async(redis).await
}

/// Keeps the given entries from being claimed; answers those that are still this consumer's.
pub async fn heartbeat(
    redis: &mut ConnectionManager,
    keys: &Keys,
    consumer: &str,
    entries: &[String],
) -> redis::RedisResult<Vec<String>> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let mut call = HEARTBEAT.key(&keys.frames);
    call.arg(GROUP).arg(consumer).arg(entries);
    call.invoke_async(redis).await
}

/// Trims below everything pending or undelivered.
pub async fn sweep(redis: &mut ConnectionManager, keys: &Keys) -> redis::RedisResult<Swept> {
    let (trimmed, set): (u64, u64) =
        SWEEP.key(&keys.frames).key(&keys.counters).arg(GROUP).invoke_async(redis).await?;
    Ok(Swept { trimmed, counters_set: set == 1 })
}

/// Deletes a consumer when it owns nothing; with `None`, all consumers that own nothing and are idle that long.
pub async fn release(
    redis: &mut ConnectionManager,
    keys: &Keys,
    consumer: Option<&str>,
    idle: Duration,
) -> redis::RedisResult<u64> {
    let idle = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
    RELEASE.key(&keys.frames).arg(GROUP).arg(consumer.unwrap_or("")).arg(idle).invoke_async(redis).await
}

/// Frees up to `max` frames that are pending under `consumer`, so that the next XAUTOCLAIM of anybody takes them; answers
/// how many.
///
/// Claimed by itself, but as if idle for an hour. XAUTOCLAIM will count one more delivery, and a roll-out counts as none:
/// the counter is set one lower, with JUSTID, which does not raise it.
pub async fn hand_back(
    redis: &mut ConnectionManager,
    keys: &Keys,
    consumer: &str,
    max: usize,
) -> redis::RedisResult<usize> {
    let own: Vec<(String, String, u64, u64)> = redis::cmd("XPENDING")
        .arg(&keys.frames)
        .arg(GROUP)
        .arg("-")
        .arg("+")
        .arg(max)
        .arg(consumer)
        .query_async(redis)
        .await?;
    let mut by_deliveries: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for (entry, _, _, deliveries) in &own {
        by_deliveries.entry(*deliveries).or_default().push(entry);
    }
    for (deliveries, entries) in by_deliveries {
        let mut claim = redis::cmd("XCLAIM");
        claim.arg(&keys.frames).arg(GROUP).arg(consumer).arg(0).arg(entries);
        claim.arg("IDLE").arg(HANDED_BACK_IDLE_MS);
        claim.arg("RETRYCOUNT").arg(deliveries.saturating_sub(1)).arg("JUSTID");
        claim.query_async::<redis::Value>(redis).await?;
    }
    Ok(own.len())
}
