//! Retryable writes: a write that was applied and is sent again, since its answer was lost, is answered and not
//! applied. Remembered in memory only: after a restart a resent write is applied again, and inserts then meet
//! their own `_id`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bson::{Bson, Document};

use crate::arguments::{Arguments, whole};
use crate::refusal::Refusal;

/// Sessions remembered; those unused for the longest are dropped first.
const SESSIONS_MAX: usize = 50_000;
/// As long as `hello` says that sessions live.
const IDLE_MAX: Duration = Duration::from_secs(30 * 60);

/// What sessions wrote last.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<Vec<u8>, (Instant, Arc<Mutex<Last>>)>>);

#[derive(Debug, Default)]
struct Last {
    number: i64,
    /// By statement.
    answers: HashMap<i64, Document>,
}

impl Sessions {
    /// Applies a write once. Those without a number are always applied.
    pub fn once(
        &self,
        arguments: &Arguments,
        apply: impl FnOnce() -> Result<Document, Refusal>,
    ) -> Result<Document, Refusal> {
        let Some((session, number)) = key(arguments) else { return apply() };
        let statement = arguments.integer("stmtId")?.unwrap_or(0);
        let last = self.session(session);
        // Held while it is applied: the same write on another connection waits for its outcome.
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.number == number {
            if let Some(answer) = last.answers.get(&statement) {
                return Ok(answer.clone());
            }
        } else {
            *last = Last { number, answers: HashMap::new() };
        }
        let answer = apply()?;
        last.answers.insert(statement, answer.clone());
        Ok(answer)
    }

    fn session(&self, session: Vec<u8>) -> Arc<Mutex<Last>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= SESSIONS_MAX {
            all.retain(|_, (used, _)| used.elapsed() < IDLE_MAX);
        }
        if all.len() >= SESSIONS_MAX
            && let Some(oldest) = all.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone())
        {
            all.remove(&oldest);
        }
        let (used, last) = all.entry(session).or_insert_with(|| (Instant::now(), Arc::default()));
        *used = Instant::now();
        Arc::clone(last)
    }
}

fn key(arguments: &Arguments) -> Option<(Vec<u8>, i64)> {
    let number = arguments.fields.get("txnNumber").and_then(whole)?;
    match arguments.fields.get_document("lsid").ok()?.get("id")? {
        Bson::Binary(id) => Some((id.bytes.clone(), number)),
        _ => None,
    }
}
