//! The `_id` of an event: where "stored once" comes from. Nothing here may depend on a key, a seed or a setting:
//! the same (userId, id) must give the same `_id` for ever, on every machine.

use std::fmt;

/// 16 bytes: the first half of BLAKE3 over the length-prefixed `userId` and `id`. Stored as BSON binary, subtype 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub [u8; 16]);

impl EventId {
    /// Derives the `_id`. The `userId` is part of it since MongoDB checks uniqueness only within a shard:
    /// the same id under another user is another event.
    pub fn derive(user_id: &str, id: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut short = [0u8; 8 + crate::USER_ID_BYTES_MAX + crate::ID_BYTES_MAX];
        let total = 8 + user_id.len() + id.len();
        if total <= short.len() {
            // One call over one buffer: half the cost of four updates for inputs this short.
            short[..4].copy_from_slice(&length(user_id));
            short[4..4 + user_id.len()].copy_from_slice(user_id.as_bytes());
            short[4 + user_id.len()..8 + user_id.len()].copy_from_slice(&length(id));
            short[8 + user_id.len()..total].copy_from_slice(id.as_bytes());
            return Self::first_half(&blake3::hash(&short[..total]));
        }
        hasher.update(&length(user_id)).update(user_id.as_bytes());
        hasher.update(&length(id)).update(id.as_bytes());
        Self::first_half(&hasher.finalize())
    }

    /// The `_id` of something that is not an event but must land in the dead letters: a frame that does not decode.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::first_half(&blake3::hash(bytes))
    }

    /// Which of `partitions` streams carries the event. Zero counts as one.
    pub fn partition(self, partitions: u32) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_le_bytes([a, b, c, d]) % partitions.max(1)
    }

    fn first_half(hash: &blake3::Hash) -> Self {
        let mut out = [0; 16];
        out.copy_from_slice(&hash.as_bytes()[..16]);
        Self(out)
    }
}

fn length(text: &str) -> [u8; 4] {
    u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes()
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({self})")
    }
}

/// Text that is not 32 hexadecimal digits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an event's _id is 32 hexadecimal digits")]
pub struct NotAnId;

impl std::str::FromStr for EventId {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let bytes = text.as_bytes();
        if bytes.len() != 32 || !bytes.iter().all(u8::is_ascii_hexdigit) {
            return Err(NotAnId);
        }
        u128::from_str_radix(text, 16).map(|n| Self(n.to_be_bytes())).map_err(|_| NotAnId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: a change here would store every resent event twice.
    #[test]
    fn golden_vectors_never_change() {
        let vectors = [
            ("u1", "e1"),
            ("u", "1e1"),
            ("", ""),
            ("用户", "事件-1"),
            ("user-42", "0190163d-8694-739b-aea5-966c26f8ad91"),
        ];
        let lines: Vec<String> =
            vectors.iter().map(|(u, i)| format!("{u}|{i}|{}", EventId::derive(u, i))).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn moving_a_byte_between_user_and_id_changes_the_id() {
        assert_ne!(EventId::derive("ab", "c"), EventId::derive("a", "bc"));
    }

    #[test]
    fn the_short_and_the_long_path_agree() {
        let (user, id) = ("u".repeat(300), "i".repeat(300));
        let mut hasher = blake3::Hasher::new();
        hasher.update(&300u32.to_le_bytes()).update(user.as_bytes());
        hasher.update(&300u32.to_le_bytes()).update(id.as_bytes());
        assert_eq!(EventId::derive(&user, &id).0, hasher.finalize().as_bytes()[..16]);
    }

    #[test]
    fn text_round_trips_and_other_text_is_refused() {
        let id = EventId::derive("u", "i");
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "zz", &"g".repeat(32), &"0".repeat(31), &"+".repeat(32)] {
            assert_eq!(bad.parse::<EventId>(), Err(NotAnId));
        }
    }

    #[test]
    fn every_partition_count_gives_a_partition_below_it() {
        for n in [0, 1, 2, 7, 64] {
            assert!(EventId::derive("u", "i").partition(n) < n.max(1));
        }
    }
}
