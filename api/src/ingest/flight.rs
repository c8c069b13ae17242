//! A flight: the events that go to Redis together, and what became of them. Every request that has an event in it
//! waits for its outcome; nobody owns it, so a request that is cut off takes nothing down with it.

use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

/// Why events were not queued, or may not have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Redis has no room in memory: nothing was queued.
    Full,
    /// Redis cannot write to its disk and takes nothing until it can: nothing was queued.
    Disk,
    /// Redis did not answer, or answered that it cannot now: the outcome is unknown.
    Unavailable,
}

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// In the stream.
    Accepted,
    /// Was there already, or came twice at the same time.
    Duplicate,
    /// To be sent again, with the same id.
    Retry(Failure),
}

/// What became of all events of a flight; `Ok` holds for each slot whether it had been seen before.
pub(super) type Landing = Result<Vec<bool>, Failure>;

#[derive(Debug, Default)]
pub(super) struct Flight {
    landing: OnceLock<Landing>,
    landed: Notify,
}

impl Flight {
    pub(super) fn land(&self, landing: Landing) {
        if self.landing.set(landing).is_ok() {
            self.landed.notify_waiters();
        }
    }

    async fn wait(&self) -> &Landing {
        loop {
            let notified = self.landed.notified();
            if let Some(landing) = self.landing.get() {
                return landing;
            }
            notified.await;
        }
    }
}

/// One event's place in a flight.
#[derive(Clone, Debug)]
pub struct Ticket {
    pub(super) flight: Arc<Flight>,
    pub(super) slot: usize,
    /// Whether this request brought the event; a later one with the same id shares the outcome as a duplicate.
    pub(super) first: bool,
}

impl Ticket {
    /// Waits for the flight and tells what became of the event.
    pub async fn outcome(&self) -> Outcome {
        match self.flight.wait().await {
            Ok(seen) if self.first && !seen.get(self.slot).copied().unwrap_or(false) => Outcome::Accepted,
            Ok(_) => Outcome::Duplicate,
            Err(failure) => Outcome::Retry(*failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(flight: &Arc<Flight>, slot: usize, first: bool) -> Ticket {
        Ticket { flight: Arc::clone(flight), slot, first }
    }

    #[tokio::test]
    async fn the_later_of_two_shares_the_outcome_of_the_first() {
        let flight = Arc::new(Flight::default());
        let waiting = tokio::spawn({
            let ticket = ticket(&flight, 0, true);
            async move { ticket.outcome().await }
        });
        tokio::task::yield_now().await;
        flight.land(Ok(vec![false, true]));
        assert_eq!(waiting.await.unwrap(), Outcome::Accepted);
        assert_eq!(ticket(&flight, 0, false).outcome().await, Outcome::Duplicate);
        assert_eq!(ticket(&flight, 1, true).outcome().await, Outcome::Duplicate);
    }

    #[tokio::test]
    async fn a_failed_flight_is_retry_for_the_duplicate_too() {
        let flight = Arc::new(Flight::default());
        flight.land(Err(Failure::Full));
        assert_eq!(ticket(&flight, 0, false).outcome().await, Outcome::Retry(Failure::Full));
    }
}
