//! Whole frames become one insert; what MongoDB refuses becomes dead letters; then the frames are acknowledged.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bson::RawDocumentBuf;
use event::frame::Frame;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff;
use crate::dead_letter::{not_bson, refused, undecodable, worker_died};
use crate::in_hand::Delivery;
use crate::insert::{GaveUp, Untold};
use crate::partition::Partition;

/// So many workers must have died on an event, alone, before it is given up: one may have been killed by chance.
const DEATHS_MAX: u32 = 2;

/// What to do with a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Together with others.
    Together,
    /// Alone, event by event: it came too often, so something in it may kill workers.
    Alone,
}

/// Decides by the delivery count.
pub fn way(deliveries: u64, max_deliveries: u64) -> Way {
    if deliveries > max_deliveries { Way::Alone } else { Way::Together }
}

/// Gathers deliveries into batches and works on them, a few at a time, until the channel is closed and empty.
pub async fn run(partition: Arc<Partition>, mut from: mpsc::Receiver<Delivery>, give_up: CancellationToken) {
    let room = Arc::new(Semaphore::new(partition.work.insert_concurrency));
    let tasks = TaskTracker::new();
    let mut left_over = None;
    loop {
        let first = match left_over.take() {
            Some(delivery) => delivery,
            None => match from.recv().await {
                Some(delivery) => delivery,
                None => break,
            },
        };
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
        let batch = gather(&partition, first, &mut from, &mut left_over);
        let (partition, give_up) = (Arc::clone(&partition), give_up.clone());
        tasks.spawn(async move {
            if work(&partition, &batch, &give_up).await.is_err() {
                tracing::info!(
                    frames = batch.len(),
                    "told to stop while MongoDB was away: frames are handed back"
                );
            }
            partition.in_hand.let_go(batch.iter().map(|delivery| delivery.entry.as_str()));
            drop(permit);
        });
    }
    tasks.close();
    tasks.wait().await;
}

/// As many whole frames as wait now and fit into one insert.
fn gather(
    partition: &Partition,
    first: Delivery,
    from: &mut mpsc::Receiver<Delivery>,
    left_over: &mut Option<Delivery>,
) -> Vec<Delivery> {
    let mut events = first.events;
    let mut batch = vec![first];
    while let Ok(next) = from.try_recv() {
        events += next.events;
        if events > partition.work.batch_events {
            *left_over = Some(next);
            break;
        }
        batch.push(next);
    }
    batch
}

async fn work(partition: &Partition, batch: &[Delivery], give_up: &CancellationToken) -> Result<(), GaveUp> {
    let began = Instant::now();
    let mut together = Vec::with_capacity(batch.len());
    let mut done = Vec::with_capacity(batch.len());
    for delivery in batch {
        match Frame::decode(&delivery.bytes) {
            Err(error) => {
                let place = partition.place(&delivery.entry, 0);
                partition.bury_frame(&delivery.bytes, undecodable(&error), place, give_up).await?;
                done.push(in_hand(delivery, 0));
            }
            Ok(frame) if way(delivery.deliveries, partition.work.max_deliveries) == Way::Alone => {
                alone(partition, delivery, &frame, give_up).await?;
                done.push(in_hand(delivery, frame.count()));
            }
            Ok(frame) => together.push((delivery, frame)),
        }
    }
    partition.metrics.stage("decode", began);
    let began = Instant::now();
    store_together(partition, &together, give_up).await?;
    partition.metrics.stage("store", began);
    together.iter().for_each(|(_, frame)| note_age(partition, frame));
    done.extend(together.iter().map(|(delivery, frame)| in_hand(delivery, frame.count())));
    let began = Instant::now();
    acknowledge(partition, &done, give_up).await?;
    partition.metrics.stage("acknowledge", began);
    Ok(())
}

/// How long the first event of a frame took from the API into the store.
#[allow(clippy::cast_precision_loss, reason = "milliseconds of this age")]
fn note_age(partition: &Partition, frame: &Frame<'_>) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Clocks of two machines may differ by more than the way took.
    let milliseconds = (now.as_millis() as f64 - frame.first_received_ms as f64).max(0.0);
    partition.metrics.end_to_end_seconds.observe(milliseconds / 1000.0);
}

