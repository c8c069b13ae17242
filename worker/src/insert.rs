//! Stores documents, whatever it takes: duplicates are success, a refused event is found by its index or by bisecting,
//! and "not now" is tried again until told to stop.

use std::ops::Range;
use std::time::{Duration, Instant};

use bson::RawDocumentBuf;
use prometheus_client::metrics::histogram::Histogram;
use store::{EventFault, InsertFault, Store, insert_fault};
use tokio_util::sync::CancellationToken;

use crate::backoff::{self, Breaker};
use crate::metrics::{BusyClock, Metrics};

/// Told to stop while MongoDB was away: nothing is known of what is left, so it is not acknowledged.
#[derive(Debug, PartialEq, Eq)]
pub struct GaveUp;

/// Where documents go.
#[derive(Clone)]
pub enum Sink {
    /// MongoDB.
    MongoDb(Store),
    /// Nowhere, for measuring.
    None,
}

/// Inserts for one partition.
pub struct Inserter {
    /// Where documents go.
    pub sink: Sink,
    /// Counters.
    pub metrics: Metrics,
    /// Time of each insert.
    pub seconds: Histogram,
    /// Busy time.
    pub busy: BusyClock,
    /// Each insert waits this long first: for tests of the autoscaler.
    pub slow: Duration,
}

impl Inserter {
    /// Stores all documents but those in the answer, which MongoDB refused.
    pub async fn store(
        &self,
        docs: &[RawDocumentBuf],
        breaker: &Breaker,
        give_up: &CancellationToken,
    ) -> Result<Vec<EventFault>, GaveUp> {
        let Sink::MongoDb(store) = &self.sink else { return Ok(Vec::new()) };
        let mut faults = Vec::new();
        let mut rest = Vec::from([0..docs.len()]);
        let mut attempt = 0;
        while let Some(range) = rest.pop() {
            if range.is_empty() {
                continue;
            }
            match self.once(store, &docs[range.clone()]).await {
                Ok(()) => breaker.answered(),
                Err(InsertFault::Events(found)) => {
                    breaker.answered();
                    faults
                        .extend(found.into_iter().map(|f| EventFault { index: f.index + range.start, ..f }));
                }
                Err(InsertFault::Call(code, message)) => {
                    breaker.answered();
                    if range.len() == 1 {
                        faults.push(EventFault { index: range.start, code, message });
                    } else {
                        rest.extend(halves(&range));
                    }
                }
                Err(InsertFault::Transient(why)) => {
                    self.metrics.sink_errors.inc();
                    breaker.failed(&why);
                    rest.push(range);
                    tokio::select! {
                        () = backoff::wait(attempt) => attempt += 1,
                        () = give_up.cancelled() => return Err(GaveUp),
                    }
                    continue;
                }
            }
            attempt = 0;
        }
        Ok(faults)
    }

    /// Tries one document once: stored, refused, or (`Err`) not now.
    pub async fn try_one(&self, doc: RawDocumentBuf, breaker: &Breaker) -> Result<Option<EventFault>, ()> {
        let Sink::MongoDb(store) = &self.sink else { return Ok(None) };
        let fault = match self.once(store, &[doc]).await {
            Ok(()) => None,
            Err(InsertFault::Events(found)) => found.into_iter().next(),
            Err(InsertFault::Call(code, message)) => Some(EventFault { index: 0, code, message }),
            Err(InsertFault::Transient(why)) => {
                self.metrics.sink_errors.inc();
                breaker.failed(&why);
                return Err(());
            }
        };
        breaker.answered();
        Ok(fault)
    }

    async fn once(&self, store: &Store, docs: &[RawDocumentBuf]) -> Result<(), InsertFault> {
        let busy = self.busy.begin();
        self.metrics.inserting.inc();
        let began = Instant::now();
        if !self.slow.is_zero() {
            tokio::time::sleep(self.slow).await;
        }
        let inserted = store.events.insert_many(docs).ordered(false).await;
        self.seconds.observe(began.elapsed().as_secs_f64());
        self.metrics.inserting.dec();
        drop(busy);
        inserted.map(|_| ()).map_err(|error| insert_fault(&error))
    }
}

fn halves(range: &Range<usize>) -> [Range<usize>; 2] {
    let middle = range.start + range.len() / 2;
    [middle..range.end, range.start..middle]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_cover_the_whole() {
        assert_eq!(halves(&(3..10)), [6..10, 3..6]);
        assert_eq!(halves(&(0..2)), [1..2, 0..1]);
    }
}
