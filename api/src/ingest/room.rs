//! Bytes that bodies of events may take in this process, all together: as they are sent, unpacked, and as BSON. A request
//! takes its share as it grows and gives it back with its answer, so that many large ones at once are told to come again
//! and do not end the process.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::code::Code;
use crate::problem::Problem;
use crate::settings::Limits;

/// Of all bodies together, a quarter of a pod's 512 MiB. The flush buffer has 64, two passwords being hashed 38, and the
/// process with its caches and connections about 60; memory that grows is there twice for a moment, and what an allocator
/// keeps adds as much again. Eight of the largest bodies that are not compressed fit, two that are, and thousands of the
/// usual ones.
const ROOM_BYTES: usize = 128 * 1024 * 1024;
/// JSON is expected to take this many times its bytes as BSON; measured exactly once it is BSON. What a whole batch may
/// take is bounded by as much, since arrays of small numbers grow sevenfold.
pub const BSON_TIMES: usize = 2;
/// One permit.
const UNIT_BYTES: usize = 1024;
/// Seconds to wait: requests are answered within milliseconds.
const RETRY_AFTER_SECONDS: u64 = 1;

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Room(Arc<Semaphore>);

/// What one request takes of it.
pub struct Share {
    room: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Room {
    /// As large as any one request needs, however large the limits are.
    pub fn new(limits: &Limits) -> Self {
        let largest = limits.body_bytes_max + (1 + BSON_TIMES) * limits.inflated_bytes_max;
        Self::of(ROOM_BYTES.max(largest))
    }

    pub(super) fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.div_ceil(UNIT_BYTES))))
    }

    /// Nothing yet.
    pub fn share(&self) -> Share {
        Share { room: Arc::clone(&self.0), held: None, bytes: 0 }
    }
}

impl Share {
    /// Takes so many bytes more, or nothing.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = (self.bytes + bytes).div_ceil(UNIT_BYTES).saturating_sub(held);
        let more = u32::try_from(more).map_err(|_| overloaded())?;
        let permit = Arc::clone(&self.room).try_acquire_many_owned(more).map_err(|_| overloaded())?;
        self.bytes += bytes;
        match &mut self.held {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }

    /// Takes what is missing to `bytes`.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Problem> {
        self.grow(bytes.saturating_sub(self.bytes))
    }

    /// Bytes taken.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The answer when there is no room.
pub fn overloaded() -> Problem {
    let detail = "this process holds as much of other requests as it may; nothing was queued, send it again";
    Problem::unavailable(Code::Overloaded, detail, RETRY_AFTER_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_counted_to_the_kibibyte_refused_whole_and_given_back() {
        let room = Room::of(10 * UNIT_BYTES);
        let mut small = room.share();
        for _ in 0..10 {
            small.grow(100).unwrap();
        }
        assert_eq!(room.0.available_permits(), 9, "a thousand bytes are one unit");
        let mut large = room.share();
        large.grow(8 * UNIT_BYTES).unwrap();
        let refused = large.grow(2 * UNIT_BYTES).unwrap_err();
        assert_eq!((refused.status, refused.code, refused.retryable), (503, "overloaded", true));
        assert_eq!(room.0.available_permits(), 1, "what was refused took nothing");
        drop(small);
        large.grow_to(10 * UNIT_BYTES).unwrap();
        drop(large);
        assert_eq!(room.0.available_permits(), 10);
    }

    #[test]
    fn one_request_of_the_largest_limits_fits() {
        let limits = Limits {
            body_bytes_max: 64 << 20,
            inflated_bytes_max: 256 << 20,
            batch_events_max: 5000,
            event_bytes_max: 1 << 18,
            body_timeout: std::time::Duration::from_secs(1),
            header_timeout: std::time::Duration::from_secs(1),
            request_timeout: std::time::Duration::from_secs(1),
            connections_max: 1,
            events_per_second: None,
            stopped: false,
        };
        let mut share = Room::new(&limits).share();
        share.grow(limits.body_bytes_max).unwrap();
        share.grow(limits.inflated_bytes_max).unwrap();
        share.grow(limits.inflated_bytes_max * BSON_TIMES).unwrap();
    }
}
