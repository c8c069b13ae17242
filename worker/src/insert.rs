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

/// A call that takes longer is taken as not answered and made again: what it stored all the same comes back as
/// duplicate. An election takes 12 s and finding the primary 5 s; a majority that is away would be waited for without end.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Told to stop while MongoDB was away: nothing is known of what is left, so it is not acknowledged.
#[derive(Debug, PartialEq, Eq)]
pub struct GaveUp;

/// Why nothing is known of a document.
#[derive(Debug, PartialEq, Eq)]
pub enum Untold {
    /// MongoDB did not answer, or not now.
    NotNow,
    /// Told to stop before it answered.
    GaveUp,
}

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
        let mut attempt = 0;
        loop {
            let (faults, of_server) =
                self.store_once_each(store, docs, &mut attempt, breaker, give_up).await?;
            let Some(why) = of_server else { return Ok(faults) };
            // Nothing was stored and everything refused alike: that is said of the server, not of the events.
            self.not_now(&why, breaker, &mut attempt, give_up).await?;
        }
    }

    /// One answer for each document: the faults of those that were refused, and why they may be the server's.
    async fn store_once_each(
        &self,
        store: &Store,
        docs: &[RawDocumentBuf],
        attempt: &mut u32,
        breaker: &Breaker,
        give_up: &CancellationToken,
    ) -> Result<(Vec<EventFault>, Option<String>), GaveUp> {
        let (mut faults, mut refused_calls) = (Vec::new(), Vec::new());
        let mut rest = Vec::from([0..docs.len()]);
        while let Some(range) = rest.pop() {
            if range.is_empty() {
                continue;
            }
            match self.once(store, &docs[range.clone()], give_up).await? {
                Ok(()) => {
                    breaker.answered();
                    *attempt = 0;
                }
                Err(InsertFault::Events(found)) => {
                    breaker.answered();
                    *attempt = 0;
                    faults
                        .extend(found.into_iter().map(|f| EventFault { index: f.index + range.start, ..f }));
                }
                Err(InsertFault::Call(code, message)) if range.len() == 1 => {
                    refused_calls.push(EventFault { index: range.start, code, message });
                }
                Err(InsertFault::Call(..)) => rest.extend(halves(&range)),
                Err(InsertFault::Transient(why)) => {
                    rest.push(range);
                    self.not_now(&why, breaker, attempt, give_up).await?;
                }
            }
        }
        let why = of_server(&refused_calls, docs.len());
        if why.is_none() {
            breaker.answered();
        }
        faults.extend(refused_calls);
        Ok((faults, why))
    }

    /// Counts what MongoDB did not do, and waits before the next try.
    async fn not_now(
        &self,
        why: &str,
        breaker: &Breaker,
        attempt: &mut u32,
        give_up: &CancellationToken,
    ) -> Result<(), GaveUp> {
        self.metrics.sink_errors.inc();
        breaker.failed(why);
        tokio::select! {
            () = backoff::wait(*attempt) => *attempt += 1,
            () = give_up.cancelled() => return Err(GaveUp),
        }
        Ok(())
    }

    /// Tries one document once: stored, refused, or (`Err`) not known.
    pub async fn try_one(
        &self,
        doc: RawDocumentBuf,
        breaker: &Breaker,
        give_up: &CancellationToken,
    ) -> Result<Option<EventFault>, Untold> {
        let Sink::MongoDb(store) = &self.sink else { return Ok(None) };
        let fault = match self.once(store, &[doc], give_up).await.map_err(|GaveUp| Untold::GaveUp)? {
            Ok(()) => None,
            Err(InsertFault::Events(found)) => found.into_iter().next(),
            Err(InsertFault::Call(code, message)) => Some(EventFault { index: 0, code, message }),
            Err(InsertFault::Transient(why)) => {
                self.metrics.sink_errors.inc();
                breaker.failed(&why);
                return Err(Untold::NotNow);
            }
        };
        breaker.answered();
        Ok(fault)
    }

    /// One call. Told to give up, it does not wait for the answer.
    async fn once(
        &self,
        store: &Store,
        docs: &[RawDocumentBuf],
        give_up: &CancellationToken,
    ) -> Result<Result<(), InsertFault>, GaveUp> {
        let busy = self.busy.begin();
        self.metrics.inserting.inc();
        let began = Instant::now();
        let call = async {
            if !self.slow.is_zero() {
                tokio::time::sleep(self.slow).await;
            }
            let inserting = async { store.events.insert_many(docs).ordered(false).await };
            match tokio::time::timeout(CALL_TIMEOUT, inserting).await {
                Ok(inserted) => inserted.map(|_| ()).map_err(|error| insert_fault(&error)),
                Err(_) => Err(InsertFault::Transient(no_answer())),
            }
        };
        let answered = tokio::select! {
            answered = call => Ok(answered),
            () = give_up.cancelled() => Err(GaveUp),
        };
        self.seconds.observe(began.elapsed().as_secs_f64());
        self.metrics.inserting.dec();
        drop(busy);
        answered
    }
}

/// What is said of a call that took too long.
pub fn no_answer() -> String {
    format!("no answer within {} s", CALL_TIMEOUT.as_secs())
}

/// Why refusals of calls are the server's and not the events': of two events or more each was refused alone, all with one
/// code, and that code is not one that a document causes. One event alone is believed to be at fault: a dead letter can
/// be sent again, and one event that nobody takes must not hold up the others.
fn of_server(refused_calls: &[EventFault], docs: usize) -> Option<String> {
    let first = refused_calls.first()?;
    let alike = refused_calls.iter().all(|fault| fault.code == first.code);
    (docs > 1 && refused_calls.len() == docs && alike && !store::is_of_document(first.code))
        .then(|| format!("every event was refused with code {}: {}", first.code, first.message))
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

    #[test]
    fn one_code_for_all_events_is_the_servers_unless_documents_cause_it_or_there_is_one_event() {
        let refused = |codes: &[i32]| -> Vec<EventFault> {
            let fault =
                |(index, code): (usize, &i32)| EventFault { index, code: *code, message: "no".into() };
            codes.iter().enumerate().map(fault).collect()
        };
        assert!(of_server(&refused(&[20, 20, 20]), 3).is_some_and(|why| why.contains("code 20")));
        assert_eq!(of_server(&refused(&[20, 20]), 3), None, "one was stored, or refused by its index");
        assert_eq!(of_server(&refused(&[20, 166]), 2), None);
        assert_eq!(of_server(&refused(&[2, 2]), 2), None, "BadValue is said of documents");
        assert_eq!(of_server(&refused(&[20]), 1), None);
        assert_eq!(of_server(&[], 5), None);
    }
}