#[allow(clippy::cast_precision_loss, reason = "thousands of events")]
async fn store_together(
    partition: &Partition,
    frames: &[(&Delivery, Frame<'_>)],
    give_up: &CancellationToken,
) -> Result<(), GaveUp> {
    let count = frames.iter().map(|(_, frame)| frame.count()).sum();
    let (mut docs, mut places) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for (delivery, frame) in frames {
        for (index, doc) in frame.docs().enumerate() {
            // The frame checked each document's length and the API wrote it, so this never fails in practice.
            if let Ok(document) = RawDocumentBuf::from_bytes(doc.to_vec()) {
                docs.push(document);
                places.push((*delivery, index));
            } else {
                partition
                    .bury_event(doc, not_bson(), partition.place(&delivery.entry, index), give_up)
                    .await?;
            }
        }
    }
    if docs.is_empty() {
        return Ok(());
    }
    partition.metrics.batch_events.observe(docs.len() as f64);
    let faults = partition.inserter.store(&docs, &partition.breaker, give_up).await?;
    for fault in &faults {
        let Some((delivery, index)) = places.get(fault.index) else { continue };
        let place = partition.place(&delivery.entry, *index);
        partition.bury_event(docs[fault.index].as_bytes(), refused(fault), place, give_up).await?;
    }
    partition.processed(docs.len());
    Ok(())
}

/// Event by event, with a marker in Redis that says which one is being tried: who finds the marker knows that a
/// worker died on that event alone, and how many did before. Any answer of MongoDB, any "not now", and being told to
/// stop clears it.
async fn alone(
    partition: &Partition,
    delivery: &Delivery,
    frame: &Frame<'_>,
    give_up: &CancellationToken,
) -> Result<(), GaveUp> {
    let died_on = partition.tried_alone(&delivery.entry).await;
    tracing::warn!(
        entry = delivery.entry,
        deliveries = delivery.deliveries,
        ?died_on,
        "a frame came too often: its events are tried one by one"
    );
    for (index, doc) in frame.docs().enumerate() {
        let place = partition.place(&delivery.entry, index);
        let deaths = died_on.filter(|tried| tried.index == index).map_or(0, |tried| tried.deaths);
        if deaths >= DEATHS_MAX {
            partition.bury_event(doc, worker_died(deaths), place, give_up).await?;
            partition.tried(&delivery.entry).await;
            continue;
        }
        let Ok(document) = RawDocumentBuf::from_bytes(doc.to_vec()) else {
            partition.bury_event(doc, not_bson(), place, give_up).await?;
            continue;
        };
        if let Some(fault) =
            try_until_answered(partition, &delivery.entry, index, deaths, &document, give_up).await?
        {
            partition.bury_event(doc, refused(&fault), place, give_up).await?;
        }
    }
    partition.processed(frame.count());
    Ok(())
}

/// One event alone, until MongoDB answers. The marker stands only while a try is under way: a worker that is killed
/// while MongoDB is away has not died of the event.
async fn try_until_answered(
    partition: &Partition,
    entry: &str,
    index: usize,
    deaths: u32,
    document: &RawDocumentBuf,
    give_up: &CancellationToken,
) -> Result<Option<store::EventFault>, GaveUp> {
    let mut attempt = 0;
    loop {
        partition.try_alone(entry, index, deaths).await;
        let tried = partition.inserter.try_one(document.clone(), &partition.breaker, give_up).await;
        partition.tried(entry).await;
        match tried {
            Ok(fault) => return Ok(fault),
            Err(Untold::GaveUp) => return Err(GaveUp),
            Err(Untold::NotNow) => (),
        }
        tokio::select! {
            () = backoff::wait(attempt) => attempt += 1,
            () = give_up.cancelled() => return Err(GaveUp),
        }
    }
}

fn in_hand(delivery: &Delivery, events: usize) -> stream::InHand {
    stream::InHand {
        entry: delivery.entry.clone(),
        events: events as u64,
        bytes: delivery.bytes.len() as u64,
    }
}

/// Acknowledges, for as long as it takes; if told to give up, the frames come again and are duplicates.
async fn acknowledge(
    partition: &Partition,
    done: &[stream::InHand],
    give_up: &CancellationToken,
) -> Result<(), GaveUp> {
    let mut redis = partition.redis.clone();
    let mut attempt = 0;
    while let Err(error) = stream::acknowledge(&mut redis, &partition.keys, done).await {
        if stream::is_no_group(&error) {
            return Ok(());
        }
        if attempt == 0 {
            tracing::warn!(%error, "acknowledging failed; trying again");
        }
        tokio::select! {
            () = backoff::wait(attempt) => attempt += 1,
            () = give_up.cancelled() => return Err(GaveUp),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_frame_above_its_deliveries_is_worked_on_alone() {
        assert_eq!(way(5, 5), Way::Together);
        assert_eq!(way(6, 5), Way::Alone);
    }
}
