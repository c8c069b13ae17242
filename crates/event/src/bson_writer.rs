//! Writes BSON elements into a byte buffer. Only the types that JSON can become, and nothing that reads.

pub(crate) const DOUBLE: u8 = 0x01;
pub(crate) const STRING: u8 = 0x02;
pub(crate) const DOCUMENT: u8 = 0x03;
pub(crate) const ARRAY: u8 = 0x04;
pub(crate) const BINARY: u8 = 0x05;
pub(crate) const BOOLEAN: u8 = 0x08;
pub(crate) const DATE: u8 = 0x09;
pub(crate) const NULL: u8 = 0x0A;
pub(crate) const INT64: u8 = 0x12;

/// A length that fits: every buffer here is bounded far below 2 GiB by the body limit.
pub(crate) fn length(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes()
}

pub(crate) fn name(out: &mut Vec<u8>, kind: u8, name: &str) {
    out.push(kind);
    out.extend_from_slice(name.as_bytes());
    out.push(0);
}

/// The value part of a string element: length with the final NUL, bytes, NUL.
pub(crate) fn string_value(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&length(text.len() + 1));
    out.extend_from_slice(text);
    out.push(0);
}

pub(crate) fn string(out: &mut Vec<u8>, key: &str, text: &[u8]) {
    name(out, STRING, key);
    string_value(out, text);
}

pub(crate) fn date(out: &mut Vec<u8>, key: &str, unix_ms: i64) {
    name(out, DATE, key);
    out.extend_from_slice(&unix_ms.to_le_bytes());
}

/// Leaves room for a length; [`close`] fills it in.
pub(crate) fn open(out: &mut Vec<u8>) -> usize {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    at
}

/// Ends the document or array that began at `at`.
pub(crate) fn close(out: &mut Vec<u8>, at: usize) {
    out.push(0);
    let total = length(out.len() - at);
    out[at..at + 4].copy_from_slice(&total);
}

/// The name of array element `index`, as decimal digits.
pub(crate) fn index_name(out: &mut Vec<u8>, index: u32) {
    if index < 10 {
        out.push(b'0' + u8::try_from(index).unwrap_or(0));
    } else {
        let mut digits = [0u8; 10];
        let mut at = digits.len();
        let mut rest = index;
        while rest > 0 {
            at -= 1;
            digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        out.extend_from_slice(&digits[at..]);
    }
    out.push(0);
}
