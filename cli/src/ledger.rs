//! What a sender knows of its events, held against what MongoDB has: the guarantee, proved event by event.

use std::collections::HashMap;
use std::fmt;

use bson::{Document, doc};
use event::EventId;
use futures::TryStreamExt;
use mongodb::Database;

/// What the sender was told of an event, at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// `accepted` or `duplicate`: it must be stored, or in the dead letters.
    Acknowledged,
    /// Refused for good: it must be nowhere.
    Rejected,
    /// No answer, or 503 or 504 to the end: it may be stored, once.
    Unknown,
}

/// All events of a sender.
#[derive(Debug, Default)]
pub struct Ledger {
    told: HashMap<EventId, Told>,
}

impl Ledger {
    /// Notes what was told of an event. Acknowledged once is acknowledged for good.
    pub fn note(&mut self, id: EventId, told: Told) {
        let before = self.told.entry(id).or_insert(told);
        if *before != Told::Acknowledged {
            *before = told;
        }
    }

    /// How many events were told so.
    pub fn count(&self, told: Told) -> usize {
        self.told.values().filter(|t| **t == told).count()
    }

    /// Takes over another ledger's events.
    pub fn merge(&mut self, other: Self) {
        for (id, told) in other.told {
            self.note(id, told);
        }
    }

    /// Reads all of MongoDB and compares.
    pub async fn verify(&self, database: &Database) -> mongodb::error::Result<Verdict> {
        let stored = read(database, "events").await?;
        let dead = read(database, "events_dlq").await?;
        let mut verdict = Verdict { stored: stored.len(), dead: dead.len(), ..Verdict::default() };
        for (id, told) in &self.told {
            let copies = stored.get(id).copied().unwrap_or(0);
            verdict.twice += usize::from(copies > 1);
            match told {
                Told::Acknowledged => {
                    verdict.acknowledged += 1;
                    if copies == 0 && !dead.contains_key(id) {
                        verdict.missing.push(*id);
                    }
                }
                Told::Rejected => verdict.rejected_stored += usize::from(copies > 0),
                Told::Unknown => verdict.unknown += 1,
            }
        }
        verdict.strangers = stored.keys().filter(|id| !self.told.contains_key(id)).count();
        Ok(verdict)
    }
}

/// Counts documents by the `_id` that their userId and id give: two documents of one event are found even if
/// their stored `_id` should differ.
async fn read(database: &Database, collection: &str) -> mongodb::error::Result<HashMap<EventId, usize>> {
    let fields = doc! {"userId": 1, "id": 1, "eventId": 1};
    let mut cursor = database
        .collection::<Document>(collection)
        .find(doc! {})
        .projection(fields)
        .batch_size(5_000)
        .await?;
    let mut found = HashMap::new();
    while let Some(document) = cursor.try_next().await? {
        let user = document.get_str("userId").unwrap_or_default();
        let id = document.get_str("id").or_else(|_| document.get_str("eventId")).unwrap_or_default();
        *found.entry(EventId::derive(user, id)).or_insert(0) += 1;
    }
    Ok(found)
}

/// The comparison.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Acknowledged to the sender.
    pub acknowledged: usize,
    /// Documents in `events`, by different events.
    pub stored: usize,
    /// Dead letters.
    pub dead: usize,
    /// Acknowledged and nowhere.
    pub missing: Vec<EventId>,
    /// Events stored more than once.
    pub twice: usize,
    /// Refused and stored all the same.
    pub rejected_stored: usize,
    /// The sender does not know.
    pub unknown: usize,
    /// Stored, and not this sender's.
    pub strangers: usize,
}

impl Verdict {
    /// Whether the guarantee held.
    pub fn holds(&self) -> bool {
        self.missing.is_empty() && self.twice == 0 && self.rejected_stored == 0
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("acknowledged", self.acknowledged),
            ("stored", self.stored),
            ("dead letters", self.dead),
            ("outcome unknown", self.unknown),
            ("missing", self.missing.len()),
            ("stored twice", self.twice),
            ("refused and stored", self.rejected_stored),
        ];
        rows.iter().try_for_each(|(name, count)| writeln!(f, "  {name:<20} {count:>9}"))
    }
}
