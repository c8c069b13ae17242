//! One partition of the pipeline: its stream and everything that works on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use event::keys::Keys;
use redis::aio::ConnectionManager;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::backoff::Breaker;
use crate::in_hand::{Delivery, InHand};
use crate::insert::Inserter;
use crate::metrics::Metrics;
use crate::settings::Work;
use crate::{batch, claim, drain, publish, reader};

/// Deliveries between reader and batches: enough for the inserts under way; bytes are bounded by `InHand`.
const DELIVERIES_WAITING_MAX: usize = 64;

/// What the tasks of a partition share.
pub struct Partition {
    /// Its keys.
    pub keys: Keys,
    /// This worker's consumer name.
    pub name: String,
    /// How frames are worked on.
    pub work: Work,
    /// For short commands.
    pub redis: ConnectionManager,
    /// Frames read and not acknowledged.
    pub in_hand: InHand,
    /// Open while MongoDB does not answer; shared by all partitions.
    pub breaker: Arc<Breaker>,
    /// Stores documents.
    pub inserter: Arc<Inserter>,
    /// Counters.
    pub metrics: Metrics,
    /// Events stored or dead-lettered.
    pub done: AtomicU64,
}

impl Partition {
    /// Works until `stop`; then finishes what is in hand, until `give_up`, and hands back the rest.
    pub async fn run(
        self: Arc<Self>,
        blocking: ConnectionManager,
        stop: CancellationToken,
        give_up: CancellationToken,
    ) {
        let (sender, receiver) = mpsc::channel::<Delivery>(DELIVERIES_WAITING_MAX);
        let background = CancellationToken::new();
        let reading = tokio::spawn(reader::run(Arc::clone(&self), blocking, sender.clone(), stop.clone()));
        let claiming = tokio::spawn(claim::run(Arc::clone(&self), sender, stop.clone()));
        let sweeping = tokio::spawn(claim::sweep(Arc::clone(&self), stop));
        let publishing = tokio::spawn(publish::run(Arc::clone(&self), background.clone()));
        let beating = tokio::spawn(drain::beat_until(Arc::clone(&self), background.clone()));

        // Ends when reader and claimer have dropped their senders and the last batch is done.
        batch::run(Arc::clone(&self), receiver, give_up).await;
        let _ = tokio::join!(reading, claiming, sweeping);
        background.cancel();
        let _ = tokio::join!(publishing, beating);
        drain::hand_back(&self).await;
    }

    /// Counts events that are done with.
    pub fn processed(&self, events: usize) {
        self.done.fetch_add(events as u64, Ordering::Relaxed);
        self.metrics.events.inc_by(events as u64);
    }

    /// Which event of the entry a worker was trying alone when it died, and how many have died on it so.
    pub async fn tried_alone(&self, entry: &str) -> Option<Tried> {
        let mut redis = self.redis.clone();
        let text: Option<String> =
            redis::cmd("HGET").arg(self.keys.alone()).arg(entry).query_async(&mut redis).await.ok().flatten();
        let (index, deaths) = text.as_deref()?.split_once(' ')?;
        Some(Tried { index: index.parse().ok()?, deaths: deaths.parse::<u32>().ok()? + 1 })
    }

    /// Says that an event is about to be tried alone. Failing to say so costs at most one more try.
    pub async fn try_alone(&self, entry: &str, index: usize, deaths: u32) {
        let mut redis = self.redis.clone();
        let mark = format!("{index} {deaths}");
        let _: redis::RedisResult<()> =
            redis::cmd("HSET").arg(self.keys.alone()).arg(entry).arg(mark).query_async(&mut redis).await;
    }

    /// Says that the try is over and the worker alive.
    pub async fn tried(&self, entry: &str) {
        let mut redis = self.redis.clone();
        let _: redis::RedisResult<()> =
            redis::cmd("HDEL").arg(self.keys.alone()).arg(entry).query_async(&mut redis).await;
    }
}

/// What a marker that was left behind says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The event's place in the frame.
    pub index: usize,
    /// Workers that have died while they tried it alone.
    pub deaths: u32,
}
