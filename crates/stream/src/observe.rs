//! One look at one partition: counters, group, pending frames and live workers, all of one moment.

use event::keys::{EVENTS_IN, EVENTS_OUT, FRAMES_IN, GROUP, Keys};
use event::lag::{Lag, PartitionFacts, lag};
use redis::Value;
use redis::aio::ConnectionManager;

/// A worker's entry counts for this long after its last sign of life.
const WORKER_ALIVE_SECONDS: u64 = 15;

/// A partition at one moment.
#[derive(Clone, Debug, Default)]
pub struct PartitionView {
    /// What the lag is computed from.
    pub facts: PartitionFacts,
    /// Live workers.
    pub workers: Vec<WorkerView>,
}

impl PartitionView {
    /// How much waits, and how sure that is.
    pub fn lag(&self) -> Lag {
        lag(&self.facts)
    }
}

/// What a live worker said of itself, at most two seconds ago or so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerView {
    /// Its consumer name.
    pub name: String,
    /// Events stored or dead-lettered since it began.
    pub processed: u64,
    /// Events in its hands.
    pub pending_events: u64,
    /// Time spent with at least one insert under way, milliseconds, since it began.
    pub busy_ms: u64,
    /// Calls that MongoDB did not answer or refused as a whole.
    pub sink_errors: u64,
}

/// Counters, XINFO STREAM FULL, names of live workers.
type Read = ((Option<u64>, Option<u64>, Option<u64>), Value, Vec<String>);

/// Reads a partition. `now_seconds` is Unix time; it tells the living workers from the dead.
pub async fn observe(
    redis: &mut ConnectionManager,
    keys: &Keys,
    now_seconds: u64,
) -> redis::RedisResult<PartitionView> {
    let mut pipe = redis::pipe();
    pipe.atomic();
    pipe.cmd("HMGET").arg(&keys.counters).arg(EVENTS_IN).arg(EVENTS_OUT).arg(FRAMES_IN);
    pipe.cmd("XINFO").arg("STREAM").arg(&keys.frames).arg("FULL").arg("COUNT").arg(1);
    pipe.cmd("ZRANGE")
        .arg(keys.workers())
        .arg(now_seconds.saturating_sub(WORKER_ALIVE_SECONDS))
        .arg("+inf")
        .arg("BYSCORE");
    let exists: bool = redis::cmd("EXISTS").arg(&keys.frames).query_async(redis).await?;
    if !exists {
        return Ok(PartitionView::default());
    }
    let ((events_in, events_out, frames_in), stream, names): Read = pipe.query_async(redis).await?;
    let group = group(&stream);
    let facts = PartitionFacts {
        events_in,
        events_out,
        frames_in,
        group_lag_frames: group.and_then(|group| undelivered(&stream, group)),
        pending_frames: group.and_then(|group| number(field(group, "pel-count")?)),
    };
    Ok(PartitionView { facts, workers: workers(redis, keys, names).await? })
}

/// Age of the oldest frame that no worker was given yet, in milliseconds, by the server's own clock; `None`: none
/// waits, or there is no group.
pub async fn oldest_waiting_ms(
    redis: &mut ConnectionManager,
    keys: &Keys,
) -> redis::RedisResult<Option<u64>> {
    if !redis::cmd("EXISTS").arg(&keys.frames).query_async::<bool>(redis).await? {
        return Ok(None);
    }
    let groups: redis::streams::StreamInfoGroupsReply =
        redis::cmd("XINFO").arg("GROUPS").arg(&keys.frames).query_async(redis).await?;
    let Some(group) = groups.groups.into_iter().find(|group| group.name == GROUP) else { return Ok(None) };
    let mut pipe = redis::pipe();
    pipe.cmd("XRANGE")
        .arg(&keys.frames)
        .arg(format!("({}", group.last_delivered_id))
        .arg("+")
        .arg("COUNT")
        .arg(1);
    pipe.cmd("TIME");
    let (next, (seconds, micros)): (redis::streams::StreamRangeReply, (u64, u64)) =
        pipe.query_async(redis).await?;
    let began = next.ids.first().and_then(|entry| entry.id.split('-').next()?.parse::<u64>().ok());
    Ok(began.map(|began| (seconds * 1000 + micros / 1000).saturating_sub(began)))
}

async fn workers(
    redis: &mut ConnectionManager,
    keys: &Keys,
    names: Vec<String>,
) -> redis::RedisResult<Vec<WorkerView>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut pipe = redis::pipe();
    for name in &names {
        pipe.cmd("HMGET")
            .arg(keys.worker(name))
            .arg("processed")
            .arg("pendingEvents")
            .arg("busyMillis")
            .arg("sinkErrors");
    }
    let read: Vec<[Option<u64>; 4]> = pipe.query_async(redis).await?;
    let view = |(name, [processed, pending, busy, errors]): (String, [Option<u64>; 4])| {
        Some(WorkerView {
            name,
            processed: processed?,
            pending_events: pending.unwrap_or(0),
            busy_ms: busy.unwrap_or(0),
            sink_errors: errors.unwrap_or(0),
        })
    };
    Ok(names.into_iter().zip(read).filter_map(view).collect())
}

/// Frames that the group was not given yet. Redis's own number may be too high after a start from the append-only file
/// (seen on 7.0.15: 110, and nothing waited); that the newest frame was delivered is exact.
fn undelivered(stream: &Value, group: &Value) -> Option<u64> {
    let (newest, delivered) = (field(stream, "last-generated-id")?, field(group, "last-delivered-id")?);
    if text(newest).is_some() && text(newest) == text(delivered) {
        return Some(0);
    }
    number(field(group, "lag")?)
}

/// The workers' group within the answer of XINFO STREAM FULL.
fn group(stream: &Value) -> Option<&Value> {
    let Value::Array(groups) = field(stream, "groups")? else { return None };
    groups.iter().find(|group| field(group, "name").is_some_and(|name| text(name) == Some(GROUP)))
}

fn field<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    match map {
        Value::Array(items) => {
            items.chunks_exact(2).find(|pair| text(&pair[0]) == Some(name)).map(|pair| &pair[1])
        }
        Value::Map(items) => items.iter().find(|(key, _)| text(key) == Some(name)).map(|(_, value)| value),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// A number, or `None` for null: Redis answers null when it does not know.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}
