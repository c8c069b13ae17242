//! The flush buffer of one partition: what waits for Redis, and which ids are on their way. No I/O; a lock around
//! it is held only while bytes are copied in.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use event::EventId;
use event::frame::{FRAME_EVENTS_MAX, FRAME_FLUSH_BYTES};
use tokio::time::Instant;

use super::flight::{Flight, Landing, Ticket};

/// Events that will go to Redis together.
pub(super) struct Pending {
    pub(super) flight: Arc<Flight>,
    pub(super) ids: Vec<EventId>,
    /// Where each event's document ends in `docs`.
    pub(super) ends: Vec<usize>,
    pub(super) docs: Vec<u8>,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    /// A replay is queued although its ids were seen.
    pub(super) replay: bool,
    /// When its first event came: where the linger begins.
    pub(super) opened: Instant,
}

impl Pending {
    fn new(now: Instant, replay: bool) -> Self {
        Self {
            flight: Arc::default(),
            ids: Vec::with_capacity(64),
            ends: Vec::with_capacity(64),
            docs: Vec::with_capacity(8 * 1024),
            first_ms: i64::MAX,
            last_ms: i64::MIN,
            replay,
            opened: now,
        }
    }

    fn push(&mut self, id: EventId, doc: &[u8], received_ms: i64) -> usize {
        self.docs.extend_from_slice(doc);
        self.ids.push(id);
        self.ends.push(self.docs.len());
        self.first_ms = self.first_ms.min(received_ms);
        self.last_ms = self.last_ms.max(received_ms);
        self.ids.len() - 1
    }

    fn is_full(&self) -> bool {
        self.ids.len() >= FRAME_EVENTS_MAX || self.docs.len() >= FRAME_FLUSH_BYTES
    }

    /// Whether one more event would make it larger than a frame is to be. One that is larger alone has a frame alone.
    fn has_no_room(&self, doc: &[u8]) -> bool {
        !self.ids.is_empty() && self.docs.len() + doc.len() > FRAME_FLUSH_BYTES
    }

    /// The document of one slot.
    pub(super) fn doc(&self, slot: usize) -> &[u8] {
        let from = slot.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.docs[from..self.ends[slot]]
    }
}

#[derive(Default)]
pub(super) struct Buffer {
    open: Option<Pending>,
    full: VecDeque<Pending>,
    on_their_way: HashMap<EventId, (Arc<Flight>, usize)>,
    bytes: usize,
}

impl Buffer {
    /// Bytes waiting or in flight.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes an event, or finds that it is on its way already.
    pub(super) fn add(&mut self, id: EventId, doc: &[u8], received_ms: i64, now: Instant) -> Ticket {
        if let Some((flight, slot)) = self.on_their_way.get(&id) {
            return Ticket { flight: Arc::clone(flight), slot: *slot, first: false };
        }
        if self.open.as_ref().is_some_and(|open| open.has_no_room(doc)) {
            self.full.extend(self.open.take());
        }
        let open = self.open.get_or_insert_with(|| Pending::new(now, false));
        let slot = open.push(id, doc, received_ms);
        let flight = Arc::clone(&open.flight);
        self.bytes += doc.len();
        self.on_their_way.insert(id, (Arc::clone(&flight), slot));
        if open.is_full() {
            self.full.extend(self.open.take());
        }
        Ticket { flight, slot, first: true }
    }

    /// Takes events that are to be queued whether they were seen or not.
    pub(super) fn add_replay(
        &mut self,
        events: &[(EventId, Vec<u8>)],
        received_ms: i64,
        now: Instant,
    ) -> Vec<Ticket> {
        let mut tickets = Vec::with_capacity(events.len());
        let mut pending = Pending::new(now, true);
        for (id, doc) in events {
            if pending.is_full() || pending.has_no_room(doc) {
                self.full.push_back(std::mem::replace(&mut pending, Pending::new(now, true)));
            }
            let slot = pending.push(*id, doc, received_ms);
            self.bytes += doc.len();
            tickets.push(Ticket { flight: Arc::clone(&pending.flight), slot, first: true });
        }
        self.full.push_back(pending);
        tickets
    }

