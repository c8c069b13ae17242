//! The order of BSON values, written once: values become bytes whose order is theirs. Index keys, sorts, comparisons
//! and groups all use these bytes, so they cannot disagree.

use bson::{Bson, RawBsonRef, RawDocument};

/// First byte of an encoded value: the types in MongoDB's order. Numbers of all kinds are one type.
pub mod kind {
    /// Below everything.
    pub const MIN_KEY: u8 = 1;
    /// Also what is missing.
    pub const NULL: u8 = 5;
    /// int, long, double.
    pub const NUMBER: u8 = 10;
    /// Strings and symbols.
    pub const STRING: u8 = 15;
    /// Documents.
    pub const DOCUMENT: u8 = 20;
    /// Arrays.
    pub const ARRAY: u8 = 25;
    /// Binary data.
    pub const BINARY: u8 = 30;
    /// Object ids.
    pub const OBJECT_ID: u8 = 35;
    /// false, true.
    pub const BOOL: u8 = 40;
    /// Dates.
    pub const DATE: u8 = 45;
    /// Timestamps.
    pub const TIMESTAMP: u8 = 47;
    /// Regular expressions.
    pub const REGEX: u8 = 50;
    /// Code, with or without scope, and what else is old.
    pub const CODE: u8 = 60;
    /// Above everything.
    pub const MAX_KEY: u8 = 127;
}

/// Appends a value in ascending order.
pub fn append(out: &mut Vec<u8>, value: RawBsonRef<'_>) {
    out.push(kind_of(value));
    content(out, value);
}

/// Appends a value so that larger ones come first.
pub fn append_descending(out: &mut Vec<u8>, value: RawBsonRef<'_>) {
    let start = out.len();
    append(out, value);
    out[start..].iter_mut().for_each(|byte| *byte = !*byte);
}

/// The bytes of a decoded value.
pub fn encoded(value: &Bson) -> Vec<u8> {
    let mut out = Vec::new();
    // A Bson always encodes; one with a NUL in a key does not, and compares as null.
    let mut holder = bson::RawDocumentBuf::new();
    if let Ok(raw) = bson::RawBson::try_from(value.clone()) {
        holder.append("v", raw);
    }
    append(&mut out, holder.get("v").ok().flatten().unwrap_or(RawBsonRef::Null));
    out
}

/// The type's place in the order.
pub fn kind_of(value: RawBsonRef<'_>) -> u8 {
    match value {
        RawBsonRef::MinKey => kind::MIN_KEY,
        RawBsonRef::Null | RawBsonRef::Undefined => kind::NULL,
        RawBsonRef::Int32(_) | RawBsonRef::Int64(_) | RawBsonRef::Double(_) | RawBsonRef::Decimal128(_) => kind::NUMBER,
        RawBsonRef::String(_) | RawBsonRef::Symbol(_) => kind::STRING,
        RawBsonRef::Document(_) => kind::DOCUMENT,
        RawBsonRef::Array(_) => kind::ARRAY,
        RawBsonRef::Binary(_) => kind::BINARY,
        RawBsonRef::ObjectId(_) => kind::OBJECT_ID,
        RawBsonRef::Boolean(_) => kind::BOOL,
        RawBsonRef::DateTime(_) => kind::DATE,
        RawBsonRef::Timestamp(_) => kind::TIMESTAMP,
        RawBsonRef::RegularExpression(_) => kind::REGEX,
        RawBsonRef::MaxKey => kind::MAX_KEY,
        _ => kind::CODE,
    }
}

