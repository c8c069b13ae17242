//! Writes dead letters, before anything is acknowledged, and for as long as it takes.

use bson::DateTime;
use store::{DeadLetter, EventFault, Place, Reason, write_dead_letter};
use tokio_util::sync::CancellationToken;

use crate::backoff;
use crate::insert::{CALL_TIMEOUT, GaveUp, Sink, no_answer};
use crate::metrics::ClassLabel;
use crate::partition::Partition;

/// The reason of an event that MongoDB refused.
pub fn refused(fault: &EventFault) -> Reason {
    Reason {
        class: "refused".into(),
        code: format!("mongodb_{}", fault.code),
        message: fault.message.clone(),
    }
}

/// The reason of a frame that does not decode.
pub fn undecodable(error: &event::frame::Error) -> Reason {
    Reason { class: "undecodable".into(), code: "bad_frame".into(), message: error.to_string() }
}

/// The reason of a document whose length is right and whose bytes are no BSON.
pub fn not_bson() -> Reason {
    Reason {
        class: "undecodable".into(),
        code: "bad_document".into(),
        message: "the document is no BSON".into(),
    }
}

/// The reason of an event on which a worker died alone.
pub fn worker_died(deaths: u32) -> Reason {
    Reason {
        class: "worker_died".into(),
        code: "worker_died".into(),
        message: format!("it was tried alone, and {deaths} workers died on it"),
    }
}

impl Partition {
    /// Where an event lies.
    pub fn place(&self, entry: &str, index: usize) -> Place {
        Place {
            key: self.keys.frames.clone(),
            entry_id: entry.to_owned(),
            index: i32::try_from(index).unwrap_or(i32::MAX),
        }
    }

    /// Writes one event's dead letter.
    pub async fn bury_event(
        &self,
        doc: &[u8],
        reason: Reason,
        place: Place,
        give_up: &CancellationToken,
    ) -> Result<(), GaveUp> {
        self.bury(DeadLetter::event(doc, reason, place, &self.name, DateTime::now()), give_up).await
    }

    /// Writes one frame's dead letter.
    pub async fn bury_frame(
        &self,
        frame: &[u8],
        reason: Reason,
        place: Place,
        give_up: &CancellationToken,
    ) -> Result<(), GaveUp> {
        self.bury(DeadLetter::frame(frame, reason, place, &self.name, DateTime::now()), give_up).await
    }

    async fn bury(&self, letter: DeadLetter, give_up: &CancellationToken) -> Result<(), GaveUp> {
        let Sink::MongoDb(store) = &self.inserter.sink else { return Ok(()) };
        let mut attempt = 0;
        // Whatever the error says: there is no third place for the event, so it stays in the stream until this works.
        loop {
            let writing = tokio::time::timeout(CALL_TIMEOUT, write_dead_letter(store, &letter));
            let error = tokio::select! {
                written = writing => match written {
                    Ok(Ok(())) => break,
                    Ok(Err(error)) => error.to_string(),
                    Err(_) => no_answer(),
                },
                () = give_up.cancelled() => return Err(GaveUp),
            };
            self.metrics.sink_errors.inc();
            self.breaker.failed(&error);
            if attempt == 0 {
                tracing::warn!(error, "a dead letter could not be written; trying again");
            }
            tokio::select! {
                () = backoff::wait(attempt) => attempt += 1,
                () = give_up.cancelled() => return Err(GaveUp),
            }
        }
        self.breaker.answered();
        tracing::warn!(
            id = letter.event_id,
            kind = letter.kind,
            class = letter.reason.class,
            code = letter.reason.code,
            "dead letter: {}",
            letter.reason.message
        );
        self.metrics.dead_letters.get_or_create(&ClassLabel { class: letter.reason.class }).inc();
        Ok(())
    }
}
