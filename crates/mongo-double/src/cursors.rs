//! Open cursors: what is left of an answer, kept until it is asked for or forgotten.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::codes;
use crate::refusal::Refusal;
use crate::wire::DOCUMENT_BYTES_MAX;

/// A cursor that nobody asked for so long is forgotten: the real server's time.
const IDLE_MAX: Duration = Duration::from_secs(600);
/// Cursors at once; the oldest goes when there is one more.
const CURSORS_MAX: usize = 10_000;
/// Documents of a first batch whose size was not asked for.
pub const FIRST_BATCH: usize = 101;

/// Open cursors, each with what is left of it.
#[derive(Debug)]
pub struct Cursors<T> {
    open: Mutex<HashMap<i64, Open<T>>>,
    next: AtomicI64,
}

#[derive(Debug)]
struct Open<T> {
    ns: String,
    rest: T,
    used: Instant,
}

impl<T> Default for Cursors<T> {
    fn default() -> Self {
        let seed = crate::scram::random(4);
        let seed = seed.iter().fold(1_i64, |seed, byte| seed << 8 | i64::from(*byte));
        Self { open: Mutex::default(), next: AtomicI64::new(seed << 16) }
    }
}

impl<T> Cursors<T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Open<T>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the rest of an answer; answers the cursor's number.
    pub fn keep(&self, ns: &str, rest: T) -> i64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.put_back(id, ns, rest);
        id
    }

    /// Keeps it under the number it has.
    pub fn put_back(&self, id: i64, ns: &str, rest: T) {
        let mut open = self.lock();
        if open.len() >= CURSORS_MAX
            && let Some(oldest) = open.iter().min_by_key(|(_, cursor)| cursor.used).map(|(id, _)| *id)
        {
            open.remove(&oldest);
        }
        open.insert(id, Open { ns: ns.to_owned(), rest, used: Instant::now() });
    }

    /// Takes a cursor that is asked for more.
    pub fn take(&self, id: i64, ns: &str) -> Result<T, Refusal> {
        let mut open = self.lock();
        if open.get(&id).is_some_and(|cursor| cursor.ns == ns)
            && let Some(cursor) = open.remove(&id)
        {
            return Ok(cursor.rest);
        }
        Err(Refusal::new(codes::CURSOR_NOT_FOUND, format!("cursor id {id} not found")))
    }

    /// Forgets a cursor; answers what was left.
    pub fn kill(&self, id: i64) -> Option<T> {
        self.lock().remove(&id).map(|cursor| cursor.rest)
    }

    /// Forgets those that nobody asked for.
    pub fn sweep(&self) {
        self.lock().retain(|_, cursor| cursor.used.elapsed() < IDLE_MAX);
    }
}

/// Documents for one batch: as many as were asked for, and no more bytes than a reply has room for.
pub fn fill(rest: &mut impl Iterator<Item = Bytes>, most: usize) -> (Vec<Bytes>, Option<Bytes>) {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while batch.len() < most {
        let Some(document) = rest.next() else { return (batch, None) };
        bytes += document.len();
        if bytes > DOCUMENT_BYTES_MAX && !batch.is_empty() {
            return (batch, Some(document));
        }
        batch.push(document);
    }
    (batch, None)
}
