//! Reads frames ahead of the inserts, on a connection of its own, while there is room in hand.

use std::sync::Arc;
use std::time::Duration;

use event::keys::{FRAME_FIELD, GROUP};
use redis::aio::ConnectionManager;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::backoff;
use crate::in_hand::Delivery;
use crate::partition::Partition;

/// Frames of one read: about 1 MiB when frames are full, at most 16 MiB.
const READ_FRAMES: usize = 16;
/// How long a read waits for the first frame; also how late a stop is noticed.
pub const BLOCK: Duration = Duration::from_millis(500);

/// The entries of one stream: id, and fields with their values.
pub(crate) type Entries = Vec<(String, Vec<(String, Vec<u8>)>)>;

/// Reads until told to stop.
pub async fn run(
    partition: Arc<Partition>,
    mut redis: ConnectionManager,
    out: mpsc::Sender<Delivery>,
    stop: CancellationToken,
) {
    let mut attempt = 0;
    while !stop.is_cancelled() {
        tokio::select! {
            () = async { partition.breaker.closed().await; partition.in_hand.room(partition.work.prefetch_bytes).await } => (),
            () = stop.cancelled() => return,
        }
        match read(&partition, &mut redis).await {
            Ok(entries) => {
                attempt = 0;
                for (entry, fields) in entries {
                    if !deliver(&partition, &out, entry, fields, 1).await {
                        return;
                    }
                }
            }
            Err(error) => {
                if stream::is_no_group(&error) {
                    tracing::warn!(
                        "the consumer group is gone (Redis lost its data?): made again from the beginning"
                    );
                    let _ = stream::ensure_group(&mut redis, &partition.keys).await;
                } else if attempt == 0 {
                    tracing::warn!(%error, "reading from Redis failed; trying again");
                }
                backoff::wait(attempt).await;
                attempt += 1;
            }
        }
    }
}

async fn read(partition: &Partition, redis: &mut ConnectionManager) -> redis::RedisResult<Entries> {
    let streams: Option<Vec<(String, Entries)>> = redis::cmd("XREADGROUP")
        .arg("GROUP")
        .arg(GROUP)
        .arg(&partition.name)
        .arg("COUNT")
        .arg(READ_FRAMES)
        .arg("BLOCK")
        .arg(u64::try_from(BLOCK.as_millis()).unwrap_or(500))
        .arg("STREAMS")
        .arg(&partition.keys.frames)
        .arg(">")
        .query_async(redis)
        .await?;
    Ok(streams.unwrap_or_default().into_iter().flat_map(|(_, entries)| entries).collect())
}

/// Puts one entry into hand and passes it on. `false`: nobody takes it any more.
pub(crate) async fn deliver(
    partition: &Partition,
    out: &mpsc::Sender<Delivery>,
    entry: String,
    fields: Vec<(String, Vec<u8>)>,
    deliveries: u64,
) -> bool {
    let bytes =
        fields.into_iter().find(|(name, _)| name == FRAME_FIELD).map(|(_, bytes)| bytes).unwrap_or_default();
    let events = event::frame::Frame::decode(&bytes).map_or(0, |frame| frame.count());
    if !partition.in_hand.take(&entry, bytes.len() as u64, events as u64) {
        return true;
    }
    partition.metrics.frames.inc();
    if deliveries > 1 {
        partition.metrics.redelivered.inc();
    }
    out.send(Delivery { entry, bytes, events, deliveries }).await.is_ok()
}