fn content(out: &mut Vec<u8>, value: RawBsonRef<'_>) {
    match value {
        RawBsonRef::Int32(n) => whole(out, i64::from(n)),
        RawBsonRef::Int64(n) => whole(out, n),
        RawBsonRef::Double(n) => number(out, n, 0),
        // Compared as a double: nothing in the pipelines stores decimals.
        RawBsonRef::Decimal128(n) => number(out, n.to_string().parse().unwrap_or(f64::NAN), 0),
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => escaped(out, text.as_bytes()),
        RawBsonRef::Document(document) => fields(out, document, true),
        RawBsonRef::Array(array) => {
            if let Ok(document) = RawDocument::from_bytes(array.as_bytes()) {
                fields(out, document, false);
            }
        }
        RawBsonRef::Binary(binary) => {
            out.extend_from_slice(&u32::try_from(binary.bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.push(binary.subtype.into());
            out.extend_from_slice(binary.bytes);
        }
        RawBsonRef::ObjectId(id) => out.extend_from_slice(&id.bytes()),
        RawBsonRef::Boolean(yes) => out.push(u8::from(yes)),
        RawBsonRef::DateTime(at) => out.extend_from_slice(&signed(at.timestamp_millis())),
        RawBsonRef::Timestamp(at) => {
            out.extend_from_slice(&at.time.to_be_bytes());
            out.extend_from_slice(&at.increment.to_be_bytes());
        }
        RawBsonRef::RegularExpression(regex) => {
            escaped(out, regex.pattern.as_bytes());
            escaped(out, regex.options.as_bytes());
        }
        RawBsonRef::JavaScriptCode(code) => escaped(out, code.as_bytes()),
        _ => (),
    }
}

/// Type, then name, then value, field by field: as the server compares documents. 0 ends before any type.
fn fields(out: &mut Vec<u8>, document: &RawDocument, named: bool) {
    for (name, value) in document.into_iter().flatten() {
        out.push(kind_of(value));
        if named {
            out.extend_from_slice(name.as_bytes());
            out.push(0);
        }
        content(out, value);
    }
    out.push(0);
}

/// A NUL inside sorts after the end of a shorter text.
fn escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    for part in bytes {
        out.push(*part);
        if *part == 0 {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

fn signed(n: i64) -> [u8; 8] {
    (n.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// The nearest double, then what it is off by: longs beyond 2^53 keep their order among doubles and each other.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the remainder is kept")]
fn whole(out: &mut Vec<u8>, n: i64) {
    let near = n as f64;
    let off = i128::from(n) - near as i128;
    number(out, near, off as i16);
}

fn number(out: &mut Vec<u8>, n: f64, off: i16) {
    // NaN below all numbers; -0.0 is 0.0.
    let bits = if n.is_nan() {
        0
    } else {
        let bits = if n == 0.0 { 0 } else { n.to_bits() };
        if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
    };
    out.extend_from_slice(&bits.to_be_bytes());
    out.extend_from_slice(&(off.cast_unsigned() ^ 0x8000).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use bson::oid::ObjectId;
    use bson::spec::BinarySubtype;
    use bson::{Binary, DateTime, Timestamp, bson};

    use super::*;

    #[test]
    fn values_are_in_the_servers_order() {
        let binary = |bytes: &[u8]| Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() });
        let ascending = [
            Bson::MinKey,
            Bson::Null,
            bson!(f64::NAN),
            bson!(f64::NEG_INFINITY),
            bson!(i64::MIN),
            bson!(-3),
            bson!(-2.5),
            bson!(0),
            bson!(1_i64),
            bson!(1.5),
            bson!(9_007_199_254_740_992_i64),
            bson!(9_007_199_254_740_993_i64),
            bson!(9_007_199_254_740_994.0),
            bson!(i64::MAX),
            bson!(1e300),
            bson!(""),
            bson!("a"),
            bson!("a\u{0}"),
            bson!("a\u{0}b"),
            bson!("aa"),
            bson!("b"),
            bson!({}),
            bson!({"a": 1}),
            bson!({"a": 1, "b": 0}),
            bson!({"a": 2}),
            bson!({"b": 1}),
            bson!({"a": "x"}),
            bson!([]),
            bson!([1]),
            bson!([1, 2]),
            bson!([2]),
            binary(b""),
            binary(b"b"),
            binary(b"aa"),
            Bson::ObjectId(ObjectId::from_bytes([1; 12])),
            bson!(false),
            bson!(true),
            Bson::DateTime(DateTime::from_millis(-1)),
            Bson::DateTime(DateTime::from_millis(5)),
            Bson::Timestamp(Timestamp { time: 1, increment: 2 }),
            Bson::MaxKey,
        ];
        for pair in ascending.windows(2) {
            assert!(encoded(&pair[0]) < encoded(&pair[1]), "{} before {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn equal_numbers_of_different_types_are_equal() {
        for same in [bson!(1_i64), bson!(1.0)] {
            assert_eq!(encoded(&bson!(1)), encoded(&same));
        }
        assert_eq!(encoded(&bson!(0.0)), encoded(&bson!(-0.0)));
    }

    #[test]
    fn descending_keys_turn_the_order_round() {
        let key = |value: RawBsonRef<'_>| {
            let mut out = Vec::new();
            append_descending(&mut out, value);
            out
        };
        assert!(key(RawBsonRef::String("b")) < key(RawBsonRef::String("a")));
        assert!(key(RawBsonRef::String("aa")) < key(RawBsonRef::String("a")));
        assert!(key(RawBsonRef::Int32(2)) < key(RawBsonRef::Double(1.5)));
    }
}
