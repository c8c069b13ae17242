//! One flight to Redis: look the ids up, then one MULTI … EXEC with the frame, its counters and its marks.
//!
//! Never a plain pipeline: on a full Redis the XADD would be refused and the marks behind it still go in, and each
//! mark without a frame turns the sender's retry into a silent loss.

use event::frame::Builder;
use event::keys::{BYTES_IN, EVENTS_IN, FRAME_FIELD, FRAMES_IN, Keys, SEEN_WINDOW_SECONDS};
use redis::aio::ConnectionManager;

use super::buffer::Pending;
use super::flight::{Failure, Landing};

/// Writes a flight. `now_seconds` is Unix time; it chooses the window of seen ids.
pub(super) async fn write(
    redis: &mut ConnectionManager,
    keys: &Keys,
    pending: &Pending,
    now_seconds: u64,
) -> Landing {
    let epoch = now_seconds / SEEN_WINDOW_SECONDS;
    let seen = if pending.replay {
        vec![false; pending.ids.len()]
    } else {
        look_up(redis, keys, pending, epoch).await.map_err(|error| failure(&error))?
    };
    if seen.iter().all(|seen| *seen) {
        return Ok(seen);
    }
    queue(redis, keys, pending, &seen, epoch).await.map_err(|error| failure(&error))?;
    Ok(seen)
}

async fn look_up(
    redis: &mut ConnectionManager,
    keys: &Keys,
    pending: &Pending,
    epoch: u64,
) -> redis::RedisResult<Vec<bool>> {
    let mut pipe = redis::pipe();
    for epoch in [epoch, epoch.saturating_sub(1)] {
        let command = pipe.cmd("SMISMEMBER").arg(keys.seen(epoch));
        for id in &pending.ids {
            command.arg(&id.0);
        }
    }
    let (now, before): (Vec<bool>, Vec<bool>) = pipe.query_async(redis).await?;
    Ok(now.into_iter().zip(before).map(|(now, before)| now || before).collect())
}

async fn queue(
    redis: &mut ConnectionManager,
    keys: &Keys,
    pending: &Pending,
    seen: &[bool],
    epoch: u64,
) -> redis::RedisResult<()> {
    let mut builder = Builder::new();
    let fresh = || seen.iter().enumerate().filter(|(_, seen)| !**seen).map(|(slot, _)| slot);
    fresh().for_each(|slot| builder.push(pending.doc(slot)));
    let count = builder.len();
    let frame = builder.finish(pending.first_ms, pending.last_ms);
    let marks = keys.seen(epoch);

    let mut pipe = redis::pipe();
    pipe.atomic();
    pipe.cmd("XADD").arg(&keys.frames).arg("*").arg(FRAME_FIELD).arg(&frame[..]).ignore();
    pipe.cmd("HINCRBY").arg(&keys.counters).arg(EVENTS_IN).arg(count).ignore();
    pipe.cmd("HINCRBY").arg(&keys.counters).arg(BYTES_IN).arg(frame.len()).ignore();
    pipe.cmd("HINCRBY").arg(&keys.counters).arg(FRAMES_IN).arg(1).ignore();
    let add = pipe.cmd("SADD").arg(&marks);
    for slot in fresh() {
        add.arg(&pending.ids[slot].0);
    }
    add.ignore();
    pipe.cmd("EXPIRE").arg(&marks).arg(2 * SEEN_WINDOW_SECONDS).ignore();
    pipe.query_async(redis).await
}

/// Redis says MISCONF when it cannot write to its disk and OOM when its memory is full; of a transaction that it
/// discarded it names the commands that it refused, each with its reason. Any other reason (READONLY of a replica, NOPERM)
/// is no want of room.
fn failure(error: &redis::RedisError) -> Failure {
    let text = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["MISCONF"]) {
        tracing::debug!(%error, "Redis cannot write to its disk");
        return Failure::Disk;
    }
    if says(&["OOM"]) {
        tracing::debug!(%error, "Redis has no room");
        return Failure::Full;
    }
    tracing::warn!(%error, "writing to Redis failed; senders are asked to resend");
    Failure::Unavailable
}
