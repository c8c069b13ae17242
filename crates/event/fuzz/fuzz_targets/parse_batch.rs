//! Any body: never a panic, and what is accepted is BSON within its limit.
#![no_main]

use event::parse::{Context, batch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let mut new_id = || uuid::Uuid::from_u128(7);
    let mut context = Context {
        received_ms: 0,
        batch_events_max: 100,
        event_bytes_max: 4096,
        docs_bytes_max: 100 * 4096,
        new_id: &mut new_id,
    };
    if let Ok(parsed) = batch(body, &mut context) {
        for accepted in parsed.events.iter().flatten() {
            let document: bson::Document = bson::from_slice(parsed.doc(accepted)).expect("accepted events are BSON");
            assert!(parsed.doc(accepted).len() <= 4096);
            assert_eq!(event::doc::event_id(parsed.doc(accepted)), Some(accepted.id));
            assert_eq!(event::doc::user_id(parsed.doc(accepted)), document.get_str("userId").ok());
        }
    }
});
