//! Cheap looks into an encoded event, without decoding it. The field order is fixed, so most are a few bytes away.
//!
//! Canonical order: `_id`, `id`, `type`, `userId`, `timestamp`, `receivedAt`, `properties`.

use crate::EventId;
use crate::bson_writer as w;

/// Where the 16 bytes of `_id` begin: length 4, type 1, name 4, binary length 4, subtype 1.
pub(crate) const ID_AT: usize = 14;
const AFTER_ID: usize = ID_AT + 16;

/// The event's `_id`, when the document begins with one.
pub fn event_id(doc: &[u8]) -> Option<EventId> {
    if doc.get(4..ID_AT)? != b"\x05_id\x00\x10\x00\x00\x00\x00" {
        return None;
    }
    Some(EventId(doc.get(ID_AT..AFTER_ID)?.try_into().ok()?))
}

/// The client's id, or the one that the server made for it.
pub fn client_id(doc: &[u8]) -> Option<&str> {
    strings(doc)?.0.first().copied().flatten()
}

/// The event's `type`.
pub fn event_type(doc: &[u8]) -> Option<&str> {
    strings(doc)?.0[1]
}

/// The event's `userId`.
pub fn user_id(doc: &[u8]) -> Option<&str> {
    strings(doc)?.0[2]
}

/// `receivedAt` in Unix milliseconds.
pub fn received_ms(doc: &[u8]) -> Option<i64> {
    let after = strings(doc)?.1;
    let after = after.strip_prefix(b"\x09timestamp\x00")?.get(8..)?;
    Some(i64::from_le_bytes(after.strip_prefix(b"\x09receivedAt\x00")?.get(..8)?.try_into().ok()?))
}

type ThreeStrings<'a> = ([Option<&'a str>; 3], &'a [u8]);

fn strings(doc: &[u8]) -> Option<ThreeStrings<'_>> {
    event_id(doc)?;
    let mut rest = doc.get(AFTER_ID..)?;
    let mut found = [None; 3];
    for (slot, key) in found.iter_mut().zip(["id", "type", "userId"]) {
        let (text, after) = take_string(rest, key)?;
        *slot = Some(text);
        rest = after;
    }
    Some((found, rest))
}

fn take_string<'a>(bytes: &'a [u8], key: &str) -> Option<(&'a str, &'a [u8])> {
    let (&kind, rest) = bytes.split_first()?;
    let rest = rest.strip_prefix(key.as_bytes())?;
    let rest = rest.strip_prefix(b"\0")?;
    if kind != w::STRING {
        return None;
    }
    let length = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?) as usize;
    let text = rest.get(4..4 + length.checked_sub(1)?)?;
    Some((std::str::from_utf8(text).ok()?, rest.get(4 + length..)?))
}
