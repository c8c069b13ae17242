//! The frames that this worker has read and not yet acknowledged: what it keeps alive by heartbeat, and what bounds
//! its memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// One delivery of one frame.
#[derive(Debug)]
pub struct Delivery {
    /// The stream entry's id.
    pub entry: String,
    /// The frame.
    pub bytes: Vec<u8>,
    /// Events in it; 0 when it does not decode.
    pub events: usize,
    /// How often it was delivered, this time included.
    pub deliveries: u64,
}

/// The frames in hand, by entry.
#[derive(Debug, Default)]
pub struct InHand {
    frames: Mutex<State>,
    less: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes and events of each frame.
    entries: HashMap<String, (u64, u64)>,
    bytes: u64,
    events: u64,
}

impl InHand {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a frame; `false` when it is in hand already (claimed back from oneself after a stall).
    pub fn take(&self, entry: &str, bytes: u64, events: u64) -> bool {
        let mut state = self.lock();
        if state.entries.contains_key(entry) {
            return false;
        }
        state.entries.insert(entry.to_owned(), (bytes, events));
        state.bytes += bytes;
        state.events += events;
        true
    }

    /// Lets frames go: acknowledged, or given up.
    pub fn let_go<'a>(&self, entries: impl Iterator<Item = &'a str>) {
        let mut state = self.lock();
        for entry in entries {
            if let Some((bytes, events)) = state.entries.remove(entry) {
                state.bytes -= bytes;
                state.events -= events;
            }
        }
        drop(state);
        self.less.notify_waiters();
    }

    /// The entries in hand.
    pub fn entries(&self) -> Vec<String> {
        self.lock().entries.keys().cloned().collect()
    }

    /// Events in hand.
    pub fn events(&self) -> u64 {
        self.lock().events
    }

    /// Waits until fewer than `bytes_max` bytes are in hand.
    pub async fn room(&self, bytes_max: u64) {
        loop {
            let less = self.less.notified();
            tokio::pin!(less);
            less.as_mut().enable();
            if self.lock().bytes < bytes_max {
                return;
            }
            less.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_frame_is_in_hand_once_and_makes_room_when_let_go() {
        let in_hand = InHand::default();
        assert!(in_hand.take("1-0", 10, 3));
        assert!(!in_hand.take("1-0", 10, 3));
        assert_eq!((in_hand.entries(), in_hand.events()), (vec!["1-0".to_owned()], 3));
        in_hand.let_go(["1-0", "9-9"].into_iter());
        in_hand.room(1).await;
        assert_eq!(in_hand.events(), 0);
    }
}