    /// What to flush now. With nothing in flight, whatever there is; else only what is full or has lingered.
    pub(super) fn take(&mut self, flights: usize, lingered_since: Option<Instant>) -> Option<Pending> {
        self.full.pop_front().or_else(|| {
            let ripe =
                |open: &mut Pending| flights == 0 || lingered_since.is_some_and(|since| open.opened <= since);
            self.open.take_if(ripe)
        })
    }

    /// When the open frame's first event came.
    pub(super) fn opened(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.opened)
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_none() && self.full.is_empty()
    }

    /// A flight has come down: its ids are no longer on their way, and those who wait may read the outcome.
    pub(super) fn land(&mut self, pending: &Pending, landing: Landing) {
        self.bytes -= pending.docs.len();
        if !pending.replay {
            for id in &pending.ids {
                self.on_their_way.remove(id);
            }
        }
        pending.flight.land(landing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> EventId {
        EventId::derive("u", &n.to_string())
    }

    #[tokio::test]
    async fn an_idle_buffer_flushes_at_once_and_a_busy_one_waits_for_the_linger() {
        let mut buffer = Buffer::default();
        let now = Instant::now();
        buffer.add(id(1), b"doc", 5, now);
        assert!(buffer.take(1, None).is_none());
        let pending = buffer.take(0, None).expect("nothing in flight");
        assert_eq!((pending.doc(0), pending.first_ms, pending.last_ms), (b"doc".as_slice(), 5, 5));
        buffer.add(id(2), b"doc", 6, now);
        assert!(buffer.take(1, Some(now)).is_some());
    }

    #[tokio::test]
    async fn an_id_on_its_way_is_not_taken_again_until_it_has_landed() {
        let mut buffer = Buffer::default();
        let now = Instant::now();
        assert!(buffer.add(id(1), b"doc", 5, now).first);
        assert!(!buffer.add(id(1), b"doc", 5, now).first);
        let pending = buffer.take(0, None).unwrap();
        assert_eq!(pending.ids.len(), 1);
        assert!(!buffer.add(id(1), b"doc", 5, now).first);
        buffer.land(&pending, Ok(vec![false]));
        assert!(buffer.add(id(1), b"doc", 5, now).first);
        assert_eq!(buffer.bytes(), 3);
    }

    #[tokio::test]
    async fn no_frame_holds_more_than_its_limit() {
        let mut buffer = Buffer::default();
        let now = Instant::now();
        for n in 0..1000 {
            buffer.add(id(n), b"doc", 5, now);
        }
        assert_eq!(buffer.take(1, None).unwrap().ids.len(), FRAME_EVENTS_MAX);
        assert!(buffer.take(1, None).is_none());
        assert_eq!(buffer.take(0, None).unwrap().ids.len(), 1000 - FRAME_EVENTS_MAX);
        assert!(buffer.is_empty());
    }

    #[tokio::test]
    async fn no_frame_is_above_its_bytes_but_that_of_one_larger_event() {
        let mut buffer = Buffer::default();
        let now = Instant::now();
        let doc = vec![b'x'; FRAME_FLUSH_BYTES / 3 + 1];
        for n in 0..5 {
            buffer.add(id(n), &doc, 5, now);
        }
        buffer.add(id(5), &vec![b'x'; FRAME_FLUSH_BYTES + 1], 5, now);
        let frames: Vec<usize> = std::iter::from_fn(|| buffer.take(0, None)).map(|p| p.ids.len()).collect();
        assert_eq!(frames, [2, 2, 1, 1]);
        let replayed: Vec<_> = (0..5).map(|n| (id(n), doc.clone())).collect();
        assert_eq!(buffer.add_replay(&replayed, 5, now).len(), 5);
        let frames: Vec<usize> = std::iter::from_fn(|| buffer.take(0, None)).map(|p| p.ids.len()).collect();
        assert_eq!(frames, [2, 2, 1]);
    }
}
