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

/// The fields of an entry with their values.
pub(crate) type Fields = Vec<(String, Vec<u8>)>;
/// The entries of one stream.
pub(crate) type Entries = Vec<(String, Fields)>;

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
                let new = entries.into_iter().map(|(entry, fields)| (entry, fields, 1));
                if !deliver(&partition, &out, new).await {
                    return;
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

/// Puts all entries of an answer into hand, then passes them on: what waits for room in the channel has to get heartbeats
/// too. `false`: nobody takes them any more.
pub(crate) async fn deliver(
    partition: &Partition,
    out: &mpsc::Sender<Delivery>,
    entries: impl IntoIterator<Item = (String, Fields, u64)>,
) -> bool {
    let taken: Vec<Delivery> = entries.into_iter().filter_map(|entry| take(partition, entry)).collect();
    for delivery in taken {
        if out.send(delivery).await.is_err() {
            return false;
        }
    }
    true
}

/// Puts one entry into hand; `None` when it is there already.
fn take(partition: &Partition, (entry, fields, deliveries): (String, Fields, u64)) -> Option<Delivery> {
    let bytes =
        fields.into_iter().find(|(name, _)| name == FRAME_FIELD).map(|(_, bytes)| bytes).unwrap_or_default();
    let events = event::frame::Frame::decode(&bytes).map_or(0, |frame| frame.count());
    if !partition.in_hand.take(&entry, bytes.len() as u64, events as u64) {
        return None;
    }
    partition.metrics.frames.inc();
    if deliveries > 1 {
        partition.metrics.redelivered.inc();
    }
    Some(Delivery { entry, bytes, events, deliveries })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use event::keys::Keys;

    use super::*;
    use crate::backoff::Breaker;
    use crate::in_hand::InHand;
    use crate::insert::{Inserter, Sink};
    use crate::metrics::{BusyClock, Metrics, insert_seconds};
    use crate::settings::Work;

    fn partition() -> Partition {
        let client = redis::Client::open("redis://127.0.0.1:1").unwrap();
        let metrics = Metrics::default();
        let inserter = Inserter {
            sink: Sink::None,
            metrics: metrics.clone(),
            seconds: insert_seconds(),
            busy: BusyClock::default(),
            slow: Duration::ZERO,
        };
        Partition {
            keys: Keys::new("default/test", 0),
            name: "w".into(),
            work: Work {
                batch_events: 1000,
                insert_concurrency: 1,
                prefetch_bytes: 1 << 20,
                max_deliveries: 5,
                claim_idle: Duration::from_secs(30),
            },
            redis: ConnectionManager::new_lazy_with_config(
                client,
                redis::aio::ConnectionManagerConfig::new(),
            )
            .unwrap(),
            in_hand: InHand::default(),
            breaker: Arc::new(Breaker::default()),
            inserter: Arc::new(inserter),
            metrics,
            done: AtomicU64::new(0),
        }
    }

    #[tokio::test]
    async fn frames_that_wait_for_the_channel_are_in_hand_and_get_heartbeats() {
        let partition = Arc::new(partition());
        let (out, mut from) = mpsc::channel(1);
        let entries = ["1-0", "2-0", "3-0", "1-0"].map(|entry| (entry.to_owned(), Fields::new(), 1));
        let delivering = tokio::spawn({
            let partition = Arc::clone(&partition);
            async move { deliver(&partition, &out, entries).await }
        });
        assert_eq!(from.recv().await.unwrap().entry, "1-0");
        let mut in_hand = partition.in_hand.entries();
        in_hand.sort();
        assert_eq!(in_hand, ["1-0", "2-0", "3-0"], "with room for one in the channel");
        assert_eq!(from.recv().await.unwrap().entry, "2-0");
        assert_eq!(from.recv().await.unwrap().entry, "3-0");
        assert!(delivering.await.unwrap());
        assert!(from.recv().await.is_none(), "one that is in hand is passed on once");
    }
}
