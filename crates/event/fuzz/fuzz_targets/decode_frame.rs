//! Any bytes: an error or a frame whose documents fill it exactly; never a panic.
#![no_main]

use event::frame::{Builder, Frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(frame) = Frame::decode(bytes) {
        assert_eq!(frame.docs().count(), frame.count());
    }
    // The same bytes under a right checksum, so that the checks behind it are reached.
    let mut builder = Builder::new();
    builder.push(bytes);
    let made = builder.finish(0, 0);
    if let Ok(frame) = Frame::decode(&made) {
        assert_eq!(frame.docs().count(), 1);
    }
});
