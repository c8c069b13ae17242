//! Frames survive the round trip, and nothing else passes for one.

use event::frame::{Builder, Error, Frame};
use proptest::prelude::*;

fn document(payload: &str) -> Vec<u8> {
    bson::to_vec(&bson::doc! {"_id": payload}).expect("encodes")
}

fn frame(documents: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = Builder::new();
    for document in documents {
        builder.push(document);
    }
    builder.finish(1_790_000_000_000, 1_790_000_000_003)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Golden: streams hold frames across an upgrade, so version 1 must stay readable for ever.
#[test]
fn version_1_frames_are_these_bytes() {
    insta::assert_snapshot!(hex(&frame(&[document("a"), document("bc")])));
    assert!(Frame::decode(&frame(&[document("a"), document("bc")])).is_ok());
}

#[test]
fn hostile_headers_are_errors() {
    let good = frame(&[document("a"), document("b")]);
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        Frame::decode(&bytes).unwrap_err()
    };
    assert_eq!(with(0, b'X'), Error::Magic);
    assert_eq!(with(4, 2), Error::Version(2));
    assert!(matches!(with(5, 1), Error::Flags(1)));
    assert!(matches!(with(15, 0xff), Error::Length { .. }));
    assert_eq!(with(8, 9), Error::Checksum);
    assert_eq!(with(45, 9), Error::Checksum);
    assert_eq!(Frame::decode(b"EPFR").unwrap_err(), Error::Short(4));
}

#[test]
fn a_right_checksum_over_wrong_documents_is_still_an_error() {
    let mut cut = document("a");
    cut[0] = 200;
    assert_eq!(Frame::decode(&frame(&[cut])).unwrap_err(), Error::Document { index: 0 });
    let mut tiny = document("a");
    tiny[0] = 0;
    assert_eq!(Frame::decode(&frame(&[document("b"), tiny])).unwrap_err(), Error::Document { index: 1 });
    let mut two_in_one = document("a");
    two_in_one.extend(document("b"));
    assert_eq!(Frame::decode(&frame(&[two_in_one])).unwrap_err(), Error::Count { said: 1, has: 2 });
}

proptest! {
    #[test]
    fn what_went_in_comes_out(payloads in prop::collection::vec("[a-z]{0,30}", 0..40), first: i64, last: i64) {
        let documents: Vec<Vec<u8>> = payloads.iter().map(|p| document(p)).collect();
        let mut builder = Builder::new();
        documents.iter().for_each(|d| builder.push(d));
        let bytes = builder.finish(first, last);
        let frame = Frame::decode(&bytes).unwrap();
        prop_assert_eq!(frame.count(), documents.len());
        prop_assert_eq!((frame.first_received_ms, frame.last_received_ms), (first, last));
        prop_assert!(frame.docs().eq(documents.iter().map(Vec::as_slice)));
    }

    #[test]
    fn any_cut_or_flipped_bit_is_found(cut in 1usize..100, bit in 0usize..800) {
        let good = frame(&[document("hello"), document("world")]);
        prop_assert!(Frame::decode(&good[..good.len() - cut.min(good.len())]).is_err());
        let mut flipped = good.clone();
        let bit = bit % (good.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Frame::decode(&flipped).is_err());
    }

    #[test]
    fn any_bytes_are_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Frame::decode(&bytes).is_err());
    }
}
